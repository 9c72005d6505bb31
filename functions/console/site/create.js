/** Create: a request is written, its price and fate are seen before the click, and its picture where it comes. */

import { aborted, api, Problem } from "./api.js";
import { announce, h } from "./dom.js";
import { dock } from "./dock.js";
import { forecaster } from "./forecast.js";
import { requestForm } from "./form.js";
import { editModelFor } from "./offers.js";
import { buy, refusalNote } from "./purchase.js";
import { stage } from "./stage.js";

const DRAFT = "easel.draft";

/** The place at #/create, with ?from=gen_…, ?edit=gen_….N or ?gen=gen_… (one to watch, or that was made here). */
export async function place({ query }, shell) {
  const creating = new Creating(await shell.models());
  try {
    await creating.start(query);
  } catch (error) {
    creating.stop();
    throw error;
  }
  return { title: "Create", element: creating.element, stop: () => creating.stop() };
}

/** The form, the dock and the stage together. */
class Creating {
  #models;
  #form;
  #stage;
  #dock;
  #oracle;
  #leaving = new AbortController();
  #sent = new Map(); // the bodies of what was asked for here, for trying again
  #sending = false;
  #complaints = []; // of the last click, until the request is another: a forecast that comes late leaves them
  #complainedOf = null;
  #started = false; // the form speaks up while it is being made, too
  #keys = (event) => this.#pressed(event);

  constructor(models) {
    this.#models = models;
    this.#form = requestForm(models, () => this.#changed());
    this.#stage = stage({ again: (id) => this.#again(id), signal: this.#leaving.signal });
    this.#dock = dock(() => this.#generate());
    this.#oracle = forecaster((told) => this.#told(told));
    const stay = { submit: (event) => event.preventDefault() };
    const composer = h(
      "form",
      { class: "composer card", "aria-label": "Request", novalidate: true, on: stay },
      this.#form.element,
      this.#dock.element,
    );
    const studio = h("div", { class: "studio" }, composer, this.#stage.element);
    this.element = h("div", { class: "create" }, h("h1", { class: "unseen" }, "Create"), studio);
  }

  async start(query) {
    this.#started = true;
    document.addEventListener("keydown", this.#keys);
    const kind = ["gen", "from", "edit"].find((name) => query.get(name));
    if (!kind) return this.#form.fill(draft() ?? {});
    const [id, picture = "0"] = query.get(kind).split(".");
    const path = `/v1/generations/${encodeURIComponent(id)}`;
    const generation = await api.get(path, { signal: this.#leaving.signal });
    if (kind === "edit") return this.#edit(generation, Number(picture));
    this.#form.fill(generation.request);
    if (kind === "gen") this.#stage.watch(generation);
  }

  stop() {
    this.#leaving.abort();
    document.removeEventListener("keydown", this.#keys);
    this.#oracle.stop();
    this.#form.stop();
    this.#stage.stop();
  }

  #changed() {
    if (!this.#started) return;
    const body = this.#form.body();
    if (JSON.stringify(body) !== this.#complainedOf) this.#complaints = [];
    keepDraft(body);
    this.#stage.frame(this.#form.size.proportion());
    this.#dock.refuse(null);
    const missing = missingForPrice(this.#form);
    if (missing) return this.#told({ missing });
    this.#oracle.soon({ ...body, prompt: body.prompt ?? "x" }, signOf(body, this.#form.routes.candidates()));
  }

  /** A forecast, why there is none, or what is missing for one. */
  #told({ forecast = null, problem = null, missing = null }) {
    if (missing) this.#oracle.stop();
    this.#form.routes.tell(forecast);
    this.#form.fail([...this.#complaints, ...(problem?.errors ?? [])]);
    this.#stage.foretell({ forecast, problem, missing, count: this.#form.body().n ?? 1 });
    this.#dock.tell(forecast, missing ?? (problem && "No price for this request"));
  }

  #pressed(event) {
    const wanted = event.key === "Enter" && (event.ctrlKey || event.metaKey) && !event.repeat;
    if (!wanted || document.querySelector("dialog[open]")) return;
    event.preventDefault();
    this.#generate();
  }

  #generate() {
    const body = this.#form.body();
    const errors = lacks(this.#form, body);
    if (errors) this.#complain(errors);
    else this.#send(body);
  }

  /** Asks for it: whatever happens to the answer, it is bought once. */
  async #send(body) {
    if (this.#sending) return;
    this.#busy(true);
    this.#dock.refuse(null);
    this.#stage.sending();
    try {
      const generation = await buy(body, this.#leaving.signal);
      this.#sent.set(generation.id, body);
      history.pushState(null, "", `#/create?gen=${generation.id}`);
      this.#stage.watch(generation);
    } catch (problem) {
      if (aborted(problem)) return;
      this.#stage.idle();
      if (!(problem instanceof Problem)) throw problem;
      this.#complain(problem.errors, problem);
    } finally {
      this.#busy(false);
    }
  }

  #busy(now) {
    this.#sending = now;
    this.#dock.busy(now);
  }

  #complain(errors, problem = null) {
    this.#complaints = errors;
    this.#complainedOf = JSON.stringify(this.#form.body());
    const elsewhere = this.#form.fail(errors);
    this.#dock.refuse(refusalNote(problem, elsewhere, () => this.#generate()));
    this.element.querySelector('[aria-invalid="true"]')?.focus();
    announce(problem?.message ?? errors[0].message);
  }

  #again(id) {
    const body = this.#sent.get(id);
    if (body) this.#send(body);
    else this.#generate();
  }

  /** The picture becomes the input of an edit: Easel has it already. */
  #edit(generation, number) {
    const image = generation.images[number];
    const model = editModelFor(this.#models, generation.request.model);
    if (!image) throw new Problem({ status: 404, code: "not_found", title: "That generation has no such picture." });
    if (!model) throw new Problem({ status: 404, code: "not_found", title: "No model here edits pictures." });
    this.#form.fill({ model });
    this.#form.images.take({ name: `${generation.id}-${number + 1}`, preview: image.url, source: image.s3_uri });
  }
}

/** Why there can be no price yet, in words; null where there can. */
function missingForPrice({ images, lora }) {
  if (images.busy()) return "Your picture is being prepared.";
  if (images.missing()) return "Add a picture to see the price.";
  return lora.missing() ? "Name the LoRA’s weights to see the price." : null;
}

/** What is missing before anything can be asked for, as errors at their fields; null where nothing is. */
function lacks({ images, lora }, body) {
  if (images.busy()) return [{ field: "images", message: "The picture is still being prepared." }];
  if (images.broken()) return [{ field: "images", message: "Remove the picture that cannot be used." }];
  if (images.missing()) return [{ field: "images", message: "Add a picture to edit." }];
  if (lora.missing()) return [{ field: "lora.weights", message: "Name the LoRA’s weights." }];
  return body.prompt ? null : [{ field: "prompt", message: "Say what the picture shows." }];
}

/** All that a forecast depends on. Of texts that is only whether they are too long somewhere: no call per letter. */
function signOf(body, routes) {
  const measured = (name) => {
    const length = [...(body[name] ?? "")].length;
    const limits = routes.map((route) => route.parameters.properties[name]?.maxLength ?? Infinity);
    return length > Math.min(...limits) ? length : Boolean(length);
  };
  return JSON.stringify({ ...body, prompt: measured("prompt"), negative_prompt: measured("negative_prompt") });
}

function keepDraft({ images, ...body }) {
  sessionStorage.setItem(DRAFT, JSON.stringify(body));
}

function draft() {
  try {
    return JSON.parse(sessionStorage.getItem(DRAFT));
  } catch {
    return null;
  }
}
