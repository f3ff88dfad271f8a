// The shell: which page the address asks for, who is looking, and whether the line to the server holds.

import { get, Problem, remove } from "./api.js";
import { el, setText } from "./dom.js";
import { icon } from "./icons.js";
import { LoginPage } from "./login-page.js";
import { Blank } from "./blank.js";
import { RunPage } from "./run-page.js";
import { RunsPage } from "./runs-page.js";
import { Stream } from "./stream.js";
import { startTicking } from "./ticker.js";
import { timeOfDay } from "./words.js";

// How long a page waits for its event stream before it loads without: loading after the stream is open loses nothing
// in between, but a stream that does not come must not hold the page back.
const STREAM_GRACE = 600;

const main = document.getElementById("main");
const notice = document.getElementById("notice");
const linkState = document.getElementById("link-state");
const who = document.getElementById("who");
const spoken = document.getElementById("spoken");

const app = {
  session: { role: null, public: "nothing" },
  navigate,
  refuse,
  moved,
  announce: (text) => setText(spoken, text),
  mayDeploy: () => app.session.role === "deployer" || app.session.role === "admin",
  mayReadLogs: () => app.session.role !== null || app.session.public === "everything",
  signedIn: () => app.session.role !== null,
  title: (text) => { document.title = text ? `${text} · Fairlead` : "Fairlead"; },
};

let page = null;
let loading = null;
let loadAgain = false;
let held = [];
let grace = null;
let goodAt = null;
let lost = false;

const stream = new Stream({
  run: (run) => deliver((target) => target.onRun?.(run)),
  log: (note) => deliver((target) => target.onLog?.(note)),
  hold: () => deliver((target) => target.onHold?.()),
  load,
  state: showLink,
});

// Events that come while the page loads are held back and applied over what was loaded. They may be older than that,
// but they are in order, and the newest change is always the last one of them.
function deliver(work) {
  if (loading) held.push(work);
  else if (page) work(page);
}

/// Brings the page up to date from the server: at first, after a lost connection, and after `reset`.
async function load() {
  clearTimeout(grace);
  if (loading) {
    loadAgain = true;
    return;
  }
  const target = page;
  const control = new AbortController();
  loading = control;
  try {
    do {
      loadAgain = false;
      await target.load(control.signal);
    } while (loadAgain && page === target);
    if (page !== target) return;
    goodAt = Date.now();
    if (!lost) hideNotice();
  } catch (error) {
    if (page !== target) return;
    loadFailed(error, target);
  } finally {
    if (loading === control) {
      loading = null;
      const work = held;
      held = [];
      for (const item of work) item(target);
    }
  }
}

function loadFailed(error, target) {
  if (!(error instanceof Problem)) throw error;
  if (error.status === 401) return refuse();
  if (target.problem?.(error)) return stream.close();
  if (!lost) showNotice(`${error.message} Trying again as soon as it can be reached.`);
}

/// The server wants a token: asks for one and comes back here.
function refuse() {
  const ended = app.signedIn();
  app.session = { ...app.session, role: null };
  const here = location.pathname + location.search + location.hash;
  navigate(`/login?next=${encodeURIComponent(here)}${ended ? "&ended=1" : ""}`, { replace: true });
}

function pageFor(url) {
  const run = /^\/runs\/([1-9]\d{0,14})$/.exec(url.pathname);
  if (run) return new RunPage(app, Number(run[1]));
  if (url.pathname === "/") return new RunsPage(app, url.searchParams);
  if (url.pathname === "/login") return new LoginPage(app, url.searchParams);
  return new Blank(app, "There is nothing here", "The address may have been mistyped.", { href: "/", text: "All runs" });
}

/// Shows the page of an address without leaving the document.
function navigate(path, { replace = false } = {}) {
  const url = new URL(path, location.origin);
  if (replace) history.replaceState(null, "", url);
  else if (url.href !== location.href) history.pushState(null, "", url);
  show(true);
  scrollTo(0, 0);
}

/// The page that is shown has changed what it shows: keeps its address in step and loads it again.
function moved(path) {
  history.pushState(null, "", path);
  load();
}

function show(moveFocus) {
  loading?.abort();
  loading = null;
  held = [];
  clearTimeout(grace);
  page?.stop?.();
  stream.close();
  hideNotice();
  page = pageFor(new URL(location.href));
  main.replaceChildren(page.node);
  showWho();
  if (page.stream) {
    stream.open(page.stream);
    grace = setTimeout(load, STREAM_GRACE);
  } else {
    linkState.hidden = true;
  }
  if (moveFocus || page instanceof LoginPage) (page.focus ?? main).focus({ preventScroll: true });
}

function showWho() {
  const onLogin = location.pathname === "/login";
  if (app.signedIn()) {
    const leave = el("button", { type: "button", class: "quiet", text: "Sign out", on: { click: signOut } });
    who.replaceChildren(el("span", { class: "role", text: app.session.role }), leave);
  } else {
    who.replaceChildren(...(onLogin ? [] : [el("a", { class: "quiet", href: "/login", text: "Sign in" })]));
  }
}

async function signOut() {
  try {
    await remove("/api/v1/session");
  } catch (error) {
    if (error.status !== 401) return showNotice(`Signing out failed. ${error.message}`);
  }
  await learnSession();
  navigate(app.session.public === "nothing" ? "/login" : "/");
}

/// Asks the server who is looking.
async function learnSession() {
  try {
    app.session = { role: null, public: "nothing", ...await get("/api/v1/session") };
  } catch (error) {
    if (error.status === 401) app.session = { role: null, public: "nothing" };
    else throw error;
  }
}
app.learnSession = learnSession;

function showLink(state, seconds) {
  const looks = { live: ["dot", "Live"], connecting: ["turning", "Connecting"], lost: ["bang", "Offline"] };
  const [shape, word] = looks[state];
  linkState.hidden = false;
  if (linkState.dataset.state !== state) {
    linkState.dataset.state = state;
    linkState.replaceChildren(icon(shape), el("span", { text: word }));
  }
  if (state === "lost") {
    lost = true;
    const seen = goodAt ? ` You see what was true at ${timeOfDay(goodAt)}.` : "";
    const again = el("button", { type: "button", text: "Try now", on: { click: () => stream.retryNow() } });
    showNotice(`The connection is lost.${seen} Trying again in ${seconds} s.`, again);
    // The stream cannot say why it was refused; a request can (a session that ended answers 401).
    load();
  } else if (state === "live") {
    goodAt = Date.now();
    lost = false;
    hideNotice();
  }
}

function showNotice(text, ...extra) {
  notice.replaceChildren(icon("bang"), el("p", { text }), ...extra);
  notice.hidden = false;
}

function hideNotice() {
  if (!notice.hidden) notice.hidden = true;
}

function followLink(event) {
  const link = event.target.closest?.("a[href]");
  if (!link || event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  const url = new URL(link.href);
  if (url.origin !== location.origin || url.pathname.startsWith("/api/") || link.hasAttribute("download") || link.target) return;
  if (url.pathname === location.pathname && url.hash && url.search === location.search) return;
  event.preventDefault();
  navigate(url.href);
}

async function start() {
  document.addEventListener("click", followLink);
  addEventListener("popstate", () => show(true));
  startTicking();
  try {
    await learnSession();
  } catch {
    // Without an answer the page starts as for a stranger; the stream says that the server is not there.
  }
  if (!app.signedIn() && app.session.public === "nothing" && location.pathname !== "/login") {
    const here = location.pathname + location.search + location.hash;
    history.replaceState(null, "", here === "/" ? "/login" : `/login?next=${encodeURIComponent(here)}`);
  }
  show(false);
}

start();
