"""Light and dark, telephone width, contrast, keyboard, policy."""
import unittest

from selenium.webdriver.common.keys import Keys

from site_under_test import PageTest

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
                    self.assert_enough_contrast()
            grounds[scheme] = self.script("return getComputedStyle(document.body).backgroundColor")
        self.assertNotEqual(grounds["light"], grounds["dark"])

    def test_fits_a_telephone(self):
        self.look(360, 740, "light")
        for path in self.pages:
            with self.subTest(path=path):
                self.visit(path)
                self.assert_fits(ignored=".log-view, .spoken")

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
                self.assert_controls_have_names()

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
