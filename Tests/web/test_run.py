"""One run, live."""
import unittest

from selenium.webdriver.common.keys import Keys

from site_under_test import OPEN_STATUSES, PageTest

STAGES = ["clone", "build", "push", "deploy", "smoke-test"]


class Run(PageTest):
    def open_run(self, number, stage=""):
        self.open(f"/runs/{number}{stage}")
        self.until(lambda: self.text(".run-head .badge"), "the run's status")

    def finished(self):
        """The number of a finished run that wrote a log in its first stage."""
        done = [run["id"] for run in self.server.runs() if run["status"] not in OPEN_STATUSES and run["stages"][0]["logBytes"]]
        return done[0] if done else self.server.finish(self.server.begin_run())["id"]

    def selected(self):
        return self.script("return document.querySelector('[role=tab][aria-selected=true] .eye-name').textContent")

    def lines(self):
        return self.script("return document.querySelector('.log-lines').innerText")

    def test_goes_live_without_a_reload(self):
        number = self.server.begin_run()
        self.addCleanup(self.server.finish, number)
        self.open_run(number)
        self.mark()
        # Each change of what the page says is noted in the page itself, so that none is missed between two looks.
        self.script("""
            window.seen = { statuses: new Set(), lengths: new Set() };
            const note = () => {
              seen.statuses.add(document.querySelector(".run-head .badge").textContent);
              seen.lengths.add(document.querySelector(".log-lines").textContent.length);
            };
            note();
            new MutationObserver(note).observe(document.querySelector("main"), { subtree: true, childList: true, characterData: true });
        """)
        status = self.server.finish(number)["status"]
        self.until(lambda: self.text(".run-head .badge").lower() == status, f"the status {status}")
        self.until(self.lines, "log lines")
        statuses, lengths = self.script("return [[...seen.statuses], [...seen.lengths]]")
        self.assertGreater(len(statuses), 1, f"the status never changed: {statuses}")
        self.assertGreater(len(lengths), 1, f"the log never grew: {lengths}")
        self.assertIn(status.capitalize(), self.browser.title)
        self.assert_not_reloaded()

    def test_shows_the_whole_log_of_each_stage(self):
        run = self.server.get(f"/api/v1/runs/{self.finished()}")
        self.open_run(run["id"])
        for stage in (stage for stage in run["stages"] if stage["logBytes"]):
            with self.subTest(stage=stage["name"]):
                self.find(f"#tab-{stage['name']}").click()
                count = self.server.line_count(run["id"], stage["name"])
                word = "line" if count == 1 else "lines"
                self.until(lambda: self.text(".log-size") == f"{count:,} {word}", f"{count} lines")
                self.assertEqual(self.text(".log-heading"), stage["name"])

    def test_a_paused_log_stands_still_and_goes_on_where_it_was(self):
        number = self.server.begin_run()
        self.addCleanup(self.server.finish, number)
        self.open_run(number)
        pause = ".log-tools button"
        over = lambda: self.server.get(f"/api/v1/runs/{number}")["status"] not in OPEN_STATUSES
        self.until(lambda: self.find(pause).is_displayed() or over(), "a log to pause")
        if not self.find(pause).is_displayed():
            self.skipTest("the run was over before its log could be paused")
        since = self.script("document.querySelector(arguments[0]).click(); return performance.now()", pause)
        self.assertEqual(self.find(pause).get_attribute("aria-pressed"), "true")
        stage = self.selected()
        self.server.finish(number)
        self.until(lambda: self.text(".run-head .badge") not in ("Queued", "Running"), "the end of the run")
        self.assertEqual(self.selected(), stage, "a paused log must not give way to another stage")
        asked = self.script("""
            return performance.getEntriesByType("resource").filter((entry) => entry.startTime > arguments[0] && entry.name.includes("/log?")).length""", since)
        self.assertEqual(asked, 0, "a paused log must not ask for more")
        self.script("document.querySelector('.jump').click()")
        self.find(f"#tab-{stage}").click()
        count = self.server.line_count(number, stage)
        word = "line" if count == 1 else "lines"
        self.until(lambda: self.text(".log-size") == f"{count:,} {word}", "the whole log")

    def test_stages_are_tabs_for_the_keyboard(self):
        self.open_run(self.finished(), "#clone")
        self.until(lambda: self.selected() == "clone", "the stage that the address names")
        self.script("document.getElementById('tab-clone').focus()")
        for key, wanted in [(Keys.ARROW_RIGHT, "build"), (Keys.END, "smoke-test"), (Keys.ARROW_RIGHT, "clone"), (Keys.ARROW_LEFT, "smoke-test"), (Keys.HOME, "clone")]:
            self.browser.switch_to.active_element.send_keys(key)
            self.assertEqual(self.selected(), wanted)
            self.assertEqual(self.script("return document.activeElement.id"), f"tab-{wanted}")
        self.assertEqual(self.script("return document.querySelectorAll('[role=tab][tabindex=\"0\"]').length"), 1)

    def test_is_run_again_from_a_stage_and_keeps_its_earlier_attempts(self):
        number = self.server.finish(self.server.begin_run())["id"]
        self.open_run(number)
        self.mark()
        self.until(lambda: self.find(".rerun").is_displayed(), "the button")
        self.find(".rerun option[value=smoke-test]").click()
        self.script("window.asked = []; window.confirm = (text) => { asked.push(text); return true; }")
        self.find(".rerun button").click()
        spoken = "return document.querySelector('#tab-smoke-test .spoken').textContent"
        self.until(lambda: self.script(spoken) == ": succeeded, attempt 2", "the second attempt")
        self.assertEqual(self.script("return asked"), [f"Run {number} again, from smoke-test?"])
        self.assertEqual(self.server.finish(number)["status"], "succeeded")
        self.until(lambda: "from smoke-test by web tests" in self.text(".facts"), "who has run it again")
        self.assertIn("it had succeeded", self.text(".facts"))
        self.find("#tab-smoke-test").click()
        self.until(lambda: len(self.all(".log-bar option")) == 2, "both attempts")
        self.until(lambda: self.find(".rerun").is_displayed(), "the button, again")
        self.assert_not_reloaded()

    def test_says_why_it_cannot_be_run_again(self):
        self.expected_in_console = ("409",)
        number = self.server.finish(self.server.begin_run())["id"]
        self.open_run(number)
        self.until(lambda: self.find(".rerun").is_displayed(), "the button")
        self.server.finish(self.server.begin_run())
        self.script("window.confirm = () => true")
        self.find(".rerun button").click()
        self.until(lambda: "ask for a rollback" in self.text(".fault"), "the reason")

    def test_a_run_that_is_not_there_says_so(self):
        self.expected_in_console = ("404",)
        self.open("/runs/999999999")
        self.until(lambda: self.text("h1") == "There is no run 999999999", "the sentence")


class LogText(PageTest):
    """The module that turns log bytes into lines, in the browser that runs it."""

    def lines(self, *pieces):
        return self.browser.execute_async_script("""
            const [pieces, done] = arguments;
            import("/assets/log-text.js").then(({ LogText }) => {
              const text = new LogText();
              for (const piece of pieces) text.push(new Uint8Array(piece));
              done([...text.lines, text.partial]);
            }, (error) => done(String(error)));
        """, [list(piece) for piece in pieces])

    def test_turns_bytes_into_plain_lines(self):
        table = [
            ("two lines", [b"one\ntwo\n"], ["one", "two", ""]),
            ("a line that is not whole yet", [b"one\ntw"], ["one", "tw"]),
            ("a line in pieces", [b"on", b"e\nt", b"wo\n"], ["one", "two", ""]),
            ("a character in pieces", ["äx\n".encode()[:1], "äx\n".encode()[1:]], ["äx", ""]),
            ("colours", [b"\x1b[1;31mred\x1b[0m\n"], ["red", ""]),
            ("colours in pieces", [b"\x1b[1;", b"31mred\n"], ["red", ""]),
            ("a window title", [b"\x1b]0;title\x07text\n"], ["text", ""]),
            ("progress that overwrites itself", [b"10%\r50%\r100%\n"], ["100%", ""]),
            ("Windows line ends", [b"one\r\ntwo\r\n"], ["one", "two", ""]),
            ("a tab stays, a bell goes", [b"a\tb\x07c\n"], ["a\tbc", ""]),
            ("no turning of the writing", ["a\u202egnp.exe\n".encode()], ["agnp.exe", ""]),
            ("markup is text", [b"<b onclick=x>&amp;\n"], ["<b onclick=x>&amp;", ""]),
            ("what is no UTF-8", [b"a\xffb\n"], ["a\ufffdb", ""]),
        ]
        for name, pieces, wanted in table:
            with self.subTest(name):
                self.assertEqual(self.lines(*pieces), wanted)


if __name__ == "__main__":
    unittest.main()
