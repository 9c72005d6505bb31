/** Asking for what costs money: once, however often the answer is lost, the button pressed and the page loaded anew. */

import { Problem } from "./api.js";

const PLACE = "easel.unsure";
const KEPT_MAX = 20;
const unsure = new Map(JSON.parse(sessionStorage.getItem(PLACE) ?? "[]")); // a body's JSON → the key it went out under

/** Whether it may have been taken although no good answer came. */
export const mayBeTaken = (problem) =>
  problem.status === 0 || problem.status >= 500 || (problem.status === 409 && problem.retryAfter !== null);

/**
 * Calls `send(headers)` with the body's Idempotency-Key. Until a definite answer has come the same body keeps its key;
 * a refusal of a later try is none, since the first may have been taken.
 */
export async function asked(body, send) {
  const text = JSON.stringify(body);
  const before = unsure.has(text);
  const key = unsure.get(text) ?? freshKey();
  if (!before) remember(text, key);
  try {
    const answer = await send({ "Idempotency-Key": key });
    forget(text);
    return answer;
  } catch (error) {
    if (!before && error instanceof Problem && !mayBeTaken(error)) forget(text);
    throw error;
  }
}

/** 128 bits by chance. crypto.randomUUID is not there on plain http. */
export function freshKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return `console-${Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}

function remember(text, key) {
  unsure.set(text, key);
  if (unsure.size > KEPT_MAX) unsure.delete(unsure.keys().next().value);
  keep();
}

function forget(text) {
  unsure.delete(text);
  keep();
}

function keep() {
  try {
    if (unsure.size) sessionStorage.setItem(PLACE, JSON.stringify([...unsure]));
    else sessionStorage.removeItem(PLACE);
  } catch {
    // The storage is full: then it is known for as long as the page stays.
  }
}
