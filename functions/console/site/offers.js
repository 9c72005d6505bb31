/** What may be asked for: read from /v1/models alone, so that a new route needs no change here. */

const RATIO = /^(\d+):(\d+)$/;
const PIXELS = /^(\d+)\*(\d+)$/;
const SWITCHES = ["prompt_extend", "watermark", "safety_filter"];
const RATIO_SLACK = 0.02; // 1664*928 is 0.86 % off 16:9

/** What a route requires, as the kind of work its model does: "words", "pictures" (an edit) or "lora". */
export function kindOf(model) {
  const required = model.routes[0]?.parameters.required ?? [];
  if (required.includes("images")) return "pictures";
  return required.includes("lora") ? "lora" : "words";
}

/** The cheapest of a model's ready routes in dollars, as the API has it; null where none is ready. */
export function cheapest(model) {
  const prices = model.routes.filter((route) => route.ready).map((route) => route.estimated_usd);
  return prices.length ? prices.reduce((least, price) => (Number(price) < Number(least) ? price : least)) : null;
}

/** What at least one of these routes can do; a control stands in the form only if it is here. */
export function offerOf(routes) {
  const all = routes.map((route) => route.parameters.properties);
  const having = (name) => all.map((properties) => properties[name]).filter(Boolean);
  return {
    prompt: widest(having("prompt"), "maxLength"),
    negative: widest(having("negative_prompt"), "maxLength"),
    n: Math.max(1, ...having("n").map((n) => n.maximum)),
    seed: having("seed").length > 0,
    switches: SWITCHES.filter((name) => having(name).length > 0),
    sizes: sizesOf(routes),
    images: picturesOf(having("images")),
    lora: having("lora")[0]?.properties ?? null,
    formats: [...new Set(having("output_format").flatMap((format) => format.enum))],
    guidance: having("guidance_scale")[0] ?? null,
    deadline: having("deadline_seconds")[0] ?? null,
  };
}

/** The largest limit, null where a route has none: what is longer than that is cut wherever it goes. */
function widest(schemas, name) {
  if (!schemas.length || schemas.some((schema) => schema[name] === undefined)) return null;
  return Math.max(...schemas.map((schema) => schema[name]));
}

/** How many input pictures, and how large: the sides and bytes stand in the schema's words, null where they do not. */
function picturesOf(schemas) {
  if (!schemas.length) return null;
  const sides = /sides of (\d+) to (\d+) px/.exec(schemas[0].items.description);
  const megabytes = /(\d+) MB/.exec(schemas[0].items.description);
  return {
    least: Math.min(...schemas.map((schema) => schema.minItems)),
    most: Math.max(...schemas.map((schema) => schema.maxItems)),
    limits: sides &&
      megabytes && { least: Number(sides[1]), most: Number(sides[2]), bytes: Number(megabytes[1]) * 2 ** 20 },
  };
}

/** Sizes by ratio, wide ones first, and the API's own words on free sizes where a route takes any. */
function sizesOf(routes) {
  const told = [...new Set(routes.flatMap((route) => route.sizes))];
  const pixels = told.filter((size) => PIXELS.test(size));
  const ratios = told.filter((size) => RATIO.test(size)).sort((a, b) => proportion(b) - proportion(a));
  const groups = ratios.map((ratio) => ({ ratio, pixels: pixels.filter((size) => alike(size, ratio)) }));
  const free = told.find((size) => !PIXELS.test(size) && !RATIO.test(size)) ?? null;
  return { groups, free, offered: told.length > 0 };
}

/** Width over height of "16:9" or "1664*928"; null for anything else. */
export function proportion(size) {
  const match = RATIO.exec(size) ?? PIXELS.exec(size);
  return match ? Number(match[1]) / Number(match[2]) : null;
}

const alike = (size, ratio) => Math.abs(proportion(size) / proportion(ratio) - 1) < RATIO_SLACK;

/** The edit model for pictures of this model: its namesake where there is one, else the first. */
export function editModelFor(models, name) {
  const edits = models.filter((model) => kindOf(model) === "pictures");
  const namesake = name.replace(/^qwen-image/, "qwen-image-edit");
  return (
    (edits.find((model) => model.id === name) ?? edits.find((model) => model.id === namesake) ?? edits[0])?.id ?? null
  );
}
