// Times that move: one timer for the whole page, idle while the page is hidden.

import { serverNow } from "./api.js";
import { setText } from "./dom.js";
import { ago, elapsed, fullTime } from "./words.js";

function paint(node, now) {
  const moment = Number(node.dataset.moment);
  setText(node, node.dataset.tick === "elapsed" ? elapsed((now - moment) / 1000) : ago(moment, now));
}

/// Lets `node` (a <time>) show how long ago an ISO 8601 moment was, and the full time on hover.
export function showAgo(node, iso) {
  const moment = Date.parse(iso ?? "");
  if (!Number.isFinite(moment)) return stop(node, "");
  if (node.dataset.moment !== String(moment)) {
    node.dateTime = iso;
    node.title = fullTime(moment);
    node.dataset.tick = "ago";
    node.dataset.moment = moment;
  }
  paint(node, serverNow());
}

/// Lets `node` count up from an ISO 8601 moment.
export function showElapsed(node, iso) {
  const moment = Date.parse(iso ?? "");
  if (!Number.isFinite(moment)) return stop(node, "");
  node.dataset.tick = "elapsed";
  node.dataset.moment = moment;
  paint(node, serverNow());
}

/// Ends the counting and shows a fixed text.
export function stop(node, text) {
  delete node.dataset.tick;
  delete node.dataset.moment;
  setText(node, text);
}

/// Starts the timer; called once.
export function startTicking() {
  setInterval(() => {
    if (document.hidden) return;
    const now = serverNow();
    for (const node of document.querySelectorAll("[data-tick]")) paint(node, now);
  }, 1000);
}
