"""Light and dark, telephone width, contrast, keyboard, policy."""
import unittest

from selenium.webdriver.common.keys import Keys

from site_under_test import PageTest

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


class Looks(PageTest):
    def setUp(self):
        super().setUp()
        runs = self.server.some_runs()
        self.pages = ["/", f"/runs/{runs[0]['id']}", f"/runs/{runs[-1]['id']}", "/login"]

    def visit(self, path):
        self.open(path)
        self.until(lambda: self.all("main h1") and not self.all("main [aria-busy]"), f"the page {path}")

    def test_light_and_dark_are_two_casts_with_enough_contrast(self):
        grounds = {}
        for scheme in ["light", "dark"]:
            self.look(1280, 900, scheme)
            for path in self.pages:
                with self.subTest(scheme=scheme, path=path):
                    self.visit(path)
                    looked, faint = self.script(FAINT)
                    self.assertGreater(looked, 2)
                    self.assertEqual(faint, [])
            grounds[scheme] = self.script("return getComputedStyle(document.body).backgroundColor")
        self.assertNotEqual(grounds["light"], grounds["dark"])

    def test_fits_a_telephone(self):
        self.look(360, 740, "light")
        for path in self.pages:
            with self.subTest(path=path):
                self.visit(path)
                width, shown = self.script("return [document.documentElement.scrollWidth, innerWidth]")
                self.assertLessEqual(width, shown)
                beyond = self.script("""
                    return [...document.querySelectorAll("main *")].filter((node) => node.checkVisibility() && !node.closest(".log-view, .spoken"))
                      .filter((node) => node.getBoundingClientRect().right > innerWidth + 0.5).map((node) => node.className || node.tagName)""")
                self.assertEqual(beyond, [])

    def test_the_first_tab_stop_skips_to_the_content(self):
        self.visit("/")
        self.find("body").send_keys(Keys.TAB)
        self.assertEqual(self.script("return document.activeElement.className"), "skip")
        self.assertGreaterEqual(self.script("return document.activeElement.getBoundingClientRect().top"), 0)
        self.browser.switch_to.active_element.send_keys(Keys.ENTER)
        self.until(lambda: self.script("return document.activeElement.id") == "main", "the content in focus")

    def test_every_control_has_a_name(self):
        for path in self.pages:
            with self.subTest(path=path):
                self.visit(path)
                tree = self.browser.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
                controls = [node for node in tree if node.get("role", {}).get("value") in ("button", "link", "textbox", "combobox", "tab")]
                self.assertTrue(controls)
                self.assertEqual([node for node in controls if not node.get("name", {}).get("value", "").strip()], [])

    def test_the_policy_allows_only_this_server(self):
        with self.server.open("/", token=False) as answer:
            policy = answer.headers["Content-Security-Policy"] or ""
        self.assertIn("default-src 'self'", policy)
        self.assertNotIn("unsafe", policy)
        for path in self.pages:
            self.visit(path)
            addresses = self.script("return performance.getEntriesByType('resource').map((entry) => entry.name)")
            self.assertEqual([address for address in addresses if not address.startswith(self.server.url + "/")], [])
            self.assertEqual(self.script("return document.querySelectorAll('[style], style, script:not([src])').length"), 0)


if __name__ == "__main__":
    unittest.main()
