/** A generation that has ended: its pictures with their facts, or why there are none and what helps. */

import { h, replace } from "./dom.js";
import { billWords, costLine } from "./facts.js";
import { bytes, seconds } from "./format.js";
import { fate } from "./forecast.js";
import { icon } from "./icons.js";
import { living } from "./known.js";
import { absent, picture, show } from "./picture.js";
import { saveImage } from "./saving.js";

const KINDS = { "image/png": "PNG", "image/jpeg": "JPEG", "image/webp": "WebP", "image/gif": "GIF" };
// Error codes in words for people: the vendor's or Easel's own message stands below.
const REASONS = {
  moderation: "The vendor refused this prompt or picture",
  validation: "The vendor did not accept the request",
  auth: "The vendor does not accept this deployment’s key",
  billing: "This deployment’s account at the vendor is empty",
  rate_limit: "The vendor is too busy",
  transient: "The vendor failed",
  submission_unknown: "The vendor’s answer was lost",
  vendor_contract: "The vendor answered in a way that Easel does not know",
};

/** The pictures, one large and the others to choose from; `shown` gets the number of the one that is shown. */
export function pictures(generation) {
  const large = h("div", { class: "stage-picture" });
  const facts = h("div", { class: "stage-outcome" });
  const thumbs =
    generation.images.length > 1 ? generation.images.map((_, number) => thumb(generation, number, turn)) : [];

  function turn(number) {
    replace(large, opened(generation, number));
    replace(facts, factsOf(generation, number));
    thumbs.forEach((one, index) => one.setAttribute("aria-pressed", String(index === number)));
  }

  turn(0);
  const strip =
    thumbs.length > 0 && h("div", { class: "stage-strip", role: "group", "aria-label": "Pictures" }, thumbs);
  return { large, below: h("div", null, strip, facts) };
}

/** The picture as a link to it by itself. */
function opened(generation, number) {
  const image = picture(generation, number);
  const link = h("a", { target: "_blank", rel: "noreferrer", "aria-label": "Open the picture by itself" }, image);
  const point = async () => {
    link.href = (await living(generation, number).catch(() => generation)).images[number].url;
  };
  point();
  for (const soon of ["pointerenter", "focus"]) link.addEventListener(soon, point); // its link may have died meanwhile
  show(image, generation, number, () => link.after(absent()));
  return link;
}

function thumb(generation, number, turn) {
  const image = picture(generation, number, { alt: "" });
  show(image, generation, number);
  return h(
    "button",
    { class: "stage-thumb", type: "button", "aria-label": `Picture ${number + 1}`, on: { click: () => turn(number) } },
    image,
  );
}

function factsOf(generation, number) {
  const image = generation.images[number];
  const took = (new Date(generation.ended_at) - new Date(generation.created_at)) / 1000;
  const short = generation.shortfall
    ? h("p", { class: "note", "data-kind": "warn" }, `The vendor delivered ${generation.shortfall} fewer than asked.`)
    : null;
  return [
    short,
    h(
      "div",
      { class: "buttons" },
      h("a", { class: "button", href: `#/create?edit=${generation.id}.${number}` }, icon("edit"), "Edit this picture"),
      h("a", { class: "button", href: `#/create?from=${generation.id}` }, icon("retry"), "Use again"),
      h(
        "button",
        { class: "button", type: "button", on: { click: () => saveImage(generation, number) } },
        icon("download"),
        "Download",
      ),
      h("a", { class: "button", href: `#/gallery/${generation.id}` }, icon("gallery"), "Open in gallery"),
    ),
    h(
      "dl",
      { class: "facts" },
      row("Took", seconds(took)),
      row("Cost", costLine(generation)),
      row("Route", generation.route),
      row(
        "Picture",
        `${image.width} × ${image.height}, ${KINDS[image.content_type] ?? image.content_type}, ${bytes(image.bytes)}`,
      ),
      generation.seed !== null && row("Seed", String(generation.seed)),
      generation.actual_prompt && row("Prompt as drawn", generation.actual_prompt),
    ),
    fate(generation.parameters),
  ];
}

const row = (term, value) => [h("dt", null, term), h("dd", null, value)];

/** A generation that failed, expired or was canceled; `again` starts the same request once more. */
export function failure(generation, again) {
  const { error, status } = generation;
  const title =
    status === "canceled"
      ? "Canceled"
      : status === "expired"
        ? "Not finished by its deadline"
        : (REASONS[error?.code] ?? "No picture was made");
  return h(
    "div",
    { class: "stage-outcome failed" },
    h("h2", null, title),
    error &&
      status !== "canceled" &&
      h(
        "p",
        null,
        error.message,
        error.vendor_message && error.vendor_message !== error.message ? ` “${error.vendor_message}”` : "",
      ),
    h("p", null, billWords(generation)),
    status !== "canceled" && h("p", null, advice(error)),
    h(
      "dl",
      { class: "facts" },
      error &&
        status !== "canceled" &&
        row("Code", h("code", null, error.vendor_code ? `${error.code} (${error.vendor_code})` : error.code)),
      row("Route", generation.route),
      row("Id", h("code", null, generation.id)),
    ),
    h(
      "div",
      { class: "buttons" },
      h("button", { class: "button primary", type: "button", on: { click: again } }, icon("retry"), "Try again"),
      h("a", { class: "button", href: `#/gallery/${generation.id}` }, icon("gallery"), "Details"),
    ),
  );
}

function advice(error) {
  if (!error) return "Trying again may help.";
  if (error.code === "moderation")
    return "The same words would be refused again: change the prompt or the picture, or choose another vendor’s route.";
  if (error.code === "submission_unknown")
    return "Trying again asks for another picture, which costs as much once more.";
  return error.retryable ? "Trying again may help." : "The same request would most likely fail again.";
}
