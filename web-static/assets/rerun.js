// The wish to run a run again: from which stage, and the button.

import { el, rebuild } from "./dom.js";
import { isOpen, STAGES } from "./words.js";

// What had nothing to do, or whose place another has taken, is not run again.
const ENDED_FOR_GOOD = ["superseded", "skipped"];

export class RerunForm {
  #run = null;

  /// `begin` gets what the server is to be asked for, and promises to return when it was.
  constructor(begin) {
    this.from = el("select", { name: "from", "aria-label": "Run again from" });
    this.button = el("button", { class: "small-button", text: "Run again" });
    this.node = el("form", { class: "rerun", hidden: true, on: { submit: (event) => this.#submit(event, begin) } }, this.from, this.button);
  }

  update(run, mayDeploy) {
    this.#run = run;
    this.node.hidden = !mayDeploy || isOpen(run.status) || ENDED_FOR_GOOD.includes(run.status);
    const isRollback = run.rollbackTo !== null && run.rollbackTo !== undefined;
    rebuild(this.from, `${isRollback} ${run.status}`, () => choices(isRollback, run.status !== "succeeded")
      .map(([value, text]) => el("option", { value, text })));
  }

  async #submit(event, begin) {
    event.preventDefault();
    const [from, fresh] = this.from.value.split(" ");
    const where = this.from.selectedOptions[0].text;
    if (!confirm(`Run ${this.#run.id} again, ${where}?`)) return;
    this.button.disabled = true;
    await begin({ ...(from && { from }), ...(fresh && { fresh: true }) });
    this.button.disabled = false;
  }
}

function choices(isRollback, hasFailed) {
  const stages = isRollback ? STAGES.slice(STAGES.indexOf("deploy")) : STAGES;
  const all = stages.map((name) => [name, `from ${name}`]);
  if (!isRollback) all.splice(stages.indexOf("build") + 1, 0, ["build fresh", "from build, without reuse"]);
  return hasFailed ? [["", "from where it failed"], ...all] : all;
}
