/**
 * Cron expressions: five fields, or six with seconds in front, in an IANA time zone. What a change of
 * the clocks does to them:
 *
 * - A time that the clocks skip in spring is made up for at once after the gap, where hours and
 *   minutes are fixed (no `*` and no step); else what is skipped is skipped.
 * - An hour that comes twice in autumn counts once, its first time, where hours and minutes are
 *   fixed; with a `*` or a step (every half hour, say) it counts twice, so that no half hour is left
 *   out.
 *
 * @module
 */

import { Cron } from "croner";

/** The fields of an expression with seconds, and what each may hold. */
const FIELDS = [
  ["second", "0-59"],
  ["minute", "0-59"],
  ["hour", "0-23"],
  ["day of the month", "1-31, L for the last, 15W for the workday nearest the 15th"],
  ["month", "1-12 or JAN-DEC"],
  [
    "day of the week",
    "0-7 or SUN-SAT (0 and 7 are Sunday), 5#2 for the second Friday, 5L for the last",
  ],
] as const;

const NICKNAMES = ["@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly"];

/** A list of all minutes has 170: a longer one costs a master more than it can tell. */
const CHARACTERS_MAX = 1_000;
/** What is quoted of a text that is none. */
export const SHOWN_CHARACTERS_MAX = 80;

/** Parsed expressions that are kept; a master asks for the same ones again and again. */
const PARSED_MAX = 1000;
const parsed = new Map<string, Cron>();

/** The first time after `afterMs`; undefined: never. */
export function nextMatch(
  expression: string,
  timeZone: string,
  afterMs: number,
): number | undefined {
  return cronOf(expression, timeZone).nextRun(new Date(afterMs))?.getTime();
}

/** The latest `count` times before `beforeMs`, oldest first. */
export function matchesBefore(
  expression: string,
  timeZone: string,
  beforeMs: number,
  count: number,
): number[] {
  return cronOf(expression, timeZone).previousRuns(count, new Date(beforeMs))
    .map((each) => each.getTime()).reverse();
}

/** What is wrong with an expression, by its field, and what to write; undefined: nothing is. */
export function cronFault(expression: string): string | undefined {
  if (expression.length > CHARACTERS_MAX) {
    return `it has ${expression.length} characters; it may have ${CHARACTERS_MAX}`;
  }
  const text = expression.trim();
  if (text.startsWith("@")) {
    if (NICKNAMES.includes(text.toLowerCase())) return undefined;
    return `there is no ${JSON.stringify(text)}; there are ${NICKNAMES.join(", ")}`;
  }
  const fields = text.split(/\s+/).filter((field) => field !== "");
  if (fields.length !== 5 && fields.length !== 6) {
    return `it has ${fields.length} fields; it needs ` +
      "five (minute, hour, day of the month, month, day of the week), or six with the second in front";
  }
  const names = FIELDS.slice(FIELDS.length - fields.length);
  const faults = fields.flatMap((field, at) => {
    const [name, range] = names[at]!;
    return isField(field, at + FIELDS.length - fields.length) ? [] : [
      `the ${name} is ${JSON.stringify(field)}; it may be ${range}, *, a list, range or step` +
      stepInstead(field, range),
    ];
  });
  return faults.length === 0 ? undefined : faults.join("; ");
}

/** How other readers' `5/15` is written here. */
function stepInstead(field: string, range: string): string {
  const [, first, step] = /^(\d+)\/(\d+)$/.exec(field) ?? [];
  const [last] = /(?<=^\d-)\d+/.exec(range) ?? [];
  return first === undefined || last === undefined ? "" : `, such as ${first}-${last}/${step}`;
}

/** What is wrong with the name of a time zone; undefined: nothing is. */
export function timeZoneFault(timeZone: string): string | undefined {
  try {
    new Intl.DateTimeFormat("en", { timeZone });
    return undefined;
  } catch {
    // It says no more than that, and not how one is written.
    const shown = JSON.stringify(timeZone.slice(0, SHOWN_CHARACTERS_MAX));
    return `there is no time zone ${shown}; name one as Europe/Berlin or UTC`;
  }
}

/** Whether the library takes the field, alone among stars. */
function isField(field: string, place: number): boolean {
  // Stands for the moment at which the expression is read, which differs from master to master.
  if (field.includes("?")) return false;
  const fields = FIELDS.map((_, at) => at === place ? field : "*");
  try {
    newCron(fields.join(" "), "UTC");
    return true;
  } catch {
    // Its message does not name the field; ours does.
    return false;
  }
}

function cronOf(expression: string, timeZone: string): Cron {
  const name = `${timeZone}\n${expression}`;
  let cron = parsed.get(name);
  if (cron === undefined) {
    if (parsed.size >= PARSED_MAX) parsed.clear();
    parsed.set(name, cron = newCron(expression, timeZone));
  }
  return cron;
}

function newCron(expression: string, timezone: string): Cron {
  return new Cron(expression.trim(), {
    timezone,
    mode: "5-or-6-parts",
    // Lists and ranges of hours are fixed times too: 2 and 14 o'clock are two a day, on each day.
    fixedTimeRule: "no-wildcard",
    paused: true,
  });
}
