/**
 * Dates and times as ISO 8601 writes them: recognised, and where a column mixes several ways of
 * writing them, brought into one that sorts as text.
 *
 * @module
 */

/** How a timestamp is written. Two of the same shape compare as text as they do in time. */
export interface TimestampShape {
  /** `T` or a space. */
  readonly separator: string;
  /** Digits of a second's fraction; -1 when there are no seconds. */
  readonly fractionDigits: number;
  /** `Z`, `+hh:mm` or the like; empty for a local time. */
  readonly zone: string;
}

const DATE = /^(\d{4})-(\d{2})-(\d{2})$/;
const TIMESTAMP =
  /^(\d{4})-(\d{2})-(\d{2})([T ])(\d{2}):(\d{2})(?::(\d{2})(?:\.(\d{1,9}))?)?(Z|[+-]\d{2}:?\d{2}|[+-]\d{2})?$/;

/** Whether the text is a day of the calendar, as `2024-02-29`. */
export function isDate(text: string): boolean {
  if (text.length !== 10) return false;
  const parts = DATE.exec(text);
  return parts !== null && isDay(Number(parts[1]), Number(parts[2]), Number(parts[3]));
}

/** The shape of a timestamp such as `2024-02-29T23:59:59.5+01:00`; undefined for other text. */
export function timestampShape(text: string): TimestampShape | undefined {
  if (text.length < 16 || text.length > 35) return undefined;
  const parts = TIMESTAMP.exec(text);
  if (parts === null) return undefined;
  const [, year, month, day, separator = "T", hours, minutes, seconds, fraction, zone = ""] = parts;
  if (!isDay(Number(year), Number(month), Number(day))) return undefined;
  if (Number(hours) > 23 || Number(minutes) > 59 || Number(seconds ?? 0) > 59) return undefined;
  if (zone !== "" && zone !== "Z" && !isOffset(zone)) return undefined;
  return {
    separator,
    fractionDigits: seconds === undefined ? -1 : fraction?.length ?? 0,
    zone,
  };
}

/**
 * The same instant, written as `2024-02-29T22:59:59.500Z` with `fractionDigits` digits (without the
 * Z for a local time). Loses nothing as long as that is as many as the text has.
 */
export function uniformTimestamp(text: string, fractionDigits: number): string {
  const parts = TIMESTAMP.exec(text);
  if (parts === null) return text;
  const [, year, month, day, , hours, minutes, seconds = "00", fraction = "", zone = ""] = parts;
  const wallClock = `${year}-${month}-${day}T${hours}:${minutes}:${seconds}`;
  const shifted = zone === "" || zone === "Z"
    ? wallClock
    : new Date(Date.parse(`${wallClock}Z`) - offsetMs(zone)).toISOString().slice(0, -5);
  const digits = fractionDigits > 0 ? `.${fraction.padEnd(fractionDigits, "0")}` : "";
  return `${shifted}${digits}${zone === "" ? "" : "Z"}`;
}

function isDay(year: number, month: number, day: number): boolean {
  if (month < 1 || month > 12 || day < 1) return false;
  if (month === 2) {
    const isLeap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
    return day <= (isLeap ? 29 : 28);
  }
  return day <= (month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31);
}

function isOffset(zone: string): boolean {
  return Number(zone.slice(1, 3)) <= 14 && Number(zone.slice(3).replace(":", "")) <= 59;
}

function offsetMs(zone: string): number {
  const sign = zone.startsWith("-") ? -1 : 1;
  const minutes = Number(zone.slice(3).replace(":", ""));
  return sign * (Number(zone.slice(1, 3)) * 60 + minutes) * 60_000;
}
