"""What the tests of the status page stand on: a running server, a real Chromium, and a watch on the console.

    FAIRLEAD_URL    where the server is, for example http://127.0.0.1:8080
    FAIRLEAD_TOKEN  a token of role deployer
    FAIRLEAD_PUSH   optional: a command that makes a push, so that a new run begins; without it the tests start a run of
                    the first pipeline by hand. The run should write log lines for a few seconds.

Needs the Debian packages chromium-driver and chromium (or chromium-headless-shell), and requirements.txt. Run with

    python3 -m unittest discover --start-directory Tests/web
"""
import json
import os
import shlex
import shutil
import subprocess
import time
import unittest
import urllib.error
import urllib.request

from selenium import webdriver
from selenium.common.exceptions import NoSuchElementException, StaleElementReferenceException
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

# An upper bound that only a hang reaches.
PATIENCE = 60

OPEN_STATUSES = {"queued", "running"}

# Runs before any script of the page, in every document: what the policy refuses is remembered across navigation.
WATCH = """
addEventListener("securitypolicyviolation", (event) => {
  const seen = JSON.parse(sessionStorage.getItem("violations") ?? "[]");
  seen.push(`${event.violatedDirective} ${event.blockedURI}`);
  sessionStorage.setItem("violations", JSON.stringify(seen));
});
"""


# The roles of what can be used.
CONTROLS = ("button", "link", "textbox", "combobox", "checkbox", "tab")

# Walks all visible text and returns what has too little contrast against the first opaque ground behind it.
FAINT = """
const channel = (value) => (value <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);
const luminance = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
const canvas = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
const colour = (text) => {
  canvas.clearRect(0, 0, 1, 1);
  canvas.fillStyle = text;
  canvas.fillRect(0, 0, 1, 1);
  return [...canvas.getImageData(0, 0, 1, 1).data].map((value) => value / 255);
};
const ground = (node) => {
  for (let at = node; at; at = at.parentElement) {
    const found = colour(getComputedStyle(at).backgroundColor);
    if (found[3] === 1) return found;
  }
  return [1, 1, 1, 1];
};
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
const faint = [];
let looked = 0;
while (walker.nextNode()) {
  const node = walker.currentNode.parentElement;
  if (!walker.currentNode.data.trim() || node.closest(".spoken, .skip, noscript, script, option") || !node.checkVisibility()) continue;
  looked += 1;
  const [one, other] = [luminance(colour(getComputedStyle(node).color)), luminance(ground(node))];
  const ratio = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
  if (ratio < 4.5) faint.push(`${walker.currentNode.data.slice(0, 40)}: ${ratio.toFixed(2)}`);
}
return [looked, faint];
"""


def setting(name):
    value = os.environ.get(name)
    if not value:
        raise RuntimeError(f"Set {name}; see the head of {os.path.basename(__file__)}.")
    return value.rstrip("/")


class Server:
    """The server's API as a program sees it: what the page shows is compared with this."""

    def __init__(self):
        self.url = setting("FAIRLEAD_URL")
        self.token = setting("FAIRLEAD_TOKEN")

    def open(self, path, method="GET", body=None, token=True, accept="application/json"):
        request = urllib.request.Request(self.url + path, method=method, headers={"Accept": accept})
        if token:
            request.add_header("Authorization", f"Bearer {self.token}")
        if body is not None:
            request.add_header("Content-Type", "application/json")
            request.data = json.dumps(body).encode()
        return urllib.request.urlopen(request, timeout=30)

    def get(self, path):
        with self.open(path) as answer:
            return json.load(answer)

    def runs(self):
        return self.get("/api/v1/runs?limit=25")["runs"]

    def some_runs(self):
        """The newest runs; on a new server, one that is made now."""
        if not self.runs():
            self.finish(self.begin_run())
        return self.runs()

    def log(self, run, stage):
        """The whole log of a stage's newest attempt, read piece by piece as far as it goes."""
        text, after = b"", 0
        while True:
            with self.open(f"/api/v1/runs/{run}/stages/{stage}/log?after={after}", accept="text/plain") as answer:
                piece = answer.read()
                text, after = text + piece, int(answer.headers["X-Log-Next"])
                if not piece or answer.headers["X-Log-Complete"] == "true":
                    return text.decode()

    def line_count(self, run, stage):
        text = self.log(run, stage)
        return text.count("\n") + (0 if not text or text.endswith("\n") else 1)

    def public(self):
        with self.open("/api/v1/session", token=False) as answer:
            return json.load(answer)["public"]

    def begin_run(self):
        """Causes a new run and returns its number."""
        before = max((run["id"] for run in self.runs()), default=0)
        command = os.environ.get("FAIRLEAD_PUSH")
        if command:
            subprocess.run(shlex.split(command), check=True, timeout=PATIENCE, stdout=subprocess.DEVNULL)
        else:
            name = self.get("/api/v1/pipelines")["pipelines"][0]["name"]
            with self.open(f"/api/v1/pipelines/{name}/runs", method="POST", body={}) as answer:
                return json.load(answer)["id"]
        return wait(lambda: max((run["id"] for run in self.runs() if run["id"] > before), default=None), "a new run")

    def finish(self, number):
        """Waits for a run to end, so that the next test begins with a quiet server."""
        return wait(lambda: (run := self.get(f"/api/v1/runs/{number}"))["status"] not in OPEN_STATUSES and run, f"the end of run {number}")


def wait(sign, what, within=PATIENCE):
    """Asks again and again for a sign that may come at any time."""
    end = time.monotonic() + within
    while True:
        value = sign()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"waited {within} s in vain for {what}")
        time.sleep(0.05)


class BrowserTest(unittest.TestCase):
    """A browser for each test. Fails on any error in the console, and on what the page's policy refuses."""

    width, height, scheme = 1280, 900, "light"
    # Parts of console messages that a test provokes on purpose.
    expected_in_console = ()
    # Where the page is.
    url = None

    def arguments(self):
        return []

    def setUp(self):
        options = webdriver.ChromeOptions()
        options.binary_location = next(filter(None, map(shutil.which, ["chromium", "chromium-headless-shell"])))
        sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
        for argument in ["--headless=new", "--disable-gpu", "--disable-dev-shm-usage", *sandbox, *self.arguments()]:
            options.add_argument(argument)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        self.browser = webdriver.Chrome(options=options, service=Service("/usr/bin/chromedriver"))
        self.addCleanup(self.browser.quit)
        self.browser.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": WATCH})
        self.look(self.width, self.height, self.scheme)

    def tearDown(self):
        violations = self.browser.execute_script("return location.protocol === 'data:' ? null : sessionStorage.getItem('violations')")
        self.assertIsNone(violations, "the content security policy was violated")
        bad = [entry["message"] for entry in self.browser.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")]
        bad = [message for message in bad if not any(part in message for part in self.expected_in_console)]
        self.assertEqual(bad, [], "the console is not clean")

    def look(self, width, height, scheme):
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        media = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
        self.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", media)

    def open(self, path):
        self.browser.get(self.url + path)

    def path(self):
        return self.browser.execute_script("return location.pathname")

    def find(self, selector):
        found = self.all(selector)
        return found[0] if found else None

    def all(self, selector):
        return self.browser.find_elements(By.CSS_SELECTOR, selector)

    def text(self, selector):
        """Looked for again where the page draws it anew meanwhile."""
        while True:
            node = self.find(selector)
            try:
                return node.text if node else ""
            except StaleElementReferenceException:
                pass

    def script(self, source, *arguments):
        return self.browser.execute_script(source, *arguments)

    def until(self, sign, what):
        ignored = (NoSuchElementException, StaleElementReferenceException)
        waiting = WebDriverWait(self.browser, PATIENCE, poll_frequency=0.05, ignored_exceptions=ignored)
        return waiting.until(lambda _: sign(), f"waited in vain for {what}")

    def assert_fits(self, ignored=".nothing"):
        """Nothing stands out on the right; what is inside `ignored` may be scrolled by itself."""
        width, shown = self.script("return [document.documentElement.scrollWidth, innerWidth]")
        self.assertLessEqual(width, shown)
        beyond = self.script("""
            return [...document.querySelectorAll("main *")].filter((node) => node.checkVisibility() && !node.closest(arguments[0]))
              .filter((node) => node.getBoundingClientRect().right > innerWidth + 0.5).map((node) => node.className || node.tagName)""",
            ignored)
        self.assertEqual(beyond, [])

    def assert_controls_have_names(self):
        tree = self.browser.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
        controls = [node for node in tree if node.get("role", {}).get("value") in CONTROLS]
        self.assertTrue(controls)
        self.assertEqual([node for node in controls if not node.get("name", {}).get("value", "").strip()], [])

    def assert_enough_contrast(self):
        looked, faint = self.script(FAINT)
        self.assertGreater(looked, 2)
        self.assertEqual(faint, [])


class PageTest(BrowserTest):
    """A browser on the status page, signed in unless `signed_in` is False."""

    signed_in = True

    def setUp(self):
        self.server = Server()
        self.url = self.server.url
        super().setUp()
        if self.signed_in:
            self.sign_in()

    def sign_in(self):
        self.open("/login")
        self.until(lambda: self.find("#token"), "the token field").send_keys(self.server.token + "\n")
        self.until(lambda: self.path() != "/login", "the page after signing in")

    def open_runs(self):
        self.open("/")
        self.until(lambda: self.all(".row"), "the list of runs")

    def mark(self):
        """Leaves a mark in the document, which a reload would take away."""
        self.script("window.notReloaded = true")

    def assert_not_reloaded(self):
        self.assertTrue(self.script("return window.notReloaded === true"), "the page was loaded anew")
