/** Names of picture files: what a download is called, and what a program saves. */

const NAME_MAX = 48; // characters of the prompt in a file's name
const ENDINGS = {
  "image/png": "png",
  "image/jpeg": "jpg",
  "image/webp": "webp",
  "image/gif": "gif",
  "image/bmp": "bmp",
  "image/tiff": "tiff",
};

/** A name that tells what is in a file: the prompt's first words, the id's last signs, the number where there are several. */
export function nameFor({ id, request, images }, number) {
  const several = images.length > 1 ? `-${number + 1}` : "";
  return `${slug(request.prompt)}-${id.slice(-6).toLowerCase()}${several}.${ending(images[number])}`;
}

/** The file that a program saves a new picture to. */
export const nameAgain = ({ request, images }) => `${slug(request.prompt)}.${ending(images[0])}`;

const ending = (image) => ENDINGS[image?.content_type] ?? "png";

function slug(prompt) {
  const words =
    prompt
      .normalize("NFKD")
      .replace(/[\p{M}'’]/gu, "")
      .toLowerCase()
      .match(/[\p{L}\p{N}]+/gu) ?? [];
  let name = "";
  for (const word of words) {
    if (name.length + word.length + 1 > NAME_MAX) break;
    name += name ? `-${word}` : word;
  }
  return name || "picture";
}
