/** Where the picture comes: an empty frame of its proportion, its progress, then the picture itself with its facts. */

import { aborted, Problem } from "./api.js";
import { announce, h, replace } from "./dom.js";
import { forecastCard, forecastProblem } from "./forecast.js";
import { icon } from "./icons.js";
import { remember } from "./known.js";
import { failure, pictures } from "./outcome.js";
import { ENDED, follow, progressView } from "./progress.js";

const TITLE = "Create · Easel";

/** The stage; `again(id)` starts the same request once more. Everything ends with `signal`. */
export function stage({ again, signal }) {
  const frame = h("div", { class: "stage-frame" });
  const under = h("div", { class: "stage-under" });
  const heading = h("h2", null);
  const foretold = h("section", { class: "foretold", hidden: true }, heading);
  const element = h("section", { class: "stage", "aria-label": "Picture" }, frame, under, foretold);
  let state = "idle";
  let leaving = null; // ends what is watched now
  let progress = null;

  function enter(now) {
    state = now;
    element.dataset.state = now;
    replace(heading, now === "idle" ? "Before you click" : "Your next picture");
  }

  function proportioned(ratio) {
    frame.style.setProperty("--ratio", ratio.toFixed(4));
  }

  /** Ends the watching of one generation, which goes on by itself. */
  function leave() {
    leaving?.abort();
    progress?.stop();
    leaving = progress = null;
    document.title = TITLE;
  }

  function idle() {
    leave();
    enter("idle");
    replace(frame, h("div", { class: "stage-empty" }, icon("image"), h("p", null, "Your picture will stand here")));
    replace(under);
  }

  function sending() {
    leave();
    enter("working");
    replace(frame, h("div", { class: "stage-empty" }, h("p", null, "Asking Easel…")));
    replace(under);
    comeIntoView();
  }

  async function watch(known) {
    leave();
    leaving = new AbortController();
    const mine = AbortSignal.any([signal, leaving.signal]);
    if (!ENDED.has(known.status)) begin(known);
    try {
      const ended = ENDED.has(known.status)
        ? known
        : await follow(known.id, {
            signal: mine,
            changed: (now, offset) => progress?.show(now, offset),
            lost: (problem) => progress?.lost(problem),
          });
      if (!mine.aborted) finish(ended, known !== ended);
    } catch (error) {
      if (aborted(error)) return;
      if (!(error instanceof Problem)) throw error;
      enter("failed");
      replace(under, forecastProblem(error));
    }
  }

  function begin(known) {
    enter("working");
    progress = progressView();
    replace(frame, h("div", { class: "stage-empty" }, h("p", { class: "stage-prompt" }, known.request.prompt)));
    replace(under, progress.element);
    progress.show(known, 0);
    document.title = "Drawing… · Easel";
  }

  function finish(generation, news) {
    leave();
    const good = generation.status === "succeeded";
    enter(good ? "done" : "failed");
    if (good) {
      const shown = pictures(remember(generation));
      replace(frame, shown.large);
      replace(under, shown.below);
      proportioned(generation.images[0].width / generation.images[0].height);
    } else {
      replace(
        frame,
        h(
          "div",
          { class: "stage-empty" },
          icon(generation.status === "canceled" ? "cancel" : "alert"),
          h("p", { class: "stage-prompt" }, generation.request.prompt),
        ),
      );
      replace(
        under,
        failure(generation, () => again(generation.id)),
      );
    }
    if (!news) return;
    announce(good ? "Your picture is there." : `${under.querySelector("h2").textContent}.`);
    if (document.hidden) document.title = `${good ? "Your picture is there" : "No picture"} · Easel`;
  }

  /** On a phone the stage lies below the form. */
  function comeIntoView() {
    const { top } = element.getBoundingClientRect();
    const quiet = matchMedia("(prefers-reduced-motion: reduce)").matches;
    if (top > innerHeight * 0.6 || top < 0)
      element.scrollIntoView({ behavior: quiet ? "auto" : "smooth", block: "start" });
  }

  idle();
  return {
    element,
    idle,
    sending,
    watch,
    /** Sets the empty frame's proportion: width over height, null where it is not known. */
    frame(proportion) {
      if (state === "idle") proportioned(proportion ?? 1);
    },
    foretell({ forecast, problem, missing, count }) {
      const words = forecast
        ? forecastCard(forecast, count)
        : problem
          ? forecastProblem(problem)
          : missing
            ? h("p", { class: "soft" }, missing)
            : null;
      replace(foretold, heading, words);
      foretold.hidden = !words;
    },
    stop: leave,
  };
}
