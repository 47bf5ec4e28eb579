/**
 * Points in time as people write them.
 *
 * @module
 */

const WRITTEN =
  /^(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?))?(Z|[+-]\d{2}:?\d{2})?$/i;

/**
 * Reads `2026-12-24T18:00`, with seconds or without, as the time on the clocks of `timeZone`; with
 * `Z` or an offset behind it, as that. A date alone is its midnight. A time that the clocks skip is
 * taken as far behind the gap, one that comes twice as its first.
 *
 * @returns ms since the epoch; undefined: it is no such time
 */
export function parsePointInTime(text: string, timeZone: string): number | undefined {
  const [, date, time = "00:00", offset] = WRITTEN.exec(text.trim()) ?? [];
  if (date === undefined) return undefined;
  try {
    const local = Temporal.PlainDateTime.from(`${date}T${time}`, { overflow: "reject" });
    if (offset === undefined) return local.toZonedDateTime(timeZone).epochMilliseconds;
    return Temporal.Instant.from(`${local}${offset.toUpperCase()}`).epochMilliseconds;
  } catch {
    // The 31st of February, the 25th hour.
    return undefined;
  }
}
