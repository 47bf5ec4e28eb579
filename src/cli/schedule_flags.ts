/**
 * From the flags of a command line to when a schedule is due.
 *
 * @module
 */

import { cronFault, timeZoneFault, timingFaults } from "../calendar/mod.ts";
import type { ScheduleTiming } from "../rpc/mod.ts";
import type { FlagReader } from "./arguments.ts";

/** Runs that may be made up for. */
const CATCH_UP_MAX = 1_000;

/** The time that a flag says, by the clocks of `--tz`. */
export function timeFrom(reader: FlagReader, name: string): number | undefined {
  const zone = reader.text("tz");
  const isZone = zone !== undefined && timeZoneFault(zone) === undefined;
  return reader.time(name, isZone ? zone : undefined);
}

/** Whether a time is given beside `--every` that the clocks of `--tz` may say. */
function hasLocalTime(reader: FlagReader): boolean {
  return ["anchor", "start", "end"].some((name) => reader.text(name) !== undefined);
}

/** Undefined when the flags do not say when; what is wrong is noted in the reader. */
export function timingFrom(reader: FlagReader): ScheduleTiming | undefined {
  const zone = reader.text("tz");
  const zoneFault = zone === undefined ? undefined : timeZoneFault(zone);
  if (zoneFault !== undefined) reader.fault("tz", zoneFault);
  const time = (name: string) => timeFrom(reader, name);
  const bounds = { startAtMs: time("start") ?? 0, endAtMs: time("end") ?? 0 };
  const atMs = time("at");
  const everyMs = reader.duration("every");
  const anchorMs = time("anchor") ?? 0;
  if (reader.text("anchor") !== undefined && reader.text("every") === undefined) {
    reader.fault("anchor", "but only --every counts from it; give that, or leave it out");
  }
  const given = ["cron", "every", "at"].filter((name) => reader.text(name) !== undefined);
  if (zone !== undefined && given.join() === "every" && !hasLocalTime(reader)) {
    reader.fault("tz", "but a period is the same by every clock; leave it out, or give --cron");
  }
  if (given.length > 1) {
    reader.fault(given[1]!, `but --${given[0]} says already when it is due; give one of them`);
    return undefined;
  }
  const expression = reader.text("cron");
  const timing = expression !== undefined
    ? { kind: "cron" as const, ...bounds, expression, timeZone: zone ?? "UTC" }
    : everyMs !== undefined
    ? { kind: "every" as const, ...bounds, everyMs, anchorMs }
    : atMs !== undefined
    ? { kind: "at" as const, ...bounds, atMs }
    : undefined;
  if (timing === undefined || zoneFault !== undefined) return undefined;
  const [name] = given;
  const fault = timing.kind === "cron" ? cronFault(timing.expression) : undefined;
  const faults = fault === undefined ? timingFaults(timing) : [fault];
  for (const each of faults) reader.fault(name!, each);
  return timing;
}

/** Which of the runs that nobody could make are made up for. */
export interface CatchUp {
  readonly catchUp: string;
  readonly catchUpMax?: number;
}

/** What the flags say of it; what is wrong is noted in the reader. */
export function catchUpFrom(reader: FlagReader): CatchUp {
  const catchUp = reader.text("catchUp") ?? "last";
  const catchUpMax = reader.integer("catchUpMax", { min: 1, max: CATCH_UP_MAX });
  if (catchUpMax === undefined) return { catchUp };
  if (catchUp !== "all") {
    const instead = catchUp === "none" ? "none is made up for" : "the last alone is made up for";
    reader.fault("catchUpMax", `but ${instead}; give --catch-up all, or leave it out`);
  }
  return { catchUp, catchUpMax };
}
