// The page: tasks, and what happened to them. Everything it knows it asks of /api.

const $ = (id) => document.getElementById(id);
const words = { created: "was added", updated: "was changed", completed: "was done", deleted: "was deleted" };
// What programs are told in their words.
const plain = {
  404: "This task is gone: somebody else has deleted it",
  412: "Somebody else has changed this task; here it is as it is now",
};
// How long events take to arrive, at most as a rule; then they are asked for again.
const settle = [300, 1500, 5000];
const patience = 2000;

/** Asks the API; throws what a person can read. */
async function ask(method, path, { body, etag } = {}) {
  const headers = {};
  if (body) headers["Content-Type"] = "application/json";
  if (etag) headers["If-Match"] = etag;
  let response;
  try {
    response = await fetch(path, { method, headers, body: body && JSON.stringify(body) });
  } catch {
    throw new Error("The server cannot be reached");
  }
  const text = await response.text();
  if (response.ok) return text ? JSON.parse(text) : null;
  let problem = {};
  try { problem = JSON.parse(text); } catch { /* Somebody in between has answered. */ }
  const fields = (problem.errors ?? []).map((error) => `The ${error.field} ${error.detail}`).join("; ");
  throw new Error(plain[response.status] || fields
    || [problem.title ?? `The server answered ${response.status}`, problem.detail].filter(Boolean).join(": "));
}

function element(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

const trouble = {};
const timers = {};

/** Shows what is wrong with a part of the page, or that it is well again. */
function show(part, sentence) {
  trouble[part] = sentence;
  const said = Object.values(trouble).filter(Boolean).join(" ");
  $("trouble").hidden = !said;
  $("trouble").textContent = said;
}

/** Reads a part of the page, and again until it can be read. */
async function read(part, body) {
  clearTimeout(timers[part]);
  try {
    await body();
    show(part, null);
  } catch (error) {
    // Until there is something to count.
    if (part === "tasks" && $("tasks").children.length === 0) $("summary").textContent = "";
    show(part, `The ${part} cannot be shown now (${error.message}). Trying again…`);
    timers[part] = setTimeout(read, patience, part, body);
  }
}

/** Does something, and shows what came of it. */
async function act(body) {
  try {
    await body();
    show("action", null);
  } catch (error) {
    show("action", `${error.message}.`);
  }
  await read("tasks", showTasks);
  for (const delay of settle) setTimeout(read, delay, "events", showEvents);
}

function row(task) {
  const box = element("input", { id: `done-${task.id}`, type: "checkbox", checked: task.completed });
  const title = element("span", { className: "title", textContent: task.title });
  const remove = element("button", { id: `delete-${task.id}`, textContent: "Delete" });
  remove.setAttribute("aria-label", `Delete: ${task.title}`);
  const etag = `"${task.version}"`;
  box.addEventListener("change", () => act(async () => {
    try {
      await (box.checked
        ? ask("POST", `/api/tasks/${task.id}/complete`, { etag })
        : ask("PATCH", `/api/tasks/${task.id}`, { etag, body: { completed: false } }));
    } catch (error) {
      box.checked = task.completed;
      throw error;
    }
  }));
  remove.addEventListener("click", () => act(async () => {
    await ask("DELETE", `/api/tasks/${task.id}`, { etag });
    $("tasks").focus();
  }));
  return element("li", { className: task.completed ? "done" : "" }, element("label", {}, box, title), remove);
}

let next = null;
let readings = 0;

/** Shows the newest tasks, as many as were shown; with a path, the older ones that are there. */
async function showTasks(path) {
  const count = Math.min(200, Math.max(50, $("tasks").children.length));
  const reading = ++readings;
  const page = await ask("GET", path ?? `/api/tasks?limit=${count}`);
  // Answers may overtake each other: the last question's counts.
  if (reading !== readings) return;
  const focused = document.activeElement.id;
  const rows = page.tasks.map(row);
  if (path) $("tasks").append(...rows); else $("tasks").replaceChildren(...rows);
  if (focused) $(focused)?.focus();
  next = page.next ?? null;
  $("more").hidden = !next;
  const all = $("tasks").children.length;
  const open = $("tasks").querySelectorAll("li:not(.done)").length;
  $("summary").textContent = all === 0 ? "Nothing to do." : `${open} of ${all}${next ? " or more" : ""} to do.`;
}

async function showEvents() {
  const { events } = await ask("GET", "/api/events?limit=20");
  $("events").replaceChildren(...events.map((event) => {
    const time = element("time", { dateTime: event.time, textContent: new Date(event.time).toLocaleString() });
    const kind = event.type.split(".").pop();
    return element("li", {}, element("span", { textContent: `“${event.title}” ${words[kind] ?? kind}` }), time);
  }));
}

$("add").addEventListener("submit", async (event) => {
  event.preventDefault();
  // A second press while the first is on its way would add it twice.
  const button = $("add").querySelector("button");
  button.disabled = true;
  await act(async () => {
    await ask("POST", "/api/tasks", { body: { title: $("title").value.trim() } });
    $("title").value = "";
  });
  button.disabled = false;
});
$("more").addEventListener("click", () => read("tasks", () => showTasks(next)));

act(async () => {});
