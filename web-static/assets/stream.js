// The one event stream of the page.
//
// The browser's own EventSource reconnects once by itself and resumes with Last-Event-ID. When that fails too, the
// stream is opened anew with growing pauses; events may then be missing, so the page is told to load again.

import { parse } from "./api.js";

const FIRST_PAUSE = 1000;
const LONGEST_PAUSE = 30_000;
// A browser opens six connections to a server at most, for all tabs together. So only tabs that are looked at hold a
// stream for long; the others let go of it and ask now and then, to keep their titles true.
const HIDDEN_GRACE = 20_000;
const HIDDEN_PACE = 30_000;

export class Stream {
  #source = null;
  #path = null;
  #pause = FIRST_PAUSE;
  #timer = null;
  #hiddenTimer = null;
  #asleep = false;
  #sawId = false;
  #stumbled = false;
  #handlers;

  /// `handlers`: `run(summary)`, `log(note)`, `hold(note)`, `load()` (what is on the page may be out of date), and
  /// `state(name, retryInSeconds)` with `connecting`, `live` or `lost`.
  constructor(handlers) {
    this.#handlers = handlers;
    document.addEventListener("visibilitychange", () => this.#visibilityChanged());
    addEventListener("online", () => this.retryNow());
    // A page that the browser keeps for "back" must not keep its connection.
    addEventListener("pagehide", () => this.#drop());
    addEventListener("pageshow", (event) => event.persisted && this.retryNow());
  }

  /// Follows `path`, and stops following any other.
  open(path) {
    this.close();
    this.#path = path;
    this.#handlers.state("connecting");
    if (document.hidden) this.#sleep();
    else this.#connect();
  }

  close() {
    clearTimeout(this.#hiddenTimer);
    this.#asleep = false;
    this.#path = null;
    this.#pause = FIRST_PAUSE;
    this.#drop();
  }

  /// Tries at once instead of waiting for the pause to end.
  retryNow() {
    if (!this.#path || this.#asleep || this.#source?.readyState === EventSource.OPEN) return;
    this.#drop();
    this.#handlers.state("connecting");
    this.#connect();
  }

  #drop() {
    clearTimeout(this.#timer);
    this.#timer = null;
    this.#source?.close();
    this.#source = null;
  }

  #connect() {
    const source = new EventSource(this.#path);
    this.#source = source;
    this.#sawId = false;
    this.#stumbled = false;
    let first = true;
    const current = (work) => (event) => {
      if (this.#source === source) work(event);
    };
    source.addEventListener("open", current(() => {
      const resumed = !first && this.#sawId;
      first = false;
      this.#stumbled = false;
      this.#pause = FIRST_PAUSE;
      this.#handlers.state("live");
      if (!resumed) this.#handlers.load();
    }));
    source.addEventListener("run", current((event) => this.#deliver(event, this.#handlers.run)));
    source.addEventListener("log", current((event) => this.#deliver(event, this.#handlers.log)));
    source.addEventListener("hold", current((event) => this.#deliver(event, this.#handlers.hold)));
    source.addEventListener("reset", current((event) => {
      this.#sawId ||= event.lastEventId !== "";
      this.#handlers.load();
    }));
    source.addEventListener("error", current(() => this.#failed(source)));
  }

  #deliver(event, handle) {
    this.#sawId ||= event.lastEventId !== "";
    let value;
    try {
      value = parse(event.data);
    } catch {
      return this.#handlers.load();
    }
    handle(value);
  }

  #failed(source) {
    if (source.readyState === EventSource.CONNECTING && !this.#stumbled) {
      this.#stumbled = true;
      this.#handlers.state("connecting");
      return;
    }
    this.#drop();
    const pause = this.#pause * (0.8 + 0.4 * Math.random());
    this.#pause = Math.min(this.#pause * 2, LONGEST_PAUSE);
    this.#handlers.state("lost", Math.ceil(pause / 1000));
    this.#timer = setTimeout(() => this.#connect(), pause);
  }

  #visibilityChanged() {
    clearTimeout(this.#hiddenTimer);
    if (!this.#path) return;
    if (document.hidden) {
      this.#hiddenTimer = setTimeout(() => this.#sleep(), HIDDEN_GRACE);
    } else {
      this.#asleep = false;
      this.retryNow();
    }
  }

  #sleep() {
    this.#asleep = true;
    this.#drop();
    const ask = () => {
      this.#handlers.load();
      this.#hiddenTimer = setTimeout(ask, HIDDEN_PACE);
    };
    this.#hiddenTimer = setTimeout(ask, HIDDEN_PACE);
  }
}
