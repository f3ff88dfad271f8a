// One run in the list: built once, patched afterwards.

import { el, rebuild, setAttribute, setText } from "./dom.js";
import { icon } from "./icons.js";
import { showAgo, showElapsed, stop } from "./ticker.js";
import { Track } from "./track.js";
import { duration, runTitle, shortRef, shortRevision, status, undo, waiting } from "./words.js";

export class RunRow {
  constructor(run) {
    this.id = run.id;
    this.badge = el("span", { class: "badge" });
    this.link = el("a", { class: "row-title", href: `/runs/${run.id}` });
    this.number = el("span", { class: "number", text: `#${run.id}` });
    this.lane = el("span", { class: "lane" });
    this.ref = el("span", { class: "ref" });
    this.revision = el("code", { class: "revision" });
    this.author = el("bdi", { class: "author" });
    this.when = el("time");
    this.took = el("span", { class: "took" });
    this.reason = el("p", { class: "row-reason", hidden: true });
    this.track = new Track();
    this.node = el("li", { class: "row" },
      el("div", { class: "row-status" }, this.badge, this.took),
      el("div", { class: "row-what" },
        el("h2", {}, this.link),
        el("p", { class: "row-meta" }, this.number, this.lane, this.ref, this.revision, this.author, this.when),
        this.reason),
      this.track.node);
    this.update(run);
  }

  update(run) {
    this.run = run;
    showBadge(this.badge, run.status);
    setAttribute(this.node, "data-tone", status(run.status).tone);
    setText(this.link, runTitle(run));
    setText(this.lane, run.environment && run.environment !== run.pipeline ? `${run.pipeline} → ${run.environment}` : run.pipeline);
    setText(this.ref, shortRef(run.ref));
    setText(this.revision, shortRevision(run.revision));
    setText(this.author, run.author ?? "");
    showAgo(this.when, run.queuedAt);
    showTook(this.took, run);
    const reason = reasonLine(run);
    setText(this.reason, reason);
    if (this.reason.hidden !== !reason) this.reason.hidden = !reason;
    this.track.update(run);
  }
}

/// Icon and word of a status into `node`.
export function showBadge(node, name) {
  const look = status(name);
  setAttribute(node, "data-tone", look.tone);
  setAttribute(node, "data-status", name);
  rebuild(node, name, () => [icon(look.icon), el("span", { text: look.word })]);
}

/// How long a run took, or takes so far.
export function showTook(node, run) {
  if (run.status === "running" && run.startedAt) showElapsed(node, run.startedAt);
  else stop(node, run.startedAt ? duration(run.duration) : "");
}

/// Why a run is in its status, in one line; empty if there is nothing to say.
export function reasonLine(run) {
  if (run.status === "queued") return waiting(run.waitingFor) ?? "";
  const parts = run.status === "running" && run.waitingFor ? [waiting(run.waitingFor)] : [];
  if (run.reason?.message) parts.push(run.reason.message);
  if (run.status === "superseded" && run.supersededBy) parts.push(`superseded by run ${run.supersededBy}`);
  if (run.undo) parts.push(undo(run.undo.status).toLowerCase());
  return parts.join(" · ");
}
