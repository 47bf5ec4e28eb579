/**
 * Durations and sizes as people write them (`1m30s`, `4MiB`), read exactly: the arithmetic is on
 * whole nanoseconds and bytes, so `0.29s` is 290 ms and not a rounding of it.
 *
 * @module
 */

import { type Kind, type Parsed, type Raw, scalar, within, type WrittenBounds } from "./kinds.ts";

const NANOSECONDS: ReadonlyMap<string, bigint> = new Map([
  ["ns", 1n],
  ["us", 1_000n],
  ["µs", 1_000n],
  ["μs", 1_000n],
  ["ms", 1_000_000n],
  ["s", 1_000_000_000n],
  ["m", 60_000_000_000n],
  ["h", 3_600_000_000_000n],
  ["d", 86_400_000_000_000n],
]);

const BYTES: ReadonlyMap<string, bigint> = new Map([
  ["", 1n],
  ["b", 1n],
  ["kb", 1_000n],
  ["mb", 1_000_000n],
  ["gb", 1_000_000_000n],
  ["tb", 1_000_000_000_000n],
  ["ki", 1n << 10n],
  ["kib", 1n << 10n],
  ["mi", 1n << 20n],
  ["mib", 1n << 20n],
  ["gi", 1n << 30n],
  ["gib", 1n << 30n],
  ["ti", 1n << 40n],
  ["tib", 1n << 40n],
]);

/** A duration within bounds; its value is in ms. */
export function duration(bounds: WrittenBounds): Kind<number, "Ms"> {
  const range = {
    min: mustRead(parseDuration(bounds.min)),
    max: mustRead(parseDuration(bounds.max)),
  };
  return {
    name: "duration",
    unit: "Ms",
    allowed: `a duration from ${bounds.min} to ${bounds.max}, such as 500ms or 1m30s`,
    parse(raw) {
      const parsed = parseDuration(raw);
      return "problem" in parsed ? parsed : within(parsed.value, range, formatDuration);
    },
    write: formatDuration,
  };
}

/** A number of bytes within bounds. */
export function bytes(bounds: WrittenBounds): Kind<number, "Bytes"> {
  const range = { min: mustRead(parseBytes(bounds.min)), max: mustRead(parseBytes(bounds.max)) };
  return {
    name: "bytes",
    unit: "Bytes",
    allowed: `a size from ${bounds.min} to ${bounds.max}, such as 4MiB, 10MB or 4194304`,
    parse(raw) {
      const parsed = parseBytes(raw);
      return "problem" in parsed ? parsed : within(parsed.value, range, formatBytes);
    },
    write: formatBytes,
  };
}

/**
 * Reads a duration as Go writes it (`1h30m`, `500ms`, `1.5s`), with `d` for 24 hours besides.
 * A bare number is refused, but for 0: the original took it for nanoseconds, people mean seconds.
 */
export function parseDuration(raw: Raw): Parsed<number> {
  const written = scalar(raw);
  if (written === undefined) return { problem: "is not a duration" };
  if (/^0+$/.test(written)) return { value: 0 };
  if (/^\d+(\.\d+)?$/.test(written)) {
    return { problem: `has no unit (${written}ms? ${written}s?)` };
  }
  if (!/^(\d+(\.\d+)?(ns|us|µs|μs|ms|s|m|h|d))+$/.test(written)) {
    return { problem: written.startsWith("-") ? "is negative" : "is not a duration" };
  }
  let nanoseconds = 0n;
  for (const [, digits = "", unit = ""] of written.matchAll(/([\d.]+)(ns|us|µs|μs|ms|s|m|h|d)/g)) {
    const part = scaled(digits, NANOSECONDS.get(unit) ?? 0n);
    if (part === undefined) return { problem: "is finer than a millisecond" };
    nanoseconds += part;
  }
  return nanoseconds % 1_000_000n === 0n
    ? { value: Number(nanoseconds / 1_000_000n) }
    : { problem: "is finer than a millisecond" };
}

/** The shortest usual form: 90_000 is `1m30s`, 604_800_000 is `168h`. */
export function formatDuration(ms: number): string {
  const parts: string[] = [];
  let rest = ms;
  for (
    const [unit, unitMs] of [["h", 3_600_000], ["m", 60_000], ["s", 1_000], ["ms", 1]] as const
  ) {
    const whole = Math.floor(rest / unitMs);
    if (whole > 0) parts.push(`${whole}${unit}`);
    rest -= whole * unitMs;
  }
  return parts.join("") || "0s";
}

/** Reads a size: `4MiB` and `4Mi` are binary, `4MB` is decimal, a bare number is bytes. */
export function parseBytes(raw: Raw): Parsed<number> {
  const written = scalar(raw);
  const match = written?.match(/^(\d+(?:\.\d+)?)\s*([A-Za-z]*)$/);
  if (!match) return { problem: written?.startsWith("-") ? "is negative" : "is not a size" };
  const [, digits = "", unit = ""] = match;
  const factor = BYTES.get(unit.toLowerCase());
  if (factor === undefined) {
    return {
      problem: `has a unit "${unit}" that is none of B, kB, MB, GB, TB, KiB, MiB, GiB, TiB`,
    };
  }
  const value = scaled(digits, factor);
  return value === undefined
    ? { problem: "is not a whole number of bytes" }
    : { value: Number(value) };
}

/** The largest binary unit that divides the size; the bare number where none does. */
export function formatBytes(size: number): string {
  for (
    const [unit, factor] of [["TiB", 2 ** 40], ["GiB", 2 ** 30], ["MiB", 2 ** 20], [
      "KiB",
      2 ** 10,
    ]] as const
  ) {
    if (size > 0 && size % factor === 0) return `${size / factor}${unit}`;
  }
  return String(size);
}

/** `digits` (with an optional fraction) times `factor`, or undefined where that is not whole. */
function scaled(digits: string, factor: bigint): bigint | undefined {
  const [whole = "0", fraction = ""] = digits.split(".");
  const scale = 10n ** BigInt(fraction.length);
  const product = BigInt(whole + fraction) * factor;
  return product % scale === 0n ? product / scale : undefined;
}

/** For bounds that the schema itself states. */
function mustRead(parsed: Parsed<number>): number {
  if ("problem" in parsed) throw new Error(`invariant: a bound in the schema ${parsed.problem}`);
  return parsed.value;
}
