// @ts-check
/** Numbers, times and sizes as people read them. */

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const tenths = new Intl.NumberFormat("en", { maximumFractionDigits: 1 });
const compact = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });

/** @param {number} count */
export function countText(count) {
  return whole.format(count);
}

/** @param {number} count */
export function compactText(count) {
  return Math.abs(count) < 10_000 ? tenths.format(count) : compact.format(count);
}

/**
 * @param {number} count
 * @param {string} one
 * @param {string} [many]
 */
export function counted(count, one, many = `${one}s`) {
  return `${countText(count)} ${count === 1 ? one : many}`;
}

/**
 * What a list lacks; empty when it has all.
 *
 * @param {number} shown
 * @param {number} total
 */
export function partText(shown, total) {
  return shown < total ? `the first ${countText(shown)} of ${countText(total)} by name` : "";
}

/** @param {number} fraction */
export function percentText(fraction) {
  return `${Math.round(fraction * 100)}%`;
}

/**
 * A length of time in its two greatest units at most: `850 ms`, `12.4 s`, `3 min 20 s`, `2 d 4 h`.
 *
 * @param {number} ms
 */
export function durationText(ms) {
  const length = Math.abs(ms);
  if (length < 1) return length === 0 ? "0 ms" : `${length.toFixed(2)} ms`;
  if (length < 1_000) return `${Math.round(length)} ms`;
  if (length < 60_000) return `${tenths.format(length / 1_000)} s`;
  const seconds = Math.round(length / 1_000);
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return two(minutes, "min", seconds % 60, "s");
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return two(hours, "h", minutes % 60, "min");
  return two(Math.floor(hours / 24), "d", hours % 24, "h");
}

/**
 * @param {number} great
 * @param {string} greatUnit
 * @param {number} small
 * @param {string} smallUnit
 */
function two(great, greatUnit, small, smallUnit) {
  return small === 0 ? `${great} ${greatUnit}` : `${great} ${greatUnit} ${small} ${smallUnit}`;
}

/** @param {number} bytes */
export function bytesText(bytes) {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let size = bytes;
  let unit = 0;
  while (size >= 1024 && unit < units.length - 1) {
    size /= 1024;
    unit++;
  }
  return `${unit === 0 ? whole.format(size) : tenths.format(size)} ${units[unit]}`;
}

/**
 * How long ago, or in how long: `12 s ago`, `in 3 min`.
 *
 * @param {number} atMs
 * @param {number} [nowMs]
 */
export function relativeText(atMs, nowMs = Date.now()) {
  const difference = atMs - nowMs;
  const length = Math.abs(difference);
  if (length < 1_000) return "now";
  const [size, unit] = length < 60_000
    ? [1_000, "s"]
    : length < 3_600_000
    ? [60_000, "min"]
    : length < 172_800_000
    ? [3_600_000, "h"]
    : [86_400_000, "d"];
  const amount = Math.floor(length / /** @type {number} */ (size));
  return difference < 0 ? `${amount} ${unit} ago` : `in ${amount} ${unit}`;
}

const clock = new Intl.DateTimeFormat("en-GB", { timeStyle: "medium" });
const day = new Intl.DateTimeFormat("en-GB", { day: "2-digit", month: "short" });
const full = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "long" });

/**
 * The time of the day, with the date unless that is today.
 *
 * @param {number} atMs
 * @param {number} [nowMs]
 */
export function momentText(atMs, nowMs = Date.now()) {
  const isToday = new Date(atMs).toDateString() === new Date(nowMs).toDateString();
  return isToday ? clock.format(atMs) : `${day.format(atMs)} ${clock.format(atMs)}`;
}

/** @param {number} atMs */
export function fullMomentText(atMs) {
  return full.format(atMs);
}

/**
 * A job's id by its end, which is where ids of one moment differ.
 *
 * @param {string} id
 */
export function shortId(id) {
  return id.length > 14 ? `…${id.slice(-12)}` : id;
}
