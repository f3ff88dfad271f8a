// Requests to the server: one place for time-outs, problems and the server's clock.

const TIMEOUT = 20_000;

let skew = 0;

/// Now by the server's clock, in milliseconds. Elapsed times are counted against the server's own timestamps, so a
/// device whose clock is off would otherwise show nonsense. The Date header has whole seconds: small skews are noise.
export function serverNow() {
  return Date.now() + (Math.abs(skew) > 2000 ? skew : 0);
}

// Characters that change how the text around them is shown: C0 and C1 controls, bidirectional overrides and isolates.
const TRICKS = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g;

/// Reads JSON from the server. Its texts come from commits and programs, so what could make a line read as something
/// else is replaced before any part of the page sees it.
export function parse(text) {
  return JSON.parse(text, (_, value) => (typeof value === "string" ? value.replace(TRICKS, "\ufffd") : value));
}

/// An answer that is not a success, or no answer at all (status 0).
export class Problem extends Error {
  constructor(status, title, detail) {
    super(detail || title);
    this.name = "Problem";
    this.status = status;
    this.title = title;
    this.detail = detail;
  }
}

async function request(path, { method = "GET", body, accept = "application/json", signal } = {}) {
  const url = new URL(path, location.origin);
  if (url.origin !== location.origin) throw new Problem(0, "Refused", "An address outside of this server.");
  const limit = AbortSignal.timeout(TIMEOUT);
  const headers = { Accept: accept };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  let response;
  try {
    response = await fetch(url, {
      method, headers, credentials: "same-origin", cache: "no-store",
      body: body === undefined ? undefined : JSON.stringify(body),
      signal: signal ? AbortSignal.any([signal, limit]) : limit,
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new Problem(0, "No answer", "The server does not answer.");
  }
  const date = Date.parse(response.headers.get("Date") ?? "");
  if (Number.isFinite(date)) skew = date - Date.now();
  if (!response.ok) throw await problem(response);
  return response;
}

async function problem(response) {
  let title = response.statusText || `Status ${response.status}`;
  let detail = "";
  try {
    if ((response.headers.get("Content-Type") ?? "").includes("json")) {
      const body = parse(await response.text());
      if (typeof body.title === "string") title = body.title;
      if (typeof body.detail === "string") detail = body.detail;
    }
  } catch {
    // A body that is not what its type says: the status has to do.
  }
  return new Problem(response.status, title, detail);
}

/// GET of a JSON document.
export async function get(path, signal) {
  return parse(await (await request(path, { signal })).text());
}

/// POST with an optional JSON body; the answer's document, or null if it has none.
export async function post(path, body) {
  const response = await request(path, { method: "POST", body: body ?? {} });
  return response.status === 204 ? null : parse(await response.text());
}

export async function remove(path) {
  await request(path, { method: "DELETE" });
}

/// A piece of a stage's log from a byte offset on: `{bytes, next, complete}`.
export async function logPiece(run, stage, attempt, after, signal) {
  const query = new URLSearchParams({ attempt, after });
  const path = `/api/v1/runs/${run}/stages/${encodeURIComponent(stage)}/log?${query}`;
  const response = await request(path, { accept: "text/plain", signal });
  const bytes = new Uint8Array(await response.arrayBuffer());
  const next = Number(response.headers.get("X-Log-Next") ?? after + bytes.length);
  return { bytes, next: Number.isFinite(next) ? next : after + bytes.length, complete: response.headers.get("X-Log-Complete") === "true" };
}
