/** One kept picture as an <img> that mends its link once, and says when it cannot be had. */

import { h } from "./dom.js";
import { icon } from "./icons.js";
import { recall, withFreshLinks } from "./known.js";

/** The words that stand for a picture: what was asked for, and which of several it is. */
export function altText(generation, number = 0) {
  const many = generation.images.length > 1 ? ` (${number + 1} of ${generation.images.length})` : "";
  return `${generation.request.prompt}${many}`;
}

/** The image, asked for with the right to read its bytes: a download then has them from the browser's own store.
 * It has no link: `show` gives it one. Its data-state is "waiting", "here" or "gone". */
export function picture(generation, number, { alt = altText(generation, number), lazy = false } = {}) {
  const { width, height } = generation.images[number];
  return h("img", {
    class: "picture",
    alt,
    width,
    height,
    draggable: "false",
    crossorigin: "anonymous",
    decoding: "async",
    loading: lazy ? "lazy" : "eager",
    "data-state": "waiting",
  });
}

/** Gives the image its link. Where the link is dead, the generation is read anew, once; `gone` is called where that
 * does not help either. */
export function show(element, generation, number, gone = () => {}) {
  let mended = false;
  element.addEventListener("load", () => {
    element.dataset.state = "here";
  });
  element.addEventListener("error", async () => {
    if (mended) return give(element, "gone", gone);
    mended = true;
    try {
      element.src = (await withFreshLinks(generation.id)).images[number].url;
    } catch {
      give(element, "gone", gone);
    }
  });
  element.src = linkOf(generation, number);
}

/** The link of a generation's picture as it is known now. */
export function linkOf(generation, number) {
  return (recall(generation.id) ?? generation).images[number].url;
}

/** What stands where a picture cannot be had. */
export const absent = () =>
  h(
    "div",
    { class: "absent", role: "alert" },
    icon("image"),
    h("p", null, "The picture cannot be loaded. It may have been removed from the bucket."),
  );

function give(element, state, called) {
  element.dataset.state = state;
  called();
}
