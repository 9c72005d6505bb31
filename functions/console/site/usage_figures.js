/** What /v1/usage tells, as figures to draw: sums by day, route and model. Exact sums are the server's `totals`. */

const COLOURS = 8; // that can be told apart; routes beyond them share a neutral one
const REST = "other routes";
const ENDS = ["succeeded", "failed", "expired", "canceled"];

const dollars = (money) => Number(money?.amount ?? 0);

/** What a row cost for certain: billed, less what came back. */
export const spent = ({ usd }) => Math.max(0, dollars(usd.billed) - dollars(usd.refunded));

const maybe = ({ usd }) => dollars(usd.possibly_billed);

/** Rows together by a name: [{name, spent, generations, images, asks, succeeded, ...}], the dearest first. */
export function together(rows, nameOf) {
  const found = new Map();
  for (const row of rows) {
    const name = nameOf(row);
    const one = found.get(name) ?? {
      name,
      spent: 0,
      generations: 0,
      images: 0,
      asks: 0,
      ...Object.fromEntries(ENDS.map((end) => [end, 0])),
    };
    one.spent += spent(row);
    for (const count of ["generations", "images", "asks", ...ENDS]) one[count] += row[count];
    found.set(name, one);
  }
  return [...found.values()].sort((one, other) => other.spent - one.spent || other.generations - one.generations);
}

/** Of those that ended by themselves, the share with a picture; null where there were none. What callers cancel says
 * nothing of a route. */
export function success({ succeeded, failed, expired }) {
  const ended = succeeded + failed + expired;
  return ended ? { share: succeeded / ended, ended } : null;
}

/** The series of a chart, the dearest route first: each in a colour that it keeps while the period changes, where
    it can, since `order`, the catalogue's routes, decides it. */
export function seriesOf(rows, order) {
  const byCost = together(rows, ({ route }) => route)
    .filter((one) => one.spent > 0)
    .map(({ name }) => name);
  const shown = byCost.length > COLOURS ? byCost.slice(0, COLOURS - 1) : byCost;
  const place = (route) => (order.includes(route) ? order.indexOf(route) : order.length);
  const free = new Set(Array.from({ length: COLOURS }, (_, index) => index + 1));
  const slots = new Map();
  for (const route of [...shown].sort((one, other) => place(one) - place(other) || one.localeCompare(other))) {
    const wished = (place(route) % COLOURS) + 1;
    slots.set(route, free.has(wished) ? wished : Math.min(...free));
    free.delete(slots.get(route));
  }
  const series = shown.map((route) => ({ key: route, name: route, slot: slots.get(route) }));
  if (byCost.length > shown.length)
    series.push({ key: REST, name: `${byCost.length - shown.length} ${REST}`, slot: "rest" });
  if (rows.some((row) => maybe(row) > 0)) series.push({ key: "maybe", name: "possibly billed", slot: "maybe" });
  return series;
}

/** Columns for the chart: one a day from `from` to `to`, or one a week where `days` is 7. */
export function binsOf({ from, to, data }, series, days = 1) {
  const known = new Set(series.map(({ key }) => key));
  const bins = [];
  for (const day of daysOf(from, to)) bins.push({ day, values: {} });
  const byDay = new Map(bins.map((bin) => [bin.day, bin]));
  for (const row of data) {
    const { values } = byDay.get(row.day) ?? { values: {} };
    const key = known.has(row.route) ? row.route : REST;
    values[key] = (values[key] ?? 0) + spent(row);
    values.maybe = (values.maybe ?? 0) + maybe(row);
  }
  return days === 1 ? bins.map(oneDay) : weeks(bins, days);
}

const oneDay = ({ day, values }) => ({ tick: short(day), title: long(day), values });

/** Whole weeks, of which the first may be a shorter one, since the last ends today. */
function weeks(bins, days) {
  const made = [];
  for (let end = bins.length; end > 0; end -= days) {
    const part = bins.slice(Math.max(0, end - days), end);
    const values = {};
    for (const bin of part)
      for (const [key, value] of Object.entries(bin.values)) values[key] = (values[key] ?? 0) + value;
    made.unshift({ tick: short(part[0].day), title: `${short(part[0].day)} to ${short(part.at(-1).day)}`, values });
  }
  return made;
}

function daysOf(from, to) {
  const days = [];
  for (let at = Date.parse(from); at <= Date.parse(to); at += 24 * 3600 * 1000)
    days.push(new Date(at).toISOString().slice(0, 10));
  return days;
}

const formats = {
  short: new Intl.DateTimeFormat("en", { day: "numeric", month: "short", timeZone: "UTC" }),
  long: new Intl.DateTimeFormat("en", { weekday: "long", day: "numeric", month: "long", timeZone: "UTC" }),
};
const short = (day) => formats.short.format(new Date(day));
const long = (day) => formats.long.format(new Date(day));

/** The first day of a period of so many days that ends today (UTC). */
export const firstDay = (days) => new Date(Date.now() - (days - 1) * 24 * 3600 * 1000).toISOString().slice(0, 10);

/** Dollars for reading, not for books: two decimals, and as many as it takes to be no nothing. */
export function about(number) {
  if (number === 0) return "$0";
  const digits = Math.abs(number) >= 0.995 ? 2 : Math.abs(number) >= 0.0995 ? 3 : 4;
  return number < 0.00005
    ? "under $0.0001"
    : `$${number.toLocaleString("en", { minimumFractionDigits: 2, maximumFractionDigits: digits })}`;
}
