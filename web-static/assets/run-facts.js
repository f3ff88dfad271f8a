// What is known about one run besides its stages: facts, images, services, smoke test, definition.

import { serviceItems } from "./berths.js";
import { el, rebuild } from "./dom.js";
import { icon } from "./icons.js";
import { showAgo } from "./ticker.js";
import { begun, duration, ended, shortRef } from "./words.js";

/// A list of facts, label and value; facts without a value are left out.
export function factList(facts) {
  return el("dl", { class: "facts" }, ...facts.filter(([, value]) => value).flatMap(([label, value]) => [
    el("div", {}, el("dt", { text: label }), el("dd", {}, value)),
  ]));
}

/// The fixed facts of a run.
export function runFacts(run) {
  const lane = run.environment && run.environment !== run.pipeline ? `${run.pipeline} → ${run.environment}` : run.pipeline;
  const ref = run.ref && el("a", { href: `/?pipeline=${encodeURIComponent(run.pipeline)}&ref=${encodeURIComponent(run.ref)}`, text: shortRef(run.ref) });
  return [
    ["Pipeline", el("a", { href: `/?pipeline=${encodeURIComponent(run.pipeline)}`, text: lane })],
    ["Ref", ref],
    ["Revision", run.revision && el("code", { class: "whole", text: run.revision })],
    ["Author", run.author && el("bdi", { text: run.author })],
    ["Started", begun(run.trigger)],
    ["Release", run.rollbackTo && el("span", {}, "that of ", el("a", { href: `/runs/${run.rollbackTo}`, text: `run ${run.rollbackTo}` }))],
    ["Run again", run.reruns?.length && el("ul", {}, ...run.reruns.map(rerun))],
    ["Delivery", run.delivery && el("code", { class: "whole", text: run.delivery })],
  ];
}

function rerun(entry) {
  const when = el("time");
  showAgo(when, entry.at);
  const by = entry.by ? [" by ", el("bdi", { text: entry.by })] : [];
  return el("li", {}, `from ${entry.from}${entry.fresh ? ", without reuse" : ""}`, ...by, ", ", when, `; it had ${ended(entry.before.status)}`);
}

/// The sections below the log; each appears when there is something to say.
export class RunFacts {
  constructor() {
    this.checks = el("section", { class: "card", "aria-labelledby": "checks", hidden: true });
    this.images = el("section", { class: "card", "aria-labelledby": "images", hidden: true });
    this.release = el("section", { class: "card", "aria-labelledby": "release", hidden: true });
    this.definition = el("details", { class: "card definition", hidden: true });
    this.node = el("div", { class: "cards" }, this.release, this.checks, this.images, this.definition);
  }

  update(run) {
    this.#section(this.release, run.release, () => [
      el("h2", { id: "release", text: `Release ${run.release.id}` }),
      el("ul", { class: "services" }, ...serviceItems(run.release.services ?? [])),
    ]);
    this.#section(this.checks, run.smokeTest?.length ? run.smokeTest : null, () => [
      el("h2", { id: "checks", text: "Smoke test" }),
      el("ul", { class: "checks" }, ...run.smokeTest.map(check)),
    ]);
    this.#section(this.images, run.images?.length ? run.images : null, () => [
      el("h2", { id: "images", text: "Images" }),
      el("ul", { class: "images" }, ...run.images.map((entry) => image(entry, run.rollbackTo))),
    ]);
    this.#section(this.definition, run.definition, () => [
      el("summary", { text: "The definition this run was accepted with" }),
      el("pre", { class: "json", tabindex: "0", text: JSON.stringify(run.definition, null, 2) }),
    ]);
  }

  #section(node, value, make) {
    const there = value !== null && value !== undefined;
    node.hidden = !there;
    if (there) rebuild(node, JSON.stringify(value), make);
  }
}

function check(result) {
  const numbers = [result.status && `status ${result.status}`, duration(result.duration)].filter(Boolean).join(", ");
  return el("li", { "data-tone": result.passed ? "good" : "bad" },
    el("p", { class: "check-head" },
      el("span", { class: "badge", "data-tone": result.passed ? "good" : "bad" }, icon(result.passed ? "check" : "cross"), el("span", { text: result.passed ? "Passed" : "Failed" })),
      el("span", { class: "check-name", text: result.name }),
      el("span", { class: "hint", text: numbers })),
    result.wasFailingBefore && el("p", { class: "hint", text: result.passed ? "It failed before the deploy." : "It failed before the deploy too." }),
    !result.passed && result.message && el("p", { class: "check-message", text: result.message }),
    result.excerpt && el("details", { open: !result.passed }, el("summary", { text: "What it answered" }), el("pre", { class: "excerpt", tabindex: "0", text: result.excerpt })));
}

function image(entry, rollbackTo) {
  const reused = rollbackTo ? `as run ${rollbackTo} released it` : "reused, nothing in it had changed";
  return el("li", {},
    el("p", {}, el("strong", { text: entry.name }), " ", el("span", { class: "hint", text: entry.origin === "reused" ? reused : entry.origin })),
    entry.reference && el("code", { class: "whole", text: entry.reference }),
    entry.digest && el("code", { class: "whole hint", text: entry.digest }));
}
