// The page: tasks, and what happened to them. Everything it knows it asks of /api.

const $ = (id) => document.getElementById(id);
const words = { created: "was added", updated: "was changed", completed: "was done", deleted: "was deleted" };
// How long events take to arrive, at most as a rule; then they are asked for again.
const settle = [300, 1500, 5000];

/** Asks the API; throws what a person can read. */
async function ask(method, path, { body, etag } = {}) {
  const headers = {};
  if (body) headers["Content-Type"] = "application/json";
  if (etag) headers["If-Match"] = etag;
  let response;
  try {
    response = await fetch(path, { method, headers, body: body && JSON.stringify(body) });
  } catch {
    throw new Error("The server cannot be reached.");
  }
  const text = await response.text();
  if (response.ok) return text ? JSON.parse(text) : null;
  let problem = {};
  try { problem = JSON.parse(text); } catch { /* Somebody in between has answered. */ }
  const fields = (problem.errors ?? []).map((error) => `${error.field} ${error.detail}`).join("; ");
  throw new Error(fields || [problem.title ?? `The server answered ${response.status}`, problem.detail].filter(Boolean).join(": "));
}

function element(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

let next = null;

function row(task) {
  const box = element("input", { type: "checkbox", checked: task.completed });
  const title = element("span", { className: "title", textContent: task.title });
  const remove = element("button", { textContent: "Delete" });
  remove.setAttribute("aria-label", `Delete: ${task.title}`);
  const etag = `"${task.version}"`;
  box.addEventListener("change", () => act(() => box.checked
    ? ask("POST", `/api/tasks/${task.id}/complete`, { etag })
    : ask("PATCH", `/api/tasks/${task.id}`, { etag, body: { completed: false } })));
  remove.addEventListener("click", () => act(async () => {
    await ask("DELETE", `/api/tasks/${task.id}`, { etag });
    $("tasks").focus();
  }));
  return element("li", { className: task.completed ? "done" : "" }, element("label", {}, box, title), remove);
}

async function showTasks(path = "/api/tasks?limit=50") {
  const page = await ask("GET", path);
  const rows = page.tasks.map(row);
  if (path.includes("after=")) $("tasks").append(...rows); else $("tasks").replaceChildren(...rows);
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

function show(error) {
  $("trouble").hidden = !error;
  $("trouble").textContent = error?.message ?? "";
}

/** Does something, and shows what came of it. */
async function act(body) {
  let trouble = null;
  try { await body(); } catch (error) { trouble = error; }
  try { await showTasks(); } catch (error) { trouble ??= error; }
  show(trouble);
  for (const delay of settle) setTimeout(() => showEvents().catch(show), delay);
}

$("add").addEventListener("submit", (event) => {
  event.preventDefault();
  const title = $("title").value.trim();
  if (!title) return;
  act(async () => {
    await ask("POST", "/api/tasks", { body: { title } });
    $("title").value = "";
  });
});
$("more").addEventListener("click", () => { if (next) showTasks(next).catch(show); });

act(async () => {});
