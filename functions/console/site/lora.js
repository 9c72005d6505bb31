/** The LoRA of a request: its weights, and how they are used. Bounds and words come from the route's schema. */

import { field, number, toggle } from "./controls.js";
import { h, replace } from "./dom.js";
import { icon } from "./icons.js";

const NUMBERS = { scale: "Scale", steps: "Steps", guidance: "Guidance" };

/** The control for `lora`. */
export function loraFields() {
  const input = h("input", {
    type: "text",
    placeholder: "owner/name or https://…",
    autocomplete: "off",
    spellcheck: "false",
  });
  const weights = field({
    name: "lora.weights",
    label: "Weights",
    hint: "A HuggingFace path or an https link",
    control: input,
  });
  const numbers = Object.entries(NUMBERS).map(([name, label]) => ({
    key: name,
    ...number({ name: `lora.${name}`, label, step: name === "steps" ? 1 : "any", placeholder: "Default" }),
  }));
  const fast = toggle({ name: "lora.go_fast", label: "Go fast" });
  const error = h("p", { class: "error" });
  const element = h(
    "fieldset",
    { class: "field lora-box", "data-field": "lora" },
    h("legend", null, "LoRA"),
    weights.element,
    h(
      "div",
      { class: "form-pair" },
      numbers.map((one) => one.element),
      fast.element,
    ),
    error,
  );

  return {
    element,
    name: "lora",
    missing: () => !element.hidden && !input.value.trim(),
    value() {
      const said = {
        weights: input.value.trim() || undefined,
        ...Object.fromEntries(numbers.map((one) => [one.key, one.value()])),
        go_fast: fast.value(),
      };
      return Object.fromEntries(Object.entries(said).filter(([, value]) => value !== undefined));
    },
    offer(schema) {
      element.hidden = !schema;
      for (const one of schema ? numbers : []) {
        const bounds = schema[one.key]?.anyOf?.find((kind) => kind.maximum !== undefined) ?? {};
        Object.assign(one.control, { min: bounds.minimum ?? "", max: bounds.maximum ?? "" });
        one.hint(bounds.maximum === undefined ? "" : `${bounds.minimum} to ${bounds.maximum}`);
      }
    },
    set(value) {
      input.value = value?.weights ?? "";
      for (const one of numbers) one.set(value?.[one.key]);
      fast.set(value?.go_fast);
    },
    fail: (message) => replace(error, message ? [icon("alert"), message] : null),
  };
}
