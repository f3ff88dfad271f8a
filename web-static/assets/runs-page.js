// All runs, newest first.

import { get } from "./api.js";
import { Berths } from "./berths.js";
import { el, rebuild, setText } from "./dom.js";
import { RunRow } from "./run-row.js";
import { isOpen, RUN_STATUSES, runTitle, shortRef, status } from "./words.js";

const PAGE = 25;
const MOST_AT_ONCE = 100;
const FILTERS = ["pipeline", "status", "ref"];

export class RunsPage {
  stream = "/api/v1/events";
  #app;
  #filter = {};
  #rows = new Map();
  #next = null;
  #loaded = false;
  #stopped = false;
  #berthTimer = null;

  constructor(app, query) {
    this.#app = app;
    for (const name of FILTERS) this.#filter[name] = query.get(name) ?? "";
    app.title("Runs");
    this.focus = el("h1", { text: "Runs", tabindex: "-1" });
    this.berths = new Berths(app);
    this.list = el("ol", { class: "rows", "aria-busy": "true" });
    this.empty = el("div", { class: "blank", hidden: true });
    this.fault = el("p", { class: "fault", role: "alert" });
    this.more = el("button", { type: "button", class: "more", text: "Show earlier runs", hidden: true, on: { click: () => this.#showEarlier() } });
    this.node = el("div", { class: "page" }, this.berths.node,
      el("section", { class: "all-runs" }, el("div", { class: "runs-head" }, this.focus, this.#form()), this.list, this.empty, this.fault, this.more));
  }

  stop() {
    this.#stopped = true;
    clearTimeout(this.#berthTimer);
  }

  /// Loads as many runs as are shown (at least one page), so that a reload in the middle of reading keeps its place.
  async load(signal) {
    const [runs] = await Promise.all([this.#loadRuns(signal), this.#loadBerths(signal)]);
    const keep = new Set(runs.map((run) => run.id));
    for (const id of [...this.#rows.keys()]) if (!keep.has(id)) this.#drop(id);
    for (const run of runs) this.#put(run);
    this.#loaded = true;
    this.#showState();
  }

  /// A run that is new or has changed.
  onRun(run) {
    if (!this.#loaded) return;
    const before = this.#rows.get(run.id)?.run;
    if (!this.#matches(run)) this.#drop(run.id);
    else if (before || !this.#next || run.id > Math.min(...this.#rows.keys())) this.#put(run);
    this.#showState();
    if (before?.status !== run.status) {
      if (!before && run.status === "queued") this.#app.announce(`Run ${run.id} of ${run.pipeline} is new: ${runTitle(run)}`);
      else if (!isOpen(run.status)) this.#app.announce(`Run ${run.id} of ${run.pipeline}: ${status(run.status).word}`);
      if (!isOpen(run.status)) this.#berthsSoon();
    }
  }

  /// Pushes are held back from an environment, or no more.
  onHold() {
    if (this.#loaded) this.#berthsSoon();
  }

  async #loadRuns(signal) {
    const wanted = Math.max(PAGE, this.#rows.size);
    const runs = [];
    let path = this.#path({ limit: Math.min(wanted, MOST_AT_ONCE) });
    while (path) {
      const answer = await get(path, signal);
      runs.push(...answer.runs);
      path = runs.length < wanted ? answer.next : null;
      this.#next = answer.next ?? null;
    }
    return runs;
  }

  async #loadBerths(signal) {
    const { pipelines } = await get("/api/v1/pipelines", signal);
    this.berths.update(pipelines);
    this.#offer(pipelines.map((pipeline) => pipeline.name));
  }

  // A run that ended may have changed what is live. Several may end at once: ask once.
  #berthsSoon() {
    clearTimeout(this.#berthTimer);
    this.#berthTimer = setTimeout(() => {
      if (!this.#stopped) this.#loadBerths().catch(() => {});
    }, 300);
  }

  async #showEarlier() {
    const oldest = Math.min(...this.#rows.keys());
    this.more.disabled = true;
    setText(this.fault, "");
    try {
      const answer = await get(this.#next ?? this.#path({ limit: PAGE, before: oldest }));
      this.#next = answer.next ?? null;
      for (const run of answer.runs) if (!this.#rows.has(run.id)) this.#put(run);
      const first = answer.runs[0] && this.#rows.get(answer.runs[0].id);
      this.#showState();
      first?.link.focus({ preventScroll: true });
    } catch (error) {
      if (error.status === 401) this.#app.refuse();
      else setText(this.fault, error.message);
    } finally {
      this.more.disabled = false;
    }
  }

  #path(extra) {
    const query = new URLSearchParams();
    for (const [name, value] of Object.entries({ ...this.#filter, ...extra })) if (value) query.set(name, value);
    return `/api/v1/runs?${query}`;
  }

  #matches(run) {
    return FILTERS.every((name) => !this.#filter[name] || run[name] === this.#filter[name]);
  }

  // Newest first: run numbers only grow, so the place of a row is found by number.
  #put(run) {
    const row = this.#rows.get(run.id);
    if (row) return row.update(run);
    const fresh = new RunRow(run);
    let after = null;
    for (const other of this.#rows.values()) if (other.id < run.id && (!after || other.id > after.id)) after = other;
    this.#rows.set(run.id, fresh);
    this.list.insertBefore(fresh.node, after?.node ?? null);
  }

  #drop(id) {
    this.#rows.get(id)?.node.remove();
    this.#rows.delete(id);
  }

  #showState() {
    this.list.removeAttribute("aria-busy");
    this.more.hidden = !this.#next;
    const none = this.#rows.size === 0;
    const filtered = FILTERS.some((name) => this.#filter[name]);
    this.empty.hidden = !none;
    rebuild(this.empty, String(filtered), () => (filtered
      ? [el("p", { class: "blank-title", text: "No run matches" }), el("p", {}, el("a", { href: "/", text: "Show all runs" }))]
      : [el("p", { class: "blank-title", text: "No runs yet" }), el("p", { text: "Push to a deployed branch, and its run appears here by itself." })]));
  }

  #form() {
    const choice = (name, all, values, text) => {
      const select = el("select", { name, on: { change: () => this.#choose(name, select.value) } },
        el("option", { value: "", text: all }), ...values.map((value) => el("option", { value, text: text(value) })));
      const chosen = this.#filter[name];
      if (chosen && !values.includes(chosen)) select.append(el("option", { value: chosen, text: chosen }));
      select.value = chosen;
      return el("label", {}, el("span", { class: "spoken", text: name }), select);
    };
    this.pipelineChoice = choice("pipeline", "All pipelines", [], (value) => value);
    const ref = this.#filter.ref && el("button", {
      type: "button", class: "chip", "aria-label": `Show all refs, not only ${shortRef(this.#filter.ref)}`,
      on: { click: () => {
        ref.remove();
        this.pipelineChoice.querySelector("select").focus();
        this.#choose("ref", "");
      } },
    }, shortRef(this.#filter.ref), " ×");
    return el("form", { class: "filters", "aria-label": "Filter", on: { submit: (event) => event.preventDefault() } },
      ref, this.pipelineChoice, choice("status", "Any status", RUN_STATUSES, (value) => status(value).word));
  }

  #choose(name, value) {
    this.#filter[name] = value;
    const query = new URLSearchParams(Object.entries(this.#filter).filter(([, text]) => text));
    this.#app.moved(query.size ? `/?${query}` : "/");
  }

  #offer(names) {
    const select = this.pipelineChoice.querySelector("select");
    const known = new Set([...select.options].map((option) => option.value));
    for (const name of names) if (!known.has(name)) select.append(el("option", { value: name, text: name }));
  }
}
