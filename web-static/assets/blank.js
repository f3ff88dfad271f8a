// A page that has nothing to show but a sentence.

import { el } from "./dom.js";

export class Blank {
  constructor(app, heading, text, link) {
    app.title(heading);
    this.focus = el("h1", { text: heading, tabindex: "-1" });
    this.node = el("div", { class: "blank" }, this.focus, el("p", { text }), link && el("p", {}, el("a", { href: link.href, text: link.text })));
  }
}
