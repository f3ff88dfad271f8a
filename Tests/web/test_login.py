"""Signing in and out, and what a stranger sees."""
import unittest

from site_under_test import PageTest


class Login(PageTest):
    signed_in = False
    expected_in_console = ("401",)

    def submit(self, token):
        field = self.until(lambda: self.find("#token"), "the token field")
        field.clear()
        field.send_keys(token + "\n")

    def test_a_stranger_is_asked_for_a_token_and_then_led_on(self):
        if self.server.public() != "nothing":
            self.skipTest("this server shows runs to everybody")
        self.open("/?status=succeeded")
        self.until(lambda: self.path() == "/login", "the login page")
        self.until(lambda: self.script("return document.activeElement.id") == "token", "the token field in focus")
        self.submit(self.server.token)
        self.until(lambda: self.path() == "/" and self.find(".filters"), "the page that was asked for")
        self.assertEqual(self.script("return location.search"), "?status=succeeded")

    def test_an_unknown_token_is_refused_in_words(self):
        self.open("/login")
        self.submit("not-a-token")
        self.until(lambda: self.text("#token-fault") != "", "the reason")
        self.assertEqual(self.find("#token").get_attribute("aria-invalid"), "true")
        self.assertEqual(self.script("return document.activeElement.id"), "token")
        self.assertEqual(self.path(), "/login")

    def test_signing_out_ends_the_session(self):
        self.sign_in()
        self.until(lambda: self.find("#who button"), "the button")
        self.assertIsNone(self.script("return document.cookie || null"), "the session must not be readable by scripts")
        self.find("#who button").click()
        self.until(lambda: not self.find("#who button"), "the end of the session")
        self.assertIsNone(self.browser.execute_async_script(
            "const done = arguments[0]; fetch('/api/v1/session').then((answer) => answer.json()).then((session) => done(session.role))"))

    def test_only_leads_on_to_pages_of_this_server(self):
        for address in ["//example.invalid/", "https://example.invalid/", "javascript:document.title='bad'", "/\\\\example.invalid"]:
            with self.subTest(address):
                self.browser.delete_all_cookies()
                self.open("/login")
                self.script("location.assign('/login?next=' + encodeURIComponent(arguments[0]))", address)
                self.submit(self.server.token)
                self.until(lambda: self.path() != "/login", "the next page")
                self.assertEqual(self.script("return location.origin"), self.server.url)
                self.assertNotEqual(self.browser.title, "bad")

    def test_logs_ask_a_stranger_to_sign_in(self):
        if self.server.public() != "status":
            self.skipTest("only a server with `public: status` shows runs without their logs")
        runs = self.server.some_runs()
        self.open(f"/runs/{runs[0]['id']}")
        self.until(lambda: "Sign in to see logs" in self.text(".log-hint"), "the sentence")


if __name__ == "__main__":
    unittest.main()
