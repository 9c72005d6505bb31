/** Beside the picture: what was asked for, what became of it, what it cost, and how to ask for it again. */

import { aborted, api } from "./api.js";
import { h, replace } from "./dom.js";
import { statusWord } from "./format.js";
import { ended } from "./known.js";
import { copyButton, costFacts, factList, imageFacts, parameterTable, routeFacts, timeFacts } from "./facts.js";
import { command, curl, python } from "./snippets.js";
import { timeline } from "./timeline.js";

const LANGUAGES = { cURL: curl, Python: python, CLI: command };
let language = "cURL"; // that was chosen last

/** The sections. `number` gives the picture that is shown; `signal` ends what they ask for. */
export function panel(generation, { signal, number }) {
  const { metadata, batch, correlation_id: correlation, actual_prompt: actual } = generation;
  return [
    h(
      "p",
      { class: "standing" },
      h("span", { class: "badge", "data-status": generation.status }, statusWord(generation.status)),
      h("code", { class: "soft" }, generation.id),
      copyButton(() => generation.id, "Id"),
    ),
    trouble(generation),
    actual && section("Prompt as drawn", text(actual, "Prompt")),
    section(
      "Parameters",
      parameterTable(generation) ?? h("p", { class: "soft" }, "Nothing but model and prompt was asked."),
    ),
    generation.images.length > 0 && pictureSection(generation, number),
    section("Cost", costFacts(generation)),
    section("Route", routeFacts(generation)),
    section("Times", timeFacts(generation)),
    (Object.keys(metadata).length > 0 || batch || correlation) &&
      section(
        "Belongs to",
        factList([
          ["Batch", batch && h("a", { href: `#/batches/${batch}` }, batch)],
          ["Correlation id", correlation && h("code", null, correlation)],
          ...Object.entries(metadata),
        ]),
      ),
    log(generation, signal),
    code(generation),
  ];
}

const section = (title, ...content) => h("section", null, h("h2", null, title), content);

const text = (words, what) =>
  h(
    "div",
    { class: "quote" },
    h("p", null, words),
    copyButton(() => words, what),
  );

/** Why it did not succeed, or not wholly. */
function trouble({ error, shortfall, request }) {
  if (error) {
    const vendor = [error.vendor_code, error.vendor_message].filter(Boolean).join(": ");
    return h(
      "div",
      { class: "note", "data-kind": "bad" },
      h("strong", null, error.message),
      vendor && h("p", { class: "small" }, `The vendor said: ${vendor}`),
      h("p", { class: "small" }, h("code", null, error.code), error.retryable ? " · asking again later may help" : ""),
    );
  }
  return (
    shortfall > 0 &&
    h("div", { class: "note", "data-kind": "warn" }, `${shortfall} of ${request.n} pictures were not delivered.`)
  );
}

function pictureSection(generation, number) {
  const facts = h("div", { class: "of-picture" });
  const element = section("Picture", facts);
  element.addEventListener("turned", () => replace(facts, imageFacts(generation.images[number()])));
  element.dispatchEvent(new Event("turned"));
  element.classList.add("picture-facts");
  return element;
}

/** The attempts, read when the section is made. */
function log(generation, signal) {
  const body = h("div", { class: "log", "aria-busy": "true" }, h("div", { class: "skeleton line" }));
  const load = async () => {
    try {
      replace(body, timeline((await api.get(generation.links.events, { signal })).data));
      body.removeAttribute("aria-busy");
    } catch (error) {
      if (!aborted(error)) replace(body, h("p", { class: "soft" }, "The log cannot be loaded now."));
    }
  };
  load();
  return section(ended(generation) ? "What happened" : "What has happened", body);
}

/** The request as a program in one of three languages. */
function code(generation) {
  const base = new URL(".", document.baseURI).href.replace(/\/$/, "");
  const shown = h("code");
  const draw = () => {
    shown.textContent = LANGUAGES[language](generation, base);
  };
  const choice = (name) =>
    h(
      "label",
      null,
      h("input", {
        type: "radio",
        class: "unseen",
        name: "language",
        value: name,
        checked: name === language,
        on: {
          change: () => {
            language = name;
            draw();
          },
        },
      }),
      h("span", null, name),
    );
  draw();
  return section(
    "Ask for it again",
    h(
      "div",
      { class: "languages" },
      h("div", { class: "segmented", role: "radiogroup", "aria-label": "Copy as" }, Object.keys(LANGUAGES).map(choice)),
      copyButton(() => shown.textContent, "Code", "Copy"),
    ),
    h("pre", { tabindex: "0", "aria-label": "Code" }, shown),
    h("p", { class: "soft small" }, "The key is read from ", h("code", null, "EASEL_API_KEY"), "."),
  );
}
