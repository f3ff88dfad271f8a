"""The list of runs."""
import json

from site_under_test import OPEN_STATUSES, PageTest

WORDS = {"Queued", "Running", "Succeeded", "Failed", "Errored", "Cancelled", "Superseded", "Skipped"}
STAGES = ["clone", "build", "push", "deploy", "smoke-test"]


class Runs(PageTest):
    def setUp(self):
        super().setUp()
        self.server.some_runs()

    def numbers(self):
        return [int(text[1:]) for text in self.script("return [...document.querySelectorAll('.row .number')].map((node) => node.textContent)")]

    def test_shows_what_the_server_tells_newest_first(self):
        self.open_runs()
        self.assertEqual(self.numbers(), [run["id"] for run in self.server.runs()])

    def test_tells_each_status_by_icon_and_word(self):
        self.open_runs()
        for row in self.script("""
            return [...document.querySelectorAll(".row")].map((row) => ({
              badge: row.querySelector(".badge").textContent,
              icons: row.querySelectorAll(".badge svg path").length,
              stages: [...row.querySelectorAll(".eye")].map((eye) => eye.querySelector(".eye-name").textContent),
              spoken: [...row.querySelectorAll(".eye .spoken")].map((node) => node.textContent),
              rings: row.querySelectorAll(".ring svg path").length,
            }))"""):
            self.assertIn(row["badge"], WORDS)
            self.assertEqual(row["icons"], 1)
            self.assertEqual(row["stages"], STAGES)
            self.assertEqual(row["rings"], 5)
            self.assertTrue(all(len(words) > 2 for words in row["spoken"]), row["spoken"])

    def test_a_new_run_appears_and_ends_without_a_reload(self):
        self.open_runs()
        self.until(lambda: self.text("#link-state") == "Live", "the event stream")
        self.mark()
        number = self.server.begin_run()
        self.until(lambda: self.numbers()[0] == number, "the new run at the top")
        status = self.server.finish(number)["status"]
        self.until(lambda: self.text(".row .badge").lower() == status, f"the status {status}")
        self.assertNotIn(status, OPEN_STATUSES)
        self.assert_not_reloaded()

    def test_filters_by_status_and_keeps_that_in_the_address(self):
        self.open_runs()
        status = self.server.runs()[0]["status"]
        self.find(f"select[name=status] option[value={status}]").click()
        self.until(lambda: self.script("return location.search") == f"?status={status}", "the address")
        wanted = [run["id"] for run in self.server.get(f"/api/v1/runs?limit=25&status={status}")["runs"]]
        self.until(lambda: self.numbers() == wanted, "the runs of that status")
        self.browser.back()
        everything = [run["id"] for run in self.server.runs()]
        self.until(lambda: self.numbers() == everything, "all runs")

    def test_a_row_leads_to_its_run_and_back(self):
        self.open_runs()
        self.mark()
        number = self.numbers()[0]
        self.find(".row-title").click()
        self.until(lambda: self.path() == f"/runs/{number}" and self.all(".tabs .eye"), "the run's page")
        self.assertEqual(self.script("return document.activeElement.tagName"), "H1")
        self.browser.back()
        self.until(lambda: self.path() == "/" and self.all(".row"), "the list")
        self.assert_not_reloaded()

    def test_an_environment_is_paused_and_resumed(self):
        self.open_runs()
        self.until(lambda: self.text("#link-state") == "Live", "the event stream")
        self.mark()
        self.script("window.prompt = () => 'The database moves.'; window.confirm = () => true")
        self.find(".berth-tools button").click()
        self.until(lambda: "Paused by web tests" in self.text(".berth-hold"), "the pause")
        self.assertIn(": The database moves.", self.text(".berth-hold"))
        self.assertFalse(self.find(".berth-tools button").is_displayed(), "it cannot be paused twice")
        waiting = self.server.begin_run()
        self.until(lambda: self.text(".row .row-reason") == "the environment is paused", "what the push waits for")
        self.find(".berth-hold button").click()
        self.until(lambda: not self.find(".berth-hold").is_displayed(), "the pause's end")
        self.server.finish(waiting)
        self.assert_not_reloaded()

    def test_a_hold_is_shown_and_ends_with_resume(self):
        released = [run["id"] for run in self.server.runs() if run["status"] == "succeeded" and not run["rollbackTo"]]
        while len(released) < 2:
            released.insert(0, self.server.finish(self.server.begin_run())["id"])
        self.open_runs()
        self.until(lambda: self.text("#link-state") == "Live", "the event stream")
        self.mark()
        path = "/api/v1/pipelines/sample/rollback"
        with self.server.open(path, method="POST", body={"to": released[1]}) as answer:
            rollback = json.load(answer)["id"]
        self.until(lambda: f"run {rollback}" in self.text(".berth-hold"), "the hold")
        self.assertIn("until somebody resumes", self.text(".berth-hold"))
        self.assertEqual(self.server.finish(rollback)["status"], "succeeded")
        held = self.server.begin_run()
        self.until(lambda: self.text(".row .row-reason") == "held after a rollback", "what the push waits for")
        self.script("window.confirm = () => true")
        self.find(".berth-hold button").click()
        self.until(lambda: not self.find(".berth-hold").is_displayed(), "the hold's end")
        self.server.finish(held)
        self.assert_not_reloaded()
        self.find(f".row-title[href='/runs/{rollback}']").click()
        self.until(lambda: self.all(".facts"), "the run's page")
        self.assertIn(f"that of run {released[1]}", self.text(".facts"))
        self.assertIn("as a rollback", self.text(".facts"))
