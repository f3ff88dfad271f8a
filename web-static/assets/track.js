// The five stages as a line through five eyes.

import { el, setAttribute, setText } from "./dom.js";
import { icon } from "./icons.js";
import { showElapsed, stop } from "./ticker.js";
import { duration, isOpen, STAGES, status } from "./words.js";

/// One eye: ring, name, and below it the time taken or the status in words.
class Eye {
  constructor(name, tag, attributes) {
    this.name = name;
    this.ring = el("span", { class: "ring" });
    this.note = el("span", { class: "eye-note" });
    this.spoken = el("span", { class: "spoken" });
    this.node = el(tag, { class: "eye", ...attributes }, this.ring, el("span", { class: "eye-name", text: name }), this.note, this.spoken);
  }

  update(stage) {
    const look = status(stage.status);
    if (this.node.dataset.status !== stage.status) {
      this.node.dataset.status = stage.status;
      setAttribute(this.node, "data-tone", look.tone);
      this.ring.replaceChildren(icon(look.icon));
    }
    if (stage.status === "running") showElapsed(this.note, stage.startedAt);
    else if (stage.status === "succeeded") stop(this.note, duration(stage.duration) || "done");
    else stop(this.note, stage.status === "pending" ? "" : look.word.toLowerCase());
    const tries = stage.attempt > 1 ? `, attempt ${stage.attempt}` : "";
    setText(this.spoken, `: ${look.word.toLowerCase()}${tries}`);
    this.node.title = `${this.name}: ${look.word.toLowerCase()}${tries}`;
  }
}

/// The stages a run has, in order; those that the answer leaves out are pending.
export function stagesOf(run) {
  const known = new Map((run.stages ?? []).map((stage) => [stage.name, stage]));
  const rest = isOpen(run.status) ? "pending" : "skipped";
  return STAGES.map((name) => known.get(name) ?? { name, status: rest, attempt: 1, logBytes: 0 });
}

/// A track to look at.
export class Track {
  constructor() {
    this.eyes = STAGES.map((name) => new Eye(name, "span", {}));
    this.node = el("ol", { class: "track", "aria-label": "Stages" }, ...this.eyes.map((eye) => el("li", {}, eye.node)));
  }

  update(run) {
    stagesOf(run).forEach((stage, index) => this.eyes[index].update(stage));
  }
}

/// A track to choose from: tabs, with the arrow keys of the ARIA tabs pattern.
export class TabTrack {
  constructor(panel, choose) {
    this.eyes = STAGES.map((name) => new Eye(name, "button", {
      type: "button", role: "tab", id: `tab-${name}`, "aria-controls": panel, tabindex: "-1", "aria-selected": "false",
    }));
    this.node = el("div", { class: "track tabs", role: "tablist", "aria-label": "Stages" }, ...this.eyes.map((eye) => eye.node));
    this.node.addEventListener("click", (event) => {
      const tab = event.target.closest("[role=tab]");
      if (tab) choose(this.eyes.find((eye) => eye.node === tab).name);
    });
    this.node.addEventListener("keydown", (event) => {
      const index = this.eyes.findIndex((eye) => eye.node === event.target);
      const last = this.eyes.length - 1;
      const to = { ArrowRight: index + 1, ArrowLeft: index - 1, Home: 0, End: last }[event.key];
      if (index < 0 || to === undefined || event.altKey || event.ctrlKey || event.metaKey) return;
      event.preventDefault();
      const eye = this.eyes[(to + this.eyes.length) % this.eyes.length];
      choose(eye.name);
      eye.node.focus();
    });
  }

  update(run) {
    stagesOf(run).forEach((stage, index) => this.eyes[index].update(stage));
  }

  select(name) {
    for (const eye of this.eyes) {
      setAttribute(eye.node, "aria-selected", String(eye.name === name));
      setAttribute(eye.node, "tabindex", eye.name === name ? "0" : "-1");
    }
  }
}
