// The words of the page: statuses, times, durations, refs.

const STATUSES = {
  queued: { word: "Queued", icon: "clock", tone: "wait" },
  pending: { word: "Pending", icon: "dot", tone: "wait" },
  running: { word: "Running", icon: "turning", tone: "run" },
  succeeded: { word: "Succeeded", icon: "check", tone: "good" },
  failed: { word: "Failed", icon: "cross", tone: "bad" },
  errored: { word: "Errored", icon: "bang", tone: "warn" },
  cancelled: { word: "Cancelled", icon: "slash", tone: "wait" },
  superseded: { word: "Superseded", icon: "arrow", tone: "wait" },
  skipped: { word: "Skipped", icon: "dash", tone: "wait" },
};

const WAITING = {
  "earlier-run": "waiting for an earlier run",
  approval: "waiting for approval",
  paused: "the environment is paused",
  "rollback-hold": "held after a rollback",
  "build-slot": "waiting until another run has built",
};

const UNDO = {
  running: "The previous release is being put back",
  succeeded: "The previous release was put back",
  failed: "The previous release could not be put back",
};

const TRIGGERS = { push: "by a push", manual: "by hand", reconcile: "by Fairlead, which found a new head", rollback: "as a rollback" };
const HOLDS = { untilResumed: "until somebody resumes", untilNextPush: "until the next push" };

export const RUN_STATUSES = ["queued", "running", "succeeded", "failed", "errored", "cancelled", "superseded", "skipped"];
export const STAGES = ["clone", "build", "push", "deploy", "smoke-test"];

/// Word, icon and tone of a status; one that this page does not know is shown as it is.
export function status(name) {
  return Object.hasOwn(STATUSES, name) ? STATUSES[name] : { word: String(name), icon: "dot", tone: "wait" };
}

/// How a run had ended, to follow "it had".
export function ended(name) {
  const word = status(name).word.toLowerCase();
  return name === "cancelled" ? `been ${word}` : word;
}

/// Why a run waits, in words, or null.
export function waiting(name) {
  if (!name) return null;
  return Object.hasOwn(WAITING, name) ? WAITING[name] : String(name);
}

/// What became of the undo, in words.
export function undo(name) {
  return Object.hasOwn(UNDO, name) ? UNDO[name] : `Undo: ${name}`;
}

/// What began a run, in words.
export function begun(trigger) {
  return Object.hasOwn(TRIGGERS, trigger) ? TRIGGERS[trigger] : trigger;
}

/// How long a hold lasts, in words.
export function until(name) {
  return Object.hasOwn(HOLDS, name) ? HOLDS[name] : String(name);
}

/// Whether a run or stage of this status is still to change.
export function isOpen(name) {
  return name === "queued" || name === "pending" || name === "running";
}

/// Seconds as people say them: "0.4 s", "12 s", "3 min 05 s", "1 h 04 min".
export function duration(seconds) {
  if (typeof seconds !== "number" || !Number.isFinite(seconds)) return "";
  const value = Math.max(0, seconds);
  if (value < 0.0995) return `${Math.round(value * 1000)} ms`;
  if (value < 9.95) return `${value.toFixed(1)} s`;
  const whole = Math.round(value);
  if (whole < 60) return `${whole} s`;
  const two = (number) => String(number).padStart(2, "0");
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${two(whole % 60)} s`;
  return `${Math.floor(whole / 3600)} h ${two(Math.floor((whole % 3600) / 60))} min`;
}

/// Seconds that a running thing has taken, whole ones: a tenth that jumps once a second reads as noise.
export function elapsed(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  return whole < 10 ? `${whole} s` : duration(whole);
}

const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false });
const full = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "medium" });
const day = new Intl.DateTimeFormat("en", { day: "numeric", month: "short", year: "numeric" });

/// A moment as seen from `now` (both in milliseconds): "just now", "5 min ago", "yesterday", "Nov 3, 2026".
export function ago(moment, now) {
  const seconds = (now - moment) / 1000;
  if (seconds < 45) return "just now";
  if (seconds < 3570) return `${Math.max(1, Math.round(seconds / 60))} min ago`;
  if (seconds < 23.5 * 3600) return `${Math.round(seconds / 3600)} h ago`;
  if (seconds < 1.5 * 86400) return "yesterday";
  if (seconds < 7 * 86400) return `${Math.round(seconds / 86400)} days ago`;
  return day.format(moment);
}

export const timeOfDay = (moment) => clock.format(moment);
export const fullTime = (moment) => full.format(moment);

/// `refs/heads/main` → `main`, `refs/tags/v1` → `tag v1`.
export function shortRef(ref) {
  if (!ref) return "";
  if (ref.startsWith("refs/heads/")) return ref.slice("refs/heads/".length);
  if (ref.startsWith("refs/tags/")) return `tag ${ref.slice("refs/tags/".length)}`;
  return ref;
}

export const shortRevision = (revision) => (revision ? revision.slice(0, 8) : "");

/// What a run is called: its commit's first line, or its revision while that is not known.
export function runTitle(run) {
  return run.message || (run.revision ? `Revision ${shortRevision(run.revision)}` : `Run ${run.id}`);
}

/// Bytes as people say them: "812 B", "3.1 kB", "2.4 MB".
export function bytes(count) {
  if (count < 1000) return `${count} B`;
  if (count < 999_500) return `${(count / 1000).toFixed(count < 9950 ? 1 : 0)} kB`;
  return `${(count / 1_000_000).toFixed(1)} MB`;
}
