/** Rows of pictures that fill the width, each at its own shape: no picture cut, nothing that jumps. */

const NARROWEST = 0.5; // of shapes, width to height: what is beyond them is cut, or a row would be a line
const WIDEST = 2.4;
const FILLED = 0.75; // of the width: a last row that has less keeps the common height

/** Width to height of a generation's picture; of one that is not there yet, by the size that it was asked in. */
export function shape(generation) {
  const [image] = generation.images;
  const ratio = image ? image.width / image.height : asked(generation);
  return Math.min(WIDEST, Math.max(NARROWEST, ratio));
}

function asked({ request, parameters }) {
  const size = parameters?.mapped?.size?.to ?? request.size ?? "1:1";
  const [width, height] = String(size).split(/[*x:]/).map(Number);
  return width > 0 && height > 0 ? width / height : 1;
}

/** Rows {top, height, first, tiles: [{left, width}]}: shapes in order, `width` px wide, about `height` px high. */
export function rows(shapes, { width, height, gap }) {
  const made = [];
  let top = 0;
  for (let first = 0; first < shapes.length;) {
    const row = oneRow(shapes, first, width, height, gap);
    made.push({ ...row, top, first });
    top += row.height + gap;
    first += row.tiles.length;
  }
  return made;
}

/** As many shapes as bring the row nearest to the height. */
function oneRow(shapes, first, width, height, gap) {
  let sum = 0;
  let count = 0;
  while (first + count < shapes.length) {
    const before = (width - gap * (count - 1)) / sum;
    sum += shapes[first + count];
    count += 1;
    const now = (width - gap * (count - 1)) / sum;
    if (now > height) continue;
    if (count > 1 && Math.abs(before - height) < Math.abs(now - height)) {
      count -= 1;
      sum -= shapes[first + count];
    }
    break;
  }
  const full = (width - gap * (count - 1)) / sum;
  const filled = full <= height || first + count < shapes.length || full * FILLED <= height;
  const tall = Math.round(filled ? full : height);
  return { height: tall, tiles: boxes(shapes.slice(first, first + count), tall, gap, filled ? width : null) };
}

/** Whole pixels; the last one takes what rounding left over, so that the right edge is straight. */
function boxes(shapes, tall, gap, width) {
  let left = 0;
  return shapes.map((one, place) => {
    const last = width !== null && place === shapes.length - 1;
    const box = { left, width: last ? width - left : Math.round(one * tall) };
    left += box.width + gap;
    return box;
  });
}

/** The rows that touch the stretch from `from` to `to` px, as [first, after the last]. */
export function between(made, from, to) {
  const first = search(made, (row) => row.top + row.height >= from);
  return [
    first,
    Math.max(
      first,
      search(made, (row) => row.top > to),
    ),
  ];
}

/** The place of the first row for which it holds; it then holds for all that follow. */
export function search(made, holds) {
  let low = 0;
  let high = made.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (holds(made[middle])) high = middle;
    else low = middle + 1;
  }
  return low;
}
