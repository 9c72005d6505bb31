/** A picture saved to the reader's disk, under a name that says what it is. */

import { h, toast } from "./dom.js";

const ENDINGS = { "image/png": "png", "image/jpeg": "jpg", "image/webp": "webp", "image/gif": "gif" };
const TIMEOUT_MS = 120_000;

/** The bytes of a kept image. Throws where the bucket cannot be reached or the link is too old. */
export async function imageBlob(image, signal = AbortSignal.timeout(TIMEOUT_MS)) {
  const answer = await fetch(image.url, { signal, credentials: "omit" });
  if (!answer.ok) throw new Error(`the image bucket answered ${answer.status}`);
  return answer.blob();
}

/** Saves it. A link to another origin cannot name a download, hence the bytes come here first. */
export async function saveImage(image, name) {
  try {
    const address = URL.createObjectURL(await imageBlob(image));
    const link = h("a", { href: address, download: `${name}.${ENDINGS[image.content_type] ?? "img"}` });
    link.click();
    setTimeout(() => URL.revokeObjectURL(address), 60_000);
  } catch (error) {
    toast(`The picture could not be saved: ${error.message}.`, "bad");
  }
}
