/** A picture saved to the reader's disk, under a name that says what it is. */

import { h, toast } from "./dom.js";
import { living } from "./known.js";
import { nameFor } from "./naming.js";

const TIMEOUT_MS = 120_000;

/** Saves it. A link to another origin cannot name a download, hence the bytes come here first. */
export async function saveImage(generation, number) {
  try {
    const { images } = await living(generation, number);
    const address = URL.createObjectURL(await bytesOf(images[number]));
    h("a", { href: address, download: nameFor(generation, number) }).click();
    setTimeout(() => URL.revokeObjectURL(address), 60_000);
  } catch (error) {
    toast(`The picture could not be saved: ${error.message}`, "bad");
  }
}

async function bytesOf({ url }) {
  const answer = await fetch(url, { signal: AbortSignal.timeout(TIMEOUT_MS), credentials: "omit" });
  if (!answer.ok) throw new Error(`the image bucket answered ${answer.status}.`);
  return answer.blob();
}
