// One run: its stages and its log, live.

import { get, post } from "./api.js";
import { el, rebuild, setText } from "./dom.js";
import { icon } from "./icons.js";
import { LogPanel } from "./log-panel.js";
import { RerunForm } from "./rerun.js";
import { factList, RunFacts, runFacts } from "./run-facts.js";
import { showBadge, showTook } from "./run-row.js";
import { showAgo } from "./ticker.js";
import { stagesOf, TabTrack } from "./track.js";
import { isOpen, runTitle, STAGES, status, undo, waiting } from "./words.js";

const MARKS = { good: "✓", bad: "✗", warn: "!", run: "●", wait: "–" };

export class RunPage {
  #app;
  #id;
  #run = null;
  #chosen = null;
  #shown = null;
  #timer = null;
  #heard = 0;
  #stopped = false;

  constructor(app, id) {
    this.#app = app;
    this.#id = id;
    this.stream = `/api/v1/events?run=${id}`;
    const named = location.hash.slice(1);
    if (STAGES.includes(named)) this.#chosen = named;
    app.title(`Run ${id}`);
    this.focus = el("h1", { text: `Run ${id}`, tabindex: "-1" });
    this.badge = el("span", { class: "badge big" });
    this.took = el("span", { class: "took" });
    this.when = el("time");
    this.number = el("span", { class: "number", text: `Run ${id}` });
    this.cancel = el("button", { type: "button", class: "small-button danger", text: "Cancel run", hidden: true, on: { click: () => this.#cancel() } });
    this.rerun = new RerunForm((wish) => this.#ask("rerun", wish));
    this.fault = el("p", { class: "fault", role: "alert" });
    this.reasons = el("div", { class: "reasons" });
    this.facts = el("div");
    this.tabs = new TabTrack("log-panel", (name) => this.#choose(name));
    this.log = new LogPanel(app, id, () => this.#run && this.#showLog());
    this.cards = new RunFacts();
    this.node = el("article", { class: "page run-page", "aria-busy": "true" },
      el("p", { class: "back" }, el("a", { href: "/" }, "← All runs")),
      el("header", { class: "run-head" },
        el("p", { class: "run-line" }, this.badge, this.number, this.took, this.when, this.cancel, this.rerun.node),
        this.focus, this.fault, this.reasons),
      this.facts, el("div", { class: "stages" }, this.tabs.node, this.log.node), this.cards.node);
  }

  stop() {
    this.#stopped = true;
    clearTimeout(this.#timer);
    this.log.stop();
  }

  async load(signal) {
    this.#take(await get(`/api/v1/runs/${this.#id}`, signal));
  }

  /// Shows a problem that no waiting will mend; true if it was one.
  problem(error) {
    if (error.status !== 404) return false;
    this.stop();
    this.node.removeAttribute("aria-busy");
    setText(this.focus, `There is no run ${this.#id}`);
    this.node.replaceChildren(el("div", { class: "blank" }, this.focus, el("p", {}, el("a", { href: "/", text: "All runs" }))));
    return true;
  }

  onRun(summary) {
    if (summary.id !== this.#id || !this.#run) return;
    const before = this.#run;
    this.#heard += 1;
    this.#take({ ...before, ...summary });
    // Attempts, images, release and smoke test are only in the whole run: ask for it when they may have changed.
    if (progress(before) !== progress(summary)) this.#loadSoon();
  }

  onLog(note) {
    if (note.run === this.#id) this.log.noted(note);
  }

  #loadSoon() {
    if (this.#timer) return;
    this.#timer = setTimeout(async () => {
      this.#timer = null;
      try {
        const heard = this.#heard;
        const whole = await get(`/api/v1/runs/${this.#id}`);
        if (this.#stopped) return;
        if (heard === this.#heard) return this.#take(whole);
        // Events came meanwhile: what they tell may be newer than this answer, so it stands, and the rest is asked again.
        this.#take({ ...whole, ...summaryOf(this.#run) });
        this.#loadSoon();
      } catch (error) {
        if (error.status === 401) this.#app.refuse();
      }
    }, 250);
  }

  #take(run) {
    const before = this.#run;
    this.#run = run;
    this.node.removeAttribute("aria-busy");
    const look = status(run.status);
    const title = runTitle(run);
    showBadge(this.badge, run.status);
    setText(this.focus, title);
    showTook(this.took, run);
    showAgo(this.when, run.queuedAt);
    this.#app.title(`${MARKS[look.tone]} ${look.word} · ${title} · run ${run.id}`);
    this.cancel.hidden = !(this.#app.mayDeploy() && isOpen(run.status));
    this.rerun.update(run, this.#app.mayDeploy());
    this.#showReasons(run);
    rebuild(this.facts, JSON.stringify([run.reruns, run.pipeline, run.environment, run.ref, run.revision, run.author, run.trigger, run.rollbackTo, run.delivery]), () => factList(runFacts(run)));
    this.tabs.update(run);
    this.cards.update(run);
    this.#showLog();
    if (before) this.#announce(before, run);
  }

  #showReasons(run) {
    const parts = [];
    const wait = isOpen(run.status) && waiting(run.waitingFor);
    if (wait) parts.push(["wait", "clock", capital(wait)]);
    if (run.reason?.message) parts.push([status(run.status).tone, status(run.status).icon, run.reason.message]);
    if (run.supersededBy) parts.push(["wait", "arrow", "Superseded by ", { run: run.supersededBy }]);
    if (run.undo) {
      const look = status(run.undo.status);
      parts.push([look.tone, look.icon, [undo(run.undo.status), run.undo.reason].filter(Boolean).join(". ")]);
    }
    rebuild(this.reasons, JSON.stringify(parts), () => parts.map(([tone, shape, text, link]) => el("p", { class: "reason", "data-tone": tone },
      icon(shape), el("span", {}, text, link && el("a", { href: `/runs/${link.run}`, text: `run ${link.run}` })))));
  }

  // Until somebody chooses a stage or pauses the log, the page shows the stage that matters: what runs, what went wrong,
  // or the last.
  #showLog() {
    const stages = stagesOf(this.#run);
    const held = this.#chosen ?? (this.log.paused ? this.#shown : null);
    const shown = stages.find((stage) => stage.name === held)
      ?? stages.find((stage) => ["running", "failed", "errored", "cancelled"].includes(stage.status))
      ?? stages.findLast((stage) => stage.status === "succeeded")
      ?? stages[0];
    const tries = (this.#run.attempts ?? []).filter((try_) => try_.name === shown.name);
    // A stage that waits to be run again shows what it wrote before.
    const written = shown.attempt === 0 && tries.length ? tries.at(-1) : shown;
    const attempts = [...new Set([...tries.map((try_) => try_.attempt ?? 1), written.attempt ?? 1])].sort((one, other) => one - other);
    this.#shown = shown.name;
    this.tabs.select(shown.name);
    this.log.show(written, attempts);
  }

  #choose(name) {
    this.#chosen = name;
    history.replaceState(null, "", `#${name}`);
    if (this.#run) this.#showLog();
  }

  #announce(before, run) {
    if (before.status !== run.status) return this.#app.announce(`Run ${run.id}: ${status(run.status).word}`);
    const old = stagesOf(before);
    stagesOf(run).forEach((stage, index) => {
      if (stage.status !== old[index].status) this.#app.announce(`${stage.name}: ${status(stage.status).word}`);
    });
  }

  async #cancel() {
    if (!confirm(`Cancel run ${this.#id}?`)) return;
    this.cancel.disabled = true;
    await this.#ask("cancel");
    this.cancel.disabled = false;
  }

  async #ask(what, body) {
    setText(this.fault, "");
    try {
      await post(`/api/v1/runs/${this.#id}/${what}`, body);
    } catch (error) {
      if (error.status === 401) this.#app.refuse();
      else setText(this.fault, error.message);
    }
  }
}

/// Where a run stands: two answers with the same progress tell the same.
function progress(run) {
  return JSON.stringify([run.status, run.undo?.status ?? null, stagesOf(run).map((stage) => [stage.status, stage.attempt])]);
}

function summaryOf(run) {
  const { attempts, images, release, smokeTest, reruns, definition, delivery, ...summary } = run;
  return summary;
}

function capital(text) {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
