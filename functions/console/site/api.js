/** Calls of Easel's HTTP API, with the session's key. Every call has a time-out; every failure is a Problem. */

const TIMEOUT_MS = 40_000; // API Gateway gives up after 30 s; the rest is a slow line
const KEY = "easel.key";

/** The key that the person entered: kept for this tab's session, and nowhere else. */
export const session = {
  get key() {
    return sessionStorage.getItem(KEY);
  },
  set key(value) {
    if (value) sessionStorage.setItem(KEY, value);
    else sessionStorage.removeItem(KEY);
  },
};

/** What a call failed with. `status` is 0 and `code` "offline" or "timeout" where no answer came at all. */
export class Problem extends Error {
  constructor({ status, code, title, detail, errors = [], retryAfter = null }) {
    super(detail || title || code);
    Object.assign(this, { name: "Problem", status, code, title, detail: detail || title || code, errors, retryAfter });
  }
}

/** Whether an error only says that the page was left, or the call is not wanted any more. */
export const aborted = (error) => error?.name === "AbortError";

const NOT_SENT = {
  code: "signed_in_again",
  title: "You are signed in again",
  detail: "Nothing was asked for under the new key. Send it again if you still want it.",
};

let refused = null;

/** Sets what is asked for a new key when one is refused: a function that gives a promise of having one. */
export function onRefusedKey(askAgain) {
  refused = askAgain;
}

/**
 * The whole answer, {status, headers, body}. A body that is no plain object or list is sent as it is. Where the key is
 * refused and another is given, what only looks (`safe`) is asked again under it; what buys or changes never is.
 */
async function ask(method, path, body, { signal, headers, query, safe = method === "GET" } = {}) {
  const used = session.key;
  const answer = await once(method, path, body, { signal, headers, query }, used);
  if (answer.status !== 401 || !refused) return checked(answer);
  if (session.key === used) session.key = null;
  await refused(problemOf(answer));
  if (!safe) throw new Problem({ status: 401, ...NOT_SENT });
  return checked(await once(method, path, body, { signal, headers, query }, session.key));
}

async function send(method, path, body, options) {
  return (await ask(method, path, body, options)).body;
}

export const api = {
  ask,
  send,
  get: (path, options) => send("GET", path, undefined, options),
  post: (path, body, options) => send("POST", path, body, options),
};

/** One call with this key and without any asking again: how a key is tried. */
export async function tryKey(key) {
  return checked(await once("GET", "/v1/key", undefined, {}, key)).body;
}

async function once(method, path, body, { signal, headers = {}, query }, key) {
  const given = body === undefined || isPlain(body) ? {} : { ...typeOf(body) };
  const patience = AbortSignal.timeout(TIMEOUT_MS);
  try {
    const response = await fetch(address(path, query), {
      method,
      headers: {
        Accept: "application/json",
        ...(key ? { Authorization: `Bearer ${key}` } : {}),
        ...(isPlain(body) ? { "Content-Type": "application/json" } : given),
        ...headers,
      },
      body: isPlain(body) ? JSON.stringify(body) : body,
      signal: signal ? AbortSignal.any([signal, patience]) : patience,
      cache: "no-store",
      credentials: "omit",
      redirect: "error",
    });
    return { status: response.status, headers: response.headers, body: read(await response.text()) };
  } catch (error) {
    if (signal?.aborted) throw new DOMException("not wanted any more", "AbortError");
    throw unanswered(error);
  }
}

function checked(answer) {
  if (answer.status >= 400) throw problemOf(answer);
  return answer;
}

function problemOf({ status, headers, body }) {
  const told = body && typeof body === "object" ? body : {};
  const wait = Number.parseInt(headers.get("retry-after") ?? "", 10);
  return new Problem({
    status,
    code: told.code ?? `http_${status}`,
    title: told.title ?? `HTTP ${status}`,
    detail: told.detail ?? told.message,
    errors: Array.isArray(told.errors) ? told.errors : [],
    retryAfter: Number.isNaN(wait) ? null : wait,
  });
}

function unanswered(error) {
  if (error.name === "TimeoutError") {
    return new Problem({ status: 0, code: "timeout", title: "Easel took too long to answer." });
  }
  return new Problem({
    status: 0,
    code: "offline",
    title: "Easel cannot be reached. Is it running, and are you online?",
  });
}

/** The address of a call: the API lies where the page does. */
function address(path, query) {
  const url = new URL(path.replace(/^\//, ""), document.baseURI.split("#")[0]);
  for (const [name, value] of Object.entries(query ?? {})) {
    if (value !== null && value !== undefined && value !== "") url.searchParams.set(name, value);
  }
  return url;
}

const isPlain = (body) =>
  Array.isArray(body) || (body !== null && Object.getPrototypeOf(body ?? 0) === Object.prototype);

const typeOf = (body) => (body.type ? { "Content-Type": body.type } : {});

function read(text) {
  try {
    return text ? JSON.parse(text) : null;
  } catch {
    return text;
  }
}
