/** The form of a request: which controls it has, what they say together, and where an error belongs. */

import { choice, number, text, tick, toggle } from "./controls.js";
import { h, replace } from "./dom.js";
import { usd } from "./format.js";
import { icon } from "./icons.js";
import { inputPictures } from "./inputs.js";
import { loraFields } from "./lora.js";
import { cheapest, editModelFor, kindOf, offerOf } from "./offers.js";
import { routePicker } from "./routes.js";
import { sizePicker } from "./sizes.js";

const SEED_MOST = 2 ** 31 - 1; // every route takes it
const KINDS = { words: "From words", pictures: "From pictures", lora: "With a LoRA" };
const SWITCH_WORDS = {
  prompt_extend: ["Extend the prompt", "The vendor’s language model writes more into it"],
  watermark: ["Watermark", "A small mark in a corner"],
  safety_filter: ["Safety filter", "The vendor’s own check of what is drawn"],
};

/** The form over these models; `changed` is called at every change of what would be asked for. */
export function requestForm(models, changed) {
  const model = modelChoice(models);
  const prompt = text({ name: "prompt", label: "Prompt", rows: 5, placeholder: "What the picture shows" });
  const negative = text({ name: "negative_prompt", label: "Avoid", rows: 2, placeholder: "What it should not show" });
  const images = inputPictures({ changed, wanted: toEditing });
  const size = sizePicker({ changed });
  const n = choice({ name: "n", label: "Pictures", options: [["", "1"]] });
  const seed = number({ name: "seed", label: "Seed", least: 0, placeholder: "Any", extra: dice });
  const routes = routePicker({ changed: reroute });
  const lora = loraFields();
  const switches = Object.entries(SWITCH_WORDS).map(([name, [label, hint]]) => toggle({ name, label, hint }));
  const format = choice({ name: "output_format", label: "File format", options: [["", "Vendor’s default"]] });
  const guidance = number({
    name: "guidance_scale",
    label: "Guidance",
    step: "any",
    placeholder: "Vendor’s default",
    hint: "How closely the prompt is followed",
  });
  const deadline = number({ name: "deadline_seconds", label: "Deadline in seconds", placeholder: "600" });
  const strict = tick({
    name: "strict",
    label: "Strict",
    hint: "Refuse rather than leave out or cut what a route cannot honour",
  });
  const controls = [
    model,
    prompt,
    negative,
    images,
    size,
    n,
    seed,
    routes,
    lora,
    ...switches,
    format,
    guidance,
    deadline,
    strict,
  ];
  const settings = h(
    "details",
    { class: "form-more" },
    h("summary", null, "More settings", icon("chevron")),
    h(
      "div",
      { class: "form-pair" },
      [...switches, format, guidance, deadline].map((one) => one.element),
    ),
    strict.element,
  );
  const element = h(
    "div",
    { class: "fields" },
    model.element,
    images.element,
    prompt.element,
    negative.element,
    size.element,
    h("div", { class: "form-pair" }, n.element, seed.element),
    lora.element,
    routes.element,
    settings,
  );

  element.addEventListener("input", changed);
  model.control.addEventListener("change", remodel);

  function dice(control) {
    const roll = () => {
      control.value = Math.floor(Math.random() * SEED_MOST);
      changed();
    };
    return h(
      "button",
      { class: "button", type: "button", title: "A seed by chance, to come back to", on: { click: roll } },
      "Roll",
    );
  }

  const chosen = () => models.find((one) => one.id === model.value());

  function remodel() {
    routes.offer(chosen().routes);
    reroute();
  }

  /** What the form has depends on the routes that are left. */
  function reroute() {
    const candidates = routes.candidates();
    const offer = offerOf(candidates.length ? candidates : chosen().routes);
    prompt.limit(offer.prompt);
    negative.limit(offer.negative);
    images.offer(offer.images);
    size.offer(offer.sizes);
    n.offer(Array.from({ length: offer.n }, (_, index) => [index ? String(index + 1) : "", String(index + 1)]));
    lora.offer(offer.lora);
    format.offer([["", "Vendor’s default"], ...offer.formats.map((one) => [one, one.toUpperCase()])]);
    bound(guidance, offer.guidance);
    bound(deadline, offer.deadline);
    n.element.hidden = offer.n < 2;
    seed.element.hidden = !offer.seed;
    format.element.hidden = !offer.formats.length;
    guidance.element.hidden = !offer.guidance;
    for (const one of switches) one.element.hidden = !offer.switches.includes(one.name);
    changed();
  }

  /** A picture came where the model takes none: the model that edits is chosen. */
  function toEditing() {
    const other = editModelFor(models, model.value());
    if (other) choose(other);
  }

  function choose(id) {
    model.set(id);
    remodel();
  }

  /** The request as the API takes it; what is not offered is not said. */
  function body() {
    const said = controls.filter((one) => !one.element.hidden).map((one) => [one.name, one.value()]);
    const count = n.element.hidden ? undefined : n.value();
    return Object.fromEntries([...said, ["n", count && Number(count)]].filter(([, value]) => value !== undefined));
  }

  /** Shows each error at its field; gives those that have none. */
  function fail(errors) {
    const by = new Map();
    for (const { field, message } of errors) {
      const name = controls.find((one) => one.name === field) ? field : field.split(".")[0];
      by.set(name, [...(by.get(name) ?? []), message]);
    }
    for (const one of controls) one.fail?.(summary(by.get(one.name)));
    const hidden = [...by.keys()].some((name) =>
      settings.contains(element.querySelector(`[data-field="${CSS.escape(name)}"]`)),
    );
    if (hidden) settings.open = true;
    return errors.filter(
      ({ field }) => !controls.some((one) => one.name === field.split(".")[0] && !one.element.hidden),
    );
  }

  function fill(request) {
    choose(models.some((one) => one.id === request.model) ? request.model : model.value());
    routes.set(request.route);
    reroute();
    for (const one of controls) if (![model, routes, images].includes(one)) one.set(request[one.name]);
    images.set(request.images ?? []);
    settings.open = [...switches, format, guidance, deadline, strict].some((one) => request[one.name] !== undefined);
    changed();
  }

  remodel();
  return { element, body, fail, fill, choose, prompt, images, size, routes, lora, model, stop: () => images.stop() };
}

function bound(control, schema) {
  if (!schema) return;
  Object.assign(control.control, { min: schema.minimum, max: schema.maximum });
}

/** The same words once; where each route has its own, the first and how many more there are. */
function summary(messages) {
  if (!messages) return "";
  const told = [...new Set(messages.map((message) => message.replace(/^[\w.-]+\/[\w.-]+: /, "")))];
  return told.length > 2 ? `${told.slice(0, 2).join("; ")}; and ${told.length - 2} more` : told.join("; ");
}

function modelChoice(models) {
  const made = choice({ name: "model", label: "Model", options: models.map((one) => [one.id, one.id]) });
  const groups = Object.entries(KINDS).map(([kind, words]) => {
    const options = models
      .filter((one) => kindOf(one) === kind)
      .map((one) => {
        const price = cheapest(one);
        return h(
          "option",
          { value: one.id, disabled: price === null },
          `${one.id}  ·  ${price === null ? "no key for its vendors" : `from ${usd(price)}`}`,
        );
      });
    return options.length ? h("optgroup", { label: words }, options) : null;
  });
  replace(made.control, groups);
  const first = models.find((one) => cheapest(one) !== null) ?? models[0];
  made.control.value = first.id;
  return made;
}
