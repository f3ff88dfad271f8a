"""The page of the todo application: its three real programs on this machine, and a real browser."""
import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import unittest
import urllib.request

from selenium.webdriver.common.keys import Keys

from site_under_test import BrowserTest, wait
from stage import ROOT, end, read

BUILT = os.path.dirname(os.path.abspath(os.environ.get("FAIRLEAD_BIN") or f"{ROOT}/.build/debug/fairlead"))


class Program:
    """One of the three programs. It can be killed, and started again on the same port."""

    def __init__(self, name, folder, settings):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        self.command = [f"{BUILT}/todo-{name}"]
        self.environment = {"LISTEN": f"127.0.0.1:{port}", "DATA": f"{folder}/{name}"} | settings
        self.log = f"{folder}/{name}.log"
        self.start()

    def start(self):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                self.command, env=self.environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True)
        wait(self.is_ready, f"{self.command[0]} to be ready")

    def is_ready(self):
        if self.process.poll() is not None:
            raise AssertionError(f"{self.command[0]} ended:\n{read(self.log)}")
        with contextlib.suppress(OSError), urllib.request.urlopen(f"{self.url}/readyz", timeout=30) as answer:
            return answer.status == 200

    def kill(self):
        end(self.process, signal.SIGKILL)


class TodoTest(BrowserTest):
    """The programs are started once, and each test leaves no task behind."""

    @classmethod
    def setUpClass(cls):
        programs = [f"todo-{name}" for name in ("backend", "event-service", "frontend")]
        missing = [name for name in programs if not os.path.exists(f"{BUILT}/{name}")]
        if missing:
            raise unittest.SkipTest(f"not built in {BUILT}: {', '.join(missing)}")
        folder = tempfile.mkdtemp(prefix="todo-web-", dir="/var/tmp")
        cls.addClassCleanup(shutil.rmtree, folder, ignore_errors=True)

        def begin(name, **settings):
            program = Program(name, folder, settings)
            cls.addClassCleanup(lambda: end(program.process))
            return program

        cls.events = begin("event-service")
        cls.backend = begin("backend", EVENT_SERVICE_URL=cls.events.url)
        frontend = begin("frontend", BACKEND_URL=cls.backend.url, EVENT_SERVICE_URL=cls.events.url,
                         STATIC=f"{ROOT}/deploy/todo/frontend/static")
        cls.url = frontend.url

    def setUp(self):
        for task in self.ask("/api/tasks?limit=200")["tasks"]:
            self.ask(f"/api/tasks/{task['id']}", "DELETE")
        super().setUp()
        self.visit()

    def visit(self):
        self.open("/")
        self.until(lambda: self.text("#summary").endswith("to do."), "the tasks")

    def ask(self, path, method="GET", body=None, **headers):
        """Asks the API as somebody else does."""
        headers = {"Content-Type": "application/json"} | {key.replace("_", "-"): text for key, text in headers.items()}
        data = body and json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, method=method, data=data, headers=headers)
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.loads(answer.read() or b"null")

    def titles(self):
        return self.texts("#tasks .title")

    def texts(self, selector):
        """Of all of them, as they are at one moment: the page may draw them anew between two looks."""
        return self.script("return [...document.querySelectorAll(arguments[0])].map(node => node.innerText)", selector)

    def add(self, title):
        self.find("#title").send_keys(title + Keys.ENTER)
        self.until(lambda: title in self.titles(), f"the task {title[:40]}")

    def control(self, title, selector):
        return self.script("""
            const rows = [...document.querySelectorAll("#tasks li")];
            const row = rows.find(row => row.querySelector(".title").innerText === arguments[0]);
            return row.querySelector(arguments[1]);
        """, title, selector)

    def happened(self, *sentences):
        """Waits for the newest events, newest first."""
        self.until(lambda: self.texts("#events li span")[:len(sentences)] == list(sentences),
                   f"the events {sentences}")


class Life(TodoTest):
    def test_a_task_is_added_done_opened_again_and_deleted_and_each_is_told(self):
        self.assertEqual(self.text("#summary"), "Nothing to do.")
        self.add("Buy milk")
        self.assertEqual(self.find("#title").get_property("value"), "")
        self.assertEqual(self.text("#summary"), "1 of 1 to do.")
        self.control("Buy milk", "input").click()
        self.until(lambda: self.text("#summary") == "0 of 1 to do.", "the task done")
        self.assertTrue(self.ask("/api/tasks")["tasks"][0]["completed"])
        line = self.script("return getComputedStyle(document.querySelector('li.done .title')).textDecorationLine")
        self.assertEqual(line, "line-through")
        self.control("Buy milk", "input").click()
        self.until(lambda: self.text("#summary") == "1 of 1 to do.", "the task open again")
        self.control("Buy milk", "button").click()
        self.until(lambda: self.text("#summary") == "Nothing to do.", "no task")
        self.assertEqual(self.ask("/api/tasks")["tasks"], [])
        self.happened(*[f"“Buy milk” {what}" for what in ("was deleted", "was changed", "was done", "was added")])
        self.assertFalse(self.find("#trouble").is_displayed())

    def test_what_was_done_is_there_after_a_reload_and_older_tasks_are_one_press_away(self):
        for number in range(53):
            self.ask("/api/tasks", "POST", {"title": f"Task {number}"})
        self.visit()
        self.assertEqual(self.titles(), [f"Task {number}" for number in range(52, 2, -1)])
        self.assertEqual(self.text("#summary"), "50 of 50 or more to do.")
        self.find("#more").click()
        self.until(lambda: self.text("#summary") == "53 of 53 to do.", "all tasks")
        self.assertFalse(self.find("#more").is_displayed())
        # They stay when one of them is changed.
        self.control("Task 0", "input").click()
        self.until(lambda: self.text("#summary") == "52 of 53 to do.", "the oldest done")

    def test_two_presses_add_one_task(self):
        self.find("#title").send_keys("Once")
        self.script("const button = document.querySelector('#add button'); button.click(); button.click();")
        self.until(lambda: self.titles() == ["Once"] and self.find("#add button").is_enabled(), "the task")
        self.assertEqual(len(self.ask("/api/tasks")["tasks"]), 1)


class Trouble(TodoTest):
    expected_in_console = ("Failed to load resource",)

    def said(self):
        return self.text("#trouble")

    def test_titles_with_markup_are_shown_as_they_are(self):
        title = "<img src=x onerror=\"document.title='taken'\"><b>bold</b>&amp;"
        self.add(title)
        self.happened(f"“{title}” was added")
        self.assertEqual(self.all("#tasks img, #tasks b, #events img, #events b"), [])
        self.assertEqual(self.control(title, "button").get_attribute("aria-label"), f"Delete: {title}")
        self.assertEqual(self.browser.title, "Todo")

    def test_a_title_that_cannot_be_is_refused_in_plain_words_and_kept_for_mending(self):
        box = self.find("#title")
        wrong = {"x" * 201: "The title must have at most 200 characters.", "   ": "The title must not be empty."}
        for title, sentence in wrong.items():
            self.script("arguments[0].value = arguments[1]", box, title)
            box.send_keys(Keys.ENTER)
            self.until(lambda: self.said() == sentence, sentence)
            self.assertEqual(box.get_property("value"), title)
        self.assertEqual(self.titles(), [])
        # A cheese is one character, whatever it is to JavaScript.
        self.script("arguments[0].value = arguments[1]", box, "🧀" * 200)
        box.send_keys(Keys.ENTER)
        self.until(lambda: self.titles() == ["🧀" * 200], "the longest title")
        self.assertEqual(self.said(), "")

    def test_while_the_backend_is_away_the_page_says_so_and_is_well_again_by_itself(self):
        self.add("Before")
        self.backend.kill()
        self.addCleanup(lambda: self.backend.process.poll() is None or self.backend.start())
        self.find("#title").send_keys("Later" + Keys.ENTER)
        self.until(lambda: "The backend does not answer" in self.said(), "the reason")
        self.until(lambda: "Trying again" in self.said(), "the hope")
        self.control("Before", "input").click()
        self.until(lambda: not self.control("Before", "input").is_selected(), "what is so, not what was wished")
        # Nothing that was written or seen is gone.
        self.assertEqual(self.find("#title").get_property("value"), "Later")
        self.assertEqual(self.titles(), ["Before"])
        self.open("/")
        self.until(lambda: "The tasks cannot be shown now" in self.said(), "the trouble of a page without tasks")
        self.assertNotIn("Loading", self.find("body").text)
        self.backend.start()
        self.until(lambda: self.titles() == ["Before"] and self.said() == "", "the tasks again")
        self.add("Later")

    def test_while_the_event_service_is_away_tasks_go_on_and_nothing_is_forgotten(self):
        self.events.kill()
        self.addCleanup(lambda: self.events.process.poll() is None or self.events.start())
        self.add("Meanwhile")
        sentence = "The events cannot be shown now (The event service does not answer). Trying again…"
        self.until(lambda: self.said() == sentence, sentence)
        self.events.start()
        self.happened("“Meanwhile” was added")
        self.assertEqual(self.said(), "")

    def test_who_comes_second_is_told_and_sees_what_is_so(self):
        self.add("Ours")
        task = f"/api/tasks/{self.ask('/api/tasks')['tasks'][0]['id']}"
        self.ask(task, "PATCH", {"title": "Theirs"}, If_Match="*")
        self.control("Ours", "input").click()
        self.until(lambda: self.said() == "Somebody else has changed this task; here it is as it is now.", "the reason")
        self.until(lambda: self.titles() == ["Theirs"], "what the task is now")
        self.assertFalse(self.control("Theirs", "input").is_selected())
        self.ask(task, "DELETE")
        self.control("Theirs", "button").click()
        self.until(lambda: self.said() == "This task is gone: somebody else has deleted it.", "the reason")
        self.until(lambda: self.titles() == [], "no task")


class Looks(TodoTest):
    def focus(self):
        return self.script("return document.activeElement.id || document.activeElement.className")

    def press(self, *keys):
        for key in keys:
            self.browser.switch_to.active_element.send_keys(key)

    def test_everything_is_done_by_keyboard(self):
        self.find("body").send_keys(Keys.TAB)
        self.assertEqual(self.focus(), "skip")
        self.assertGreaterEqual(self.script("return document.activeElement.getBoundingClientRect().left"), 0)
        self.press(Keys.TAB, "One", Keys.ENTER)
        self.until(lambda: self.titles() == ["One"], "the task")
        self.assertEqual(self.focus(), "title")
        self.press("Two", Keys.ENTER)
        self.until(lambda: self.titles() == ["Two", "One"], "two tasks")
        # To the button, and on to the first task.
        self.press(Keys.TAB, Keys.TAB)
        two = self.ask("/api/tasks")["tasks"][0]["id"]
        self.assertEqual(self.focus(), f"done-{two}")
        self.press(Keys.SPACE)
        self.until(lambda: self.text("#summary") == "1 of 2 to do.", "the task done")
        self.assertEqual(self.focus(), f"done-{two}", "the focus is lost")
        self.press(Keys.TAB)
        self.assertEqual(self.focus(), f"delete-{two}")
        self.press(Keys.ENTER)
        self.until(lambda: self.titles() == ["One"], "the task gone")
        self.assertEqual(self.focus(), "tasks")
        self.press(Keys.TAB, Keys.SPACE)
        self.until(lambda: self.text("#summary") == "0 of 1 to do.", "the other done")

    def test_every_control_has_a_name_and_what_changes_is_said(self):
        self.add("Buy milk")
        self.assert_controls_have_names()
        tree = self.browser.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
        found = {(node["role"]["value"], node["name"]["value"]) for node in tree if "role" in node and "name" in node}
        wanted = {("textbox", "What is to be done?"), ("button", "Add"), ("checkbox", "Buy milk"),
                  ("button", "Delete: Buy milk"), ("heading", "Tasks"), ("heading", "What happened")}
        self.assertEqual(wanted - found, set())
        self.assertEqual({node["role"]["value"] for node in tree if "role" in node} & {"status", "main", "region"},
                         {"status", "main", "region"})
        self.assertEqual(self.find("#trouble").get_attribute("role"), "alert")

    def test_light_and_dark_and_a_telephone_show_all_of_it(self):
        for title in ["Buy milk", "Ask the neighbours when they can take the parcel that comes on Thursday", "x" * 200]:
            self.ask("/api/tasks", "POST", {"title": title})
        grounds = set()
        for width, scheme in [(1280, "light"), (1280, "dark"), (320, "light")]:
            with self.subTest(width=width, scheme=scheme):
                self.look(width, 740, scheme)
                self.visit()
                self.control("Buy milk", "input").click()
                self.until(lambda: "“Buy milk” was" in self.text("#events"), "the events")
                self.assert_fits()
                self.assert_enough_contrast()
                # A finger needs 24 pixels (WCAG 2.2, 2.5.8).
                small = self.script("""
                    const nodes = [...document.querySelectorAll("button, input:not([type=checkbox]), li label")];
                    return nodes.filter((node) => node.checkVisibility())
                      .filter((node) => Math.min(node.offsetHeight, node.offsetWidth) < 24)
                      .map((node) => node.outerHTML)""")
                self.assertEqual(small, [])
                grounds.add(self.script("return getComputedStyle(document.body).backgroundColor"))
                if folder := os.environ.get("SCREENSHOTS"):
                    self.browser.save_screenshot(f"{folder}/todo-{width}-{scheme}.png")
        self.assertEqual(len(grounds), 2)


if __name__ == "__main__":
    unittest.main()
