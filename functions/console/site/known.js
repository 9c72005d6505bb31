/** What this tab has seen of generations: the latest of each, with links that stay the same while they live. */

import { api } from "./api.js";
import { ENDED } from "./progress.js";

const KNOWN_MAX = 5000; // generations; the oldest seen are forgotten first
const LINK_MS = 45 * 60_000; // of the hour that links are signed for: a link that stays is a picture in the cache

const known = new Map(); // id → generation

/** Whether the generation has come to its end. */
export const ended = (generation) => ENDED.has(generation.status);

/** Takes in a generation as it was just answered, and gives it as it is to be shown. */
export function remember(generation, { freshLinks = false } = {}) {
  const before = known.get(generation.id);
  const now = Date.now();
  const images = generation.images.map((image, number) => {
    const had = before?.images[number];
    const lives = had?.sha256 === image.sha256 && now - had.signedAt < LINK_MS;
    return lives && !freshLinks ? { ...image, url: had.url, signedAt: had.signedAt } : { ...image, signedAt: now };
  });
  const taken = { ...generation, images };
  known.delete(generation.id);
  known.set(generation.id, taken);
  if (known.size > KNOWN_MAX) known.delete(known.keys().next().value);
  return taken;
}

/** The generation as it was last seen, or undefined. */
export const recall = (id) => known.get(id);

/** Reads the generation; `wait` holds the answer for up to so many seconds until it has ended. */
export async function read(id, { signal, wait, freshLinks } = {}) {
  const path = `/v1/generations/${encodeURIComponent(id)}`;
  return remember(await api.get(path, { signal, query: { wait } }), { freshLinks });
}

const mending = new Map(); // id → promise of the generation with fresh links, shared by all its pictures

/** The generation with links signed anew, for pictures whose links died. */
export function withFreshLinks(id) {
  if (!mending.has(id))
    mending.set(
      id,
      read(id, { freshLinks: true }).finally(() => mending.delete(id)),
    );
  return mending.get(id);
}

/** The generation with links that are not about to die. */
export async function living(generation, number) {
  const known = recall(generation.id) ?? generation;
  return Date.now() - known.images[number].signedAt < LINK_MS ? known : withFreshLinks(generation.id);
}
