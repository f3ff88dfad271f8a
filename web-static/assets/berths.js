// What is live now, one card for each pipeline.

import { post } from "./api.js";
import { el, rebuild, setText, webAddress } from "./dom.js";
import { icon } from "./icons.js";
import { showAgo } from "./ticker.js";
import { shortRevision, until } from "./words.js";

class Berth {
  constructor(app, pipeline) {
    this.app = app;
    this.name = pipeline.name;
    this.source = el("p", { class: "berth-source" });
    this.live = el("p", { class: "berth-live" });
    this.hold = el("p", { class: "berth-hold", hidden: true });
    this.resume = app.mayDeploy() && el("button", {
      type: "button", class: "small-button", text: "Resume", "aria-label": `Let pushes to ${pipeline.environment} through`, on: { click: () => this.#resume() },
    });
    this.services = el("ul", { class: "services" });
    this.fault = el("p", { class: "fault", role: "alert" });
    this.pause = app.mayDeploy() && el("button", {
      type: "button", class: "small-button", text: "Pause", "aria-label": `Begin nothing more in ${pipeline.environment}`, on: { click: () => this.#pause() },
    });
    this.button = app.mayDeploy() && el("button", {
      type: "button", class: "small-button", text: "Deploy", "aria-label": `Deploy ${pipeline.name} now`, on: { click: () => this.#deploy() },
    });
    const heading = el("h3", {}, el("a", { href: `/?pipeline=${encodeURIComponent(pipeline.name)}`, text: pipeline.name }));
    this.node = el("li", { class: "berth" }, el("div", { class: "berth-head" }, heading, el("span", { class: "berth-tools" }, this.pause, this.button)), this.source, this.live, this.hold, this.services, this.fault);
    this.update(pipeline);
  }

  update(pipeline) {
    const source = pipeline.source ?? {};
    const wanted = source.branch ?? (source.tags ? `tags ${source.tags}` : "");
    setText(this.source, [source.repository, wanted, pipeline.environment !== pipeline.name && `→ ${pipeline.environment}`].filter(Boolean).join(" "));
    const live = pipeline.live;
    rebuild(this.live, live ? `${live.run}/${live.revision}/${live.since}` : "none", () => {
      if (!live) return el("span", { class: "hint", text: "Nothing deployed yet" });
      const since = el("time");
      showAgo(since, live.since);
      const run = el("a", { href: `/runs/${live.run}`, text: `run ${live.run}` });
      return [icon("check"), el("span", {}, "Live: ", run, ", ", el("code", { text: shortRevision(live.revision) }), ", ", since)];
    });
    const { hold, pause } = pipeline;
    this.hold.hidden = !hold && !pause;
    if (this.pause) this.pause.hidden = Boolean(pause);
    rebuild(this.hold, JSON.stringify([hold, pause]), () => (hold || pause
      ? [icon("clock"), pause && this.#pauseText(pause), hold && this.#holdText(hold), this.resume] : ""));
    rebuild(this.services, JSON.stringify(live?.services ?? []), () => serviceItems(live?.services ?? []));
  }

  #holdText(hold) {
    const since = el("time");
    showAgo(since, hold.since);
    const run = el("a", { href: `/runs/${hold.run}`, text: `run ${hold.run}` });
    const by = hold.by ? [", ", el("bdi", { text: hold.by })] : [];
    if (hold.cause === "undo-failed") {
      const why = hold.reason ? [": ", el("bdi", { text: hold.reason })] : [];
      return el("span", {}, `Held ${until(hold.until)}: the rollback, `, run, ...by, ", ", since, ", failed and could not be taken back", ...why);
    }
    return el("span", {}, `Held ${until(hold.until)}: rolled back by `, run, ...by, ", ", since);
  }

  #pauseText(pause) {
    const since = el("time");
    showAgo(since, pause.since);
    return el("span", {}, "Paused", ...(pause.by ? [" by ", el("bdi", { text: pause.by })] : []), ", ", since, pause.reason && `: ${pause.reason}`);
  }

  async #pause() {
    const reason = prompt(`Begin nothing more in ${this.name} until somebody resumes? Say why, if you like:`, "");
    if (reason !== null) await this.#ask(this.pause, "pause", reason ? { reason } : {});
  }

  async #deploy() {
    if (!confirm(`Deploy the newest revision of ${this.name} now?`)) return;
    const run = await this.#ask(this.button, "runs");
    if (run?.id) this.app.navigate(`/runs/${run.id}`);
  }

  async #resume() {
    if (!confirm(`Deploy what has been pushed to ${this.name} since, and what will be?`)) return;
    await this.#ask(this.resume, "resume");
  }

  async #ask(button, what, body) {
    button.disabled = true;
    setText(this.fault, "");
    try {
      return await post(`/api/v1/pipelines/${encodeURIComponent(this.name)}/${what}`, body);
    } catch (error) {
      if (error.status === 401) this.app.refuse();
      else setText(this.fault, error.message);
    } finally {
      button.disabled = false;
    }
    return null;
  }
}

/// List items that link to the services of a release.
export function serviceItems(services) {
  return services.map((service) => {
    const href = webAddress(service.url);
    const where = `${service.name}:${service.port}`;
    const link = href ? el("a", { href, rel: "noopener noreferrer", text: service.address || href }) : el("span", { text: service.address ?? "" });
    return el("li", {}, el("span", { class: "service-name", text: where }), " ", link);
  });
}

/// The row of cards.
export class Berths {
  #berths = new Map();

  constructor(app) {
    this.app = app;
    this.list = el("ul", { class: "berths" });
    this.node = el("section", { class: "live-now", "aria-labelledby": "live-now", hidden: true }, el("h2", { id: "live-now", text: "Live now" }), this.list);
  }

  update(pipelines) {
    const names = new Set(pipelines.map((pipeline) => pipeline.name));
    for (const [name, berth] of this.#berths) {
      if (names.has(name)) continue;
      berth.node.remove();
      this.#berths.delete(name);
    }
    pipelines.forEach((pipeline, index) => {
      let berth = this.#berths.get(pipeline.name);
      if (berth) berth.update(pipeline);
      else this.#berths.set(pipeline.name, berth = new Berth(this.app, pipeline));
      if (this.list.children[index] !== berth.node) this.list.insertBefore(berth.node, this.list.children[index] ?? null);
    });
    this.node.hidden = pipelines.length === 0;
  }
}
