/**
 * Durations as people write them in payloads: `500ms`, `5s`, `1m30s`, as Go writes them.
 *
 * @module
 */

const UNIT_MS: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  "µs": 1e-3,
  "μs": 1e-3,
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/** Sticky: whatever is no part ends the search, which would else begin anew at every digit of it. */
const ONE_PART = /(\d+(?:\.\d+)?|\.\d+)(ns|us|µs|μs|ms|s|m|h|d)/gy;
/** No duration needs more characters. */
const CHARACTERS_MAX = 200;
const CHARACTERS_SHOWN = 60;

/**
 * Reads a duration. A number counts ms; a text needs a unit with every number, but for `0`.
 *
 * @returns ms, finite and not negative.
 * @throws {RangeError} that says what is wrong and how a duration is written.
 */
export function parseDuration(written: string | number): number {
  const ms = typeof written === "number" ? written : sumOfParts(written.trim());
  if (Number.isFinite(ms) && ms >= 0) return ms;
  throw new RangeError(
    `${shown(written)} is not a duration; write it such as 500ms, 5s or 1m30s${hint(written)}.`,
  );
}

function sumOfParts(text: string): number {
  if (text === "0") return 0;
  if (text.length > CHARACTERS_MAX) return NaN;
  const parts = [...text.matchAll(ONE_PART)];
  const covered = parts.reduce((length, [part]) => length + part.length, 0);
  if (parts.length === 0 || covered !== text.length) return NaN;
  return parts.reduce((sum, [, count, unit]) => sum + Number(count) * (UNIT_MS[unit!] ?? NaN), 0);
}

function shown(written: string | number): string {
  if (typeof written === "number" || written.length <= CHARACTERS_SHOWN) {
    return JSON.stringify(written);
  }
  return JSON.stringify(`${written.slice(0, CHARACTERS_SHOWN)}…`);
}

function hint(written: string | number): string {
  if (typeof written === "number" || written.length > CHARACTERS_SHOWN) return "";
  if (!/^\d+(\.\d+)?$/.test(written.trim())) return "";
  return ` (${written.trim()}s, perhaps, or the number without quotes for ms)`;
}
