// The live log of one attempt of a stage: it follows the end, can be paused, and keeps the document small.

import { logPiece } from "./api.js";
import { el, rebuild, setAttribute, setText } from "./dom.js";
import { LogText } from "./log-text.js";
import { bytes } from "./words.js";

const CHUNK = 250;
const MOST_LINES = 3000;
const EARLIER = 3000;
// A talkative build must not cost a request for every line.
const PACE = 200;
const AT_END = 32;

export class LogPanel {
  #app;
  #run;
  #resumed;
  #target = null;
  #stage = null;
  #control = new AbortController();
  #text = new LogText();
  #firstShown = 0;
  #openChunk = null;
  #offset = 0;
  #known = 0;
  #complete = false;
  #pulling = false;
  #timer = null;
  #lastPull = 0;
  #paused = null;
  #problem = null;

  /// `resumed` is called when a reader who had paused follows the log again.
  constructor(app, run, resumed) {
    this.#app = app;
    this.#run = run;
    this.#resumed = resumed;
    this.heading = el("h2", { class: "log-heading", id: "log-heading" });
    this.size = el("span", { class: "log-size" });
    this.attempts = el("select", { "aria-label": "Attempt", hidden: true, on: { change: () => this.#choose(Number(this.attempts.value)) } });
    this.pause = el("button", { type: "button", class: "small-button", "aria-pressed": "false", text: "Pause", on: { click: () => this.#setPaused(this.#paused ? null : "button") } });
    this.wrap = el("button", { type: "button", class: "small-button", "aria-pressed": "true", text: "Wrap", on: { click: () => this.#toggleWrap() } });
    this.raw = el("a", { class: "small-button", text: "Raw", download: true });
    this.earlier = el("button", { type: "button", class: "earlier", hidden: true, on: { click: () => this.#showEarlier() } });
    this.partial = el("span", { class: "log-chunk" });
    this.lines = el("pre", { class: "log-lines" }, this.partial);
    this.hint = el("p", { class: "log-hint", hidden: true });
    // A build log has thousands of lines: reading them all aloud helps nobody. What matters is announced elsewhere.
    this.view = el("div", { class: "log-view wrapped", role: "log", "aria-live": "off", tabindex: "0", "aria-labelledby": "log-heading" }, this.earlier, this.lines, this.hint);
    this.view.addEventListener("scroll", () => this.#scrolled(), { passive: true });
    this.jump = el("button", { type: "button", class: "jump", hidden: true, on: { click: () => this.#setPaused(null) } });
    this.node = el("section", { class: "log", id: "log-panel", role: "tabpanel" },
      el("div", { class: "log-bar" }, this.heading, this.attempts, this.size, el("span", { class: "log-tools" }, this.pause, this.wrap, this.raw)),
      el("div", { class: "log-frame" }, this.view, this.jump));
    this.resizes = new ResizeObserver(() => { if (!this.#paused) this.#toEnd(); });
    this.resizes.observe(this.view);
  }

  /// Whether the reader has asked for the log to stand still.
  get paused() {
    return this.#paused !== null;
  }

  stop() {
    this.#control.abort();
    clearTimeout(this.#timer);
    this.resizes.disconnect();
  }

  /// Shows a stage; `attempts` are the numbers of its tries. A stage that is shown already only learns what is new.
  show(stage, attempts) {
    const newest = stage.attempt ?? 1;
    const moved = this.#stage?.name !== stage.name || (this.#stage.attempt !== newest && this.#target.attempt === this.#stage.attempt);
    this.#stage = stage;
    if (moved) this.#begin(stage.name, newest);
    this.#offer(attempts.length ? attempts : [newest]);
    if (this.#target.attempt === newest) this.#known = Math.max(this.#known, stage.logBytes ?? 0);
    setAttribute(this.node, "aria-labelledby", `tab-${stage.name}`);
    this.#pullSoon();
    this.#showState();
  }

  /// The server has more of a log than it had.
  noted(note) {
    if (!this.#target || note.stage !== this.#target.stage || note.attempt !== this.#target.attempt) return;
    this.#known = Math.max(this.#known, note.bytes ?? 0);
    this.#pullSoon();
    this.#showState();
  }

  #choose(attempt) {
    this.#begin(this.#target.stage, attempt);
    this.#pullSoon();
    this.#showState();
  }

  #begin(stage, attempt) {
    this.#control.abort();
    this.#control = new AbortController();
    clearTimeout(this.#timer);
    this.#timer = null;
    this.#pulling = false;
    this.#target = { stage, attempt };
    this.#text = new LogText();
    this.#firstShown = 0;
    this.#openChunk = null;
    this.#offset = 0;
    this.#known = 0;
    this.#complete = false;
    this.#paused = null;
    this.#lastPull = 0;
    this.#problem = null;
    this.lines.replaceChildren(this.partial);
    setText(this.partial, "");
    setText(this.heading, stage);
    this.raw.href = `/api/v1/runs/${this.#run}/stages/${encodeURIComponent(stage)}/log?attempt=${attempt}`;
    this.raw.download = `run-${this.#run}-${stage}.log`;
  }

  #offer(attempts) {
    const key = attempts.join();
    if (this.attempts.dataset.key !== key) {
      this.attempts.dataset.key = key;
      this.attempts.replaceChildren(...attempts.map((number) => el("option", { value: number, text: `Attempt ${number} of ${Math.max(...attempts)}` })));
      this.attempts.hidden = attempts.length < 2;
    }
    this.attempts.value = String(this.#target.attempt);
  }

  // Asks for more where there is, or may be, more: it was announced, nothing was read yet, the last try failed, or the
  // stage has ended and its log not yet.
  #pullSoon(certainly = false) {
    if (this.#timer || this.#pulling || this.#complete || this.#paused || !this.#app.mayReadLogs()) return;
    const { status } = this.#stage;
    // Only a stage that runs may have a log that was not announced yet.
    if (status !== "running" && this.#known === 0) return;
    const wanted = certainly || this.#known > this.#offset || this.#lastPull === 0 || this.#problem || status !== "running";
    if (!wanted) return;
    const wait = this.#lastPull === 0 ? 0 : Math.max(0, this.#lastPull + PACE - performance.now());
    this.#timer = setTimeout(() => this.#pull(), wait);
  }

  async #pull() {
    this.#timer = null;
    this.#pulling = true;
    const { signal } = this.#control;
    const { stage, attempt } = this.#target;
    this.#lastPull = performance.now();
    let more = false;
    try {
      const piece = await logPiece(this.#run, stage, attempt, this.#offset, signal);
      if (signal.aborted) return;
      more = piece.bytes.length > 0;
      this.#offset = piece.next;
      this.#known = Math.max(this.#known, piece.next);
      this.#complete = piece.complete;
      if (more) this.#append(piece.bytes);
      this.#problem = null;
    } catch (error) {
      if (signal.aborted) return;
      this.#problem = error;
      // No log has been written yet, or this attempt wrote none.
      if (error.status === 404) this.#problem = null;
      if (error.status === 401) this.#app.refuse();
    } finally {
      if (!signal.aborted) this.#pulling = false;
    }
    this.#showState();
    if (more) this.#pullSoon(true);
  }

  #append(piece) {
    const before = this.#text.lines.length;
    this.#text.push(piece);
    const lines = this.#text.lines;
    // Of a long log that comes at once only the end is put into the document.
    const from = Math.max(before, lines.length - MOST_LINES);
    if (from > before) {
      for (const node of [...this.lines.children]) if (node !== this.partial) node.remove();
      this.#openChunk = null;
      this.#firstShown = from;
    }
    for (let at = from; at < lines.length;) {
      if (!this.#openChunk) {
        this.#openChunk = makeChunk();
        this.lines.insertBefore(this.#openChunk, this.partial);
      }
      const until = Math.min(lines.length, at + CHUNK - this.#openChunk.lineCount);
      fill(this.#openChunk, lines, at, until);
      if (this.#openChunk.lineCount >= CHUNK) this.#openChunk = null;
      at = until;
    }
    setText(this.partial, this.#text.partial);
    if (this.#paused) return;
    this.#trim();
    this.#toEnd();
  }

  // Lets go of the oldest lines in the document, whole chunks at a time. The text stays at hand for "Show earlier".
  #trim() {
    while (this.#text.lines.length - this.#firstShown > MOST_LINES + CHUNK) {
      const first = this.lines.firstElementChild;
      if (first === this.partial || first === this.#openChunk) return;
      this.#firstShown += first.lineCount;
      first.remove();
    }
  }

  #showEarlier() {
    const until = this.#firstShown;
    const from = Math.max(0, until - EARLIER);
    this.#setPaused(this.#paused ?? "scroll");
    const fromEnd = this.view.scrollHeight - this.view.scrollTop;
    const chunks = document.createDocumentFragment();
    for (let at = from; at < until; at += CHUNK) {
      const chunk = makeChunk();
      fill(chunk, this.#text.lines, at, Math.min(until, at + CHUNK));
      chunks.append(chunk);
    }
    this.lines.prepend(chunks);
    this.#firstShown = from;
    this.#showState();
    this.view.scrollTop = this.view.scrollHeight - fromEnd;
    if (this.earlier.hidden) this.view.focus({ preventScroll: true });
  }

  #scrolled() {
    const atEnd = this.view.scrollHeight - this.view.scrollTop - this.view.clientHeight <= AT_END;
    if (!atEnd && !this.#paused) this.#setPaused("scroll");
    else if (atEnd && this.#paused === "scroll") this.#setPaused(null);
  }

  // Paused by "button" until the button says otherwise; paused by "scroll" until the reader is back at the end.
  #setPaused(how) {
    if (this.#paused === how) return;
    this.#paused = how;
    clearTimeout(this.#timer);
    this.#timer = null;
    if (!how) {
      this.#trim();
      this.#toEnd();
      this.#pullSoon();
      this.#resumed();
    }
    this.#showState();
  }

  #toEnd() {
    this.view.scrollTop = this.view.scrollHeight;
  }

  #toggleWrap() {
    const wrapped = this.view.classList.toggle("wrapped");
    setAttribute(this.wrap, "aria-pressed", String(wrapped));
    if (!this.#paused) this.#toEnd();
  }

  #showState() {
    const count = this.#text.lines.length + (this.#text.partial ? 1 : 0);
    const behind = Math.max(0, this.#known - this.#offset);
    setText(this.size, count ? `${count.toLocaleString("en")} ${count === 1 ? "line" : "lines"}` : "");
    this.pause.hidden = this.#complete || !count;
    setText(this.pause, this.#paused ? "Follow" : "Pause");
    setAttribute(this.pause, "aria-pressed", String(this.#paused !== null));
    setText(this.earlier, `Show ${Math.min(EARLIER, this.#firstShown).toLocaleString("en")} earlier lines`);
    this.earlier.hidden = this.#firstShown === 0;
    setAttribute(this.node, "data-live", this.#stage.status === "running" || this.#stage.status === "pending");
    this.jump.hidden = !this.#paused || (this.#complete && !behind);
    setText(this.jump, behind ? `Paused · ${bytes(behind)} more ↓` : "Paused · go to the end ↓");
    this.wrap.hidden = !count;
    this.raw.hidden = !this.#app.mayReadLogs() || !count;
    this.#showHint(count);
  }

  #showHint(count) {
    const text = this.#app.mayReadLogs() ? this.#hintText(count) : "sign-in";
    this.hint.hidden = !text;
    rebuild(this.hint, text, () => {
      if (text !== "sign-in") return text;
      const here = encodeURIComponent(location.pathname + location.hash);
      return [el("a", { href: `/login?next=${here}`, text: "Sign in" }), " to see logs."];
    });
  }

  #hintText(count) {
    const { status, reason } = this.#stage;
    if (this.#problem) return `The log could not be read. ${this.#problem.message}`;
    if (count > 0) return "";
    if (status === "pending") return "This stage has not begun.";
    if (status === "skipped") return reason?.message ?? "This stage was not run.";
    if (status === "running") return "Waiting for the first line…";
    return this.#pulling || this.#timer ? "" : "No output.";
  }
}

function makeChunk() {
  const chunk = el("span", { class: "log-chunk" });
  chunk.append("");
  chunk.lineCount = 0;
  return chunk;
}

function fill(chunk, lines, from, until) {
  if (from >= until) return;
  const text = lines.slice(from, until).join("\n");
  if (!chunk.firstChild) chunk.append(document.createTextNode(text));
  else chunk.firstChild.appendData(chunk.lineCount ? `\n${text}` : text);
  chunk.lineCount += until - from;
}
