/** Where the person was: what lets them go back to the gallery as they left it. */

let before = ""; // the hash that was left last

addEventListener("hashchange", (event) => {
  before = new URL(event.oldURL).hash;
});

/** The gallery as it was left: {listing, top} or null. */
export const visit = { gallery: null };

const GENERATION = /^#\/gallery\/(gen_\w+)/;

/** The generation whose page was left last, if that was the last place. */
export const leftGeneration = () => GENERATION.exec(before)?.[1] ?? null;

/** Whether one came here out of the gallery's grid; kept with the entry of the history, so a reload knows it. */
export function cameFromGrid() {
  const from = history.state?.fromGrid ?? /^#\/gallery(\?|$)/.test(before);
  history.replaceState({ ...history.state, fromGrid: from }, "");
  return from;
}

/** Whether one came from a generation's page or a comparison: the gallery then goes on where it was. */
export const cameFromWithin = () => /^#\/(gallery\/gen_|compare\/)/.test(before);

/** Changes the hash without going anywhere: the place has changed by itself. */
export function rename(hash) {
  history.replaceState(history.state, "", hash);
}
