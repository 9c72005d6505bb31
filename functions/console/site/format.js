/** Values as people read them. Times are the reader's own; the exact UTC time belongs into a title. */

const STATUS_WORDS = {
  queued: "Queued",
  submitting: "Asking the vendor",
  processing: "Being drawn",
  persisting: "Being kept",
  succeeded: "Succeeded",
  failed: "Failed",
  canceled: "Canceled",
  expired: "Expired",
  running: "Running",
  completed: "Completed",
};
const STEPS = [
  ["second", 60],
  ["minute", 60],
  ["hour", 24],
  ["day", 7],
  ["week", 4.35],
  ["month", 12],
  ["year", Infinity],
];

const relative = new Intl.RelativeTimeFormat("en", { numeric: "auto" });
const dollars = new Intl.NumberFormat("en-US", { style: "currency", currency: "USD", maximumFractionDigits: 4 });
const moment = new Intl.DateTimeFormat("en", { dateStyle: "medium", timeStyle: "short" });

/** {amount: "0.075", currency: "USD"} as "$0.075", {"5", "credits"} as "5 credits"; an en dash where there is none. */
export function money(value) {
  if (!value || value.amount === null || value.amount === undefined) return "–";
  const amount = trimmed(String(value.amount));
  if (value.currency === "USD") return usd(amount);
  return `${amount} ${value.currency}`;
}

/** Dollars: "0.0750" as "$0.075", "1.5" as "$1.50", "0.07706202" as "$0.0771"; two to four decimals. */
export function usd(text) {
  const amount = text === null || text === undefined || text === "" ? NaN : Number(text);
  if (Number.isNaN(amount)) return "–";
  if (amount > 0 && amount < 0.00005) return "< $0.0001";
  return dollars.format(amount);
}

/** A length of time: 0.4 as "0.4 s", 42 as "42 s", 95 as "1 min 35 s". */
export function seconds(number) {
  if (number === null || number === undefined || Number.isNaN(Number(number))) return "–";
  const value = Number(number);
  if (value < 10) return `${trimmed(value.toFixed(1))} s`;
  const whole = Math.round(value);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return [`${Math.floor(whole / 60)} min`, whole % 60 && `${whole % 60} s`].filter(Boolean).join(" ");
  return [`${Math.floor(whole / 3600)} h`, Math.floor((whole % 3600) / 60) && `${Math.floor((whole % 3600) / 60)} min`]
    .filter(Boolean)
    .join(" ");
}

/** How long ago an ISO time was: "3 minutes ago". */
export function ago(iso) {
  let left = (new Date(iso).getTime() - Date.now()) / 1000;
  if (Number.isNaN(left)) return "–";
  for (const [unit, size] of STEPS) {
    if (Math.abs(left) < size) return relative.format(Math.round(left), unit);
    left /= size;
  }
  return "–";
}

/** An ISO time as date and clock. */
export function when(iso) {
  const time = new Date(iso);
  return iso && !Number.isNaN(time.getTime()) ? moment.format(time) : "–";
}

/** 1,234,567 as "1.2 MB". */
export function bytes(number) {
  if (number === null || number === undefined) return "–";
  if (number < 1000) return `${number} B`;
  if (number < 1_000_000) return `${Math.round(number / 1000)} kB`;
  return `${(number / 1_000_000).toFixed(1)} MB`;
}

/** A status of a generation or batch in words. */
export function statusWord(status) {
  return STATUS_WORDS[status] ?? status;
}

function trimmed(text) {
  return text.includes(".") ? text.replace(/0+$/, "").replace(/\.$/, "") : text;
}
