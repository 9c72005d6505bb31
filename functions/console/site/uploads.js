/** A picture on its way into a request: made fit where it is too large, then as a data URL or an upload. */

import { api, Problem } from "./api.js";

export const TYPES = ["image/png", "image/jpeg", "image/webp", "image/gif", "image/bmp", "image/tiff"];
const INLINE_BYTES = 200_000; // what is smaller travels inside the request, which every dry run sends again
const UPLOAD_TIMEOUT_MS = 180_000;
const JPEG_QUALITY = 0.92;

/**
 * A file as a request takes it: {source: "data:…" or "upload:…", note: what was changed, or ""}.
 * `limits` are {least, most} of a side in pixels and {bytes}, or null. Throws an Error in words for the reader.
 */
export async function sourceOf(file, limits, signal) {
  const { blob, note } = await fitted(file, limits);
  const source = blob.size <= INLINE_BYTES ? await dataUrl(blob) : `upload:${await put(blob, signal)}`;
  return { source, note };
}

/** The file itself, or a smaller JPEG of it: phones take pictures that are larger than any vendor takes. */
async function fitted(file, limits) {
  if (!TYPES.includes(file.type)) throw new Error("is no PNG, JPEG, WebP, GIF, BMP or TIFF picture.");
  const bitmap = limits && (await createImageBitmap(file).catch(() => null));
  if (!bitmap) return { blob: file, note: "" }; // this browser cannot read it; Easel will say what it thinks of it
  const { width, height } = bitmap;
  if (Math.min(width, height) < limits.least) {
    throw new Error(`has ${width} × ${height} pixels; each side must have at least ${limits.least}.`);
  }
  const scale = Math.min(1, limits.most / Math.max(width, height));
  if (scale === 1 && file.size <= limits.bytes) return { blob: file, note: "" };
  const [wide, high] = [Math.round(width * scale), Math.round(height * scale)];
  if (Math.min(wide, high) < limits.least) throw new Error(`has ${width} × ${height} pixels: too long for its width.`);
  return { blob: await drawn(bitmap, wide, high), note: `Made smaller: ${width} × ${height} → ${wide} × ${high}` };
}

async function drawn(bitmap, width, height) {
  const canvas = document.createElement("canvas");
  Object.assign(canvas, { width, height });
  const context = canvas.getContext("2d");
  context.fillStyle = "#fff"; // JPEG has no transparency
  context.fillRect(0, 0, width, height);
  context.drawImage(bitmap, 0, 0, width, height);
  return new Promise((resolve, reject) => {
    canvas.toBlob(
      (blob) => (blob ? resolve(blob) : reject(new Error("could not be made smaller."))),
      "image/jpeg",
      JPEG_QUALITY,
    );
  });
}

function dataUrl(blob) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result);
    reader.onerror = () => reject(new Error("could not be read."));
    reader.readAsDataURL(blob);
  });
}

/** Puts the bytes into S3 by a form that Easel signs; gives the upload's id. */
async function put(blob, signal) {
  const form = await api.post("/v1/uploads", { content_type: blob.type, bytes: blob.size }, { signal });
  const body = new FormData();
  for (const [name, value] of Object.entries(form.fields)) body.append(name, value);
  body.append("file", blob);
  let answer;
  try {
    answer = await fetch(form.url, {
      method: "POST",
      body,
      credentials: "omit",
      signal: AbortSignal.any([signal, AbortSignal.timeout(UPLOAD_TIMEOUT_MS)]),
    });
  } catch (error) {
    if (signal.aborted) throw error;
    throw new Problem({
      status: 0,
      code: "offline",
      title: "could not be uploaded: the image bucket cannot be reached.",
    });
  }
  if (!answer.ok) throw new Error(`could not be uploaded: the image bucket answered ${answer.status}.`);
  return form.id;
}
