// Trading a token for a session.

import { post } from "./api.js";
import { el, setAttribute, setText } from "./dom.js";

export class LoginPage {
  #app;
  #next;

  constructor(app, query) {
    this.#app = app;
    this.#next = ownPath(query.get("next"));
    app.title("Sign in");
    this.focus = el("input", {
      id: "token", name: "token", type: "password", autocomplete: "current-password", required: true, spellcheck: "false",
      autocapitalize: "off", "aria-describedby": "token-help token-fault",
    });
    this.fault = el("p", { id: "token-fault", class: "fault", role: "alert" });
    this.button = el("button", { type: "submit", class: "main-button", text: "Sign in" });
    const form = el("form", { class: "login", method: "post", action: "/login", on: { submit: (event) => this.#submit(event) } },
      el("h1", { text: "Sign in" }),
      query.get("ended") && el("p", { class: "hint", text: "Your session has ended." }),
      // Password managers want a name beside the secret; there is none, so this one is fixed and hidden.
      el("input", { type: "text", name: "username", autocomplete: "username", value: "fairlead", hidden: true, tabindex: "-1", "aria-hidden": "true" }),
      el("label", { for: "token", text: "Token" }),
      this.focus,
      this.fault,
      this.button,
      el("p", { id: "token-help", class: "hint" }, "The operator makes one with ", el("code", { text: "fairlead token create --role viewer" }), "."));
    this.node = el("div", { class: "login-page" }, form);
  }

  async #submit(event) {
    event.preventDefault();
    const token = this.focus.value.trim();
    if (!token || this.button.disabled) return;
    this.#fail("");
    this.button.disabled = true;
    try {
      await post("/api/v1/session", { token });
      this.focus.value = "";
      await this.#app.learnSession();
      this.#app.navigate(this.#next, { replace: true });
    } catch (error) {
      this.#fail(error.status === 401 ? "This token is not known. It may have been revoked." : error.message);
      this.focus.select();
      this.focus.focus();
    } finally {
      this.button.disabled = false;
    }
  }

  #fail(text) {
    setText(this.fault, text);
    setAttribute(this.focus, "aria-invalid", text ? "true" : null);
  }
}

/// Where to go after signing in: a path of this server and nothing else, whatever the link said.
function ownPath(text) {
  if (!text) return "/";
  try {
    const url = new URL(text, location.origin);
    return url.origin === location.origin && url.pathname !== "/login" ? url.pathname + url.search + url.hash : "/";
  } catch {
    return "/";
  }
}
