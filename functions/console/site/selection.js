/** What is selected for comparing: two generations at most, in the order in which they were selected. */

import { announce, h, replace } from "./dom.js";
import { icon } from "./icons.js";
import { recall } from "./known.js";
import { picture, show } from "./picture.js";

const MOST = 2;
const chosen = []; // ids
const watchers = new Set();

export const isChosen = (id) => chosen.includes(id);

/** Selects the generation, or takes it out again. A third one takes the place of the first. */
export function toggle({ id }) {
  const place = chosen.indexOf(id);
  if (place >= 0) chosen.splice(place, 1);
  else chosen.push(id);
  if (chosen.length > MOST) chosen.shift();
  announce(place >= 0 ? "Not selected any more" : `Selected for comparing, ${chosen.length} of ${MOST}`);
  watchers.forEach((watcher) => watcher());
}

export function clear() {
  if (!chosen.length) return;
  chosen.length = 0;
  announce("Nothing is selected");
  watchers.forEach((watcher) => watcher());
}

/** Calls the watcher after each change, until the function that it gives is called. */
export function watchSelection(watcher) {
  watchers.add(watcher);
  return () => watchers.delete(watcher);
}

/** The bar that shows what is selected, and goes on to the comparison; hidden while nothing is. */
export function tray() {
  const thumbs = h("span", { class: "tray-thumbs" });
  const words = h("span", { class: "tray-words" });
  const go = h("a", { class: "button primary", href: "#/compare" }, icon("compare"), "Compare");
  const empty = h(
    "button",
    {
      class: "button quiet icon",
      type: "button",
      "aria-label": "Clear the selection",
      title: "Clear the selection (Escape)",
      on: { click: clear },
    },
    icon("cancel"),
  );
  const element = h("section", { class: "tray", "aria-label": "Selected for comparing" }, thumbs, words, go, empty);
  const draw = () => {
    element.hidden = chosen.length === 0;
    go.hidden = chosen.length < MOST;
    go.setAttribute("href", `#/compare/${chosen.join("/")}`);
    replace(words, chosen.length < MOST ? "Select one more to compare" : "");
    replace(thumbs, chosen.map(thumb));
  };
  draw();
  const unwatch = watchSelection(draw);
  return { element, stop: unwatch };
}

function thumb(id) {
  const generation = recall(id);
  if (!generation?.images.length) return h("span", { class: "tray-thumb" });
  const image = picture(generation, 0, { alt: generation.request.prompt });
  show(image, generation, 0);
  return h("span", { class: "tray-thumb" }, image);
}
