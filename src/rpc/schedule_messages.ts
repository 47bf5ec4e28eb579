/**
 * Schedules between the wire's messages and the domain's views, both ways.
 *
 * @module
 */

import type { MessageInitShape } from "@bufbuild/protobuf";
import { type Timestamp, timestampFromMs, timestampMs } from "@bufbuild/protobuf/wkt";
import { DEFAULT_NAMESPACE, type ScheduleTiming } from "../jobs/mod.ts";
import { submissionFromWire, submissionToWire } from "./convert.ts";
import type {
  Schedule,
  ScheduleDefinition as DefinitionMessage,
  ScheduleDefinitionSchema,
  ScheduleSchema,
  ScheduleTiming as TimingMessage,
  ScheduleTimingSchema,
} from "./gen/scheduler_pb.ts";
import type { ScheduleDefinition, ScheduleView } from "./schedule_api.ts";
import { Refusal } from "./status.ts";

/** @throws Refusal `invalid` when it lacks what makes a schedule */
export function definitionFromWire(message: DefinitionMessage | undefined): ScheduleDefinition {
  if (message === undefined) throw new Refusal("invalid", "schedule is missing");
  if (message.job === undefined) throw new Refusal("invalid", "schedule.job is missing");
  return {
    name: message.name,
    timing: timingFromWire(message.timing),
    job: submissionFromWire(message.job),
    ...(message.overlap === "" ? {} : { overlap: message.overlap }),
    ...(message.catchUp === "" ? {} : { catchUp: message.catchUp }),
    ...(message.catchUpMax === 0 ? {} : { catchUpMax: message.catchUpMax }),
    ...(message.graceMs === undefined ? {} : { graceMs: Number(message.graceMs) }),
  };
}

export function definitionToWire(
  definition: ScheduleDefinition,
): MessageInitShape<typeof ScheduleDefinitionSchema> {
  return {
    name: definition.name,
    timing: timingToWire(definition.timing),
    job: submissionToWire(definition.job),
    overlap: definition.overlap ?? "",
    catchUp: definition.catchUp ?? "",
    catchUpMax: definition.catchUpMax ?? 0,
    ...(definition.graceMs === undefined
      ? {}
      : { graceMs: BigInt(Math.round(definition.graceMs)) }),
  };
}

/** @throws Refusal `invalid` when it does not say when, or says what would not count */
export function timingFromWire(message: TimingMessage | undefined): ScheduleTiming {
  const { when: { case: kind } = {}, timeZone = "", anchor } = message ?? {};
  if (timeZone !== "" && kind !== undefined && kind !== "cron") {
    throw new Refusal(
      "invalid",
      "timing.time_zone is given, but only cron goes by a zone's clocks",
    );
  }
  if (anchor !== undefined && kind !== undefined && kind !== "everyMs") {
    throw new Refusal("invalid", "timing.anchor is given, but only every_ms counts from it");
  }
  const bounds = { startAtMs: msOf(message?.startAt), endAtMs: msOf(message?.endAt) };
  switch (message?.when.case) {
    case "cron": {
      const { timeZone, when } = message;
      return { kind: "cron", ...bounds, expression: when.value, timeZone: timeZone || "UTC" };
    }
    case "everyMs":
      return {
        kind: "every",
        ...bounds,
        everyMs: Number(message.when.value),
        anchorMs: msOf(message.anchor),
      };
    case "at":
      return { kind: "at", ...bounds, atMs: timestampMs(message.when.value) };
    case undefined:
      throw new Refusal("invalid", "timing does not say when: give cron, every_ms or at");
  }
}

export function timingToWire(
  timing: ScheduleTiming,
): MessageInitShape<typeof ScheduleTimingSchema> {
  const bounds = { startAt: stamp(timing.startAtMs), endAt: stamp(timing.endAtMs) };
  switch (timing.kind) {
    case "cron":
      return {
        ...bounds,
        when: { case: "cron", value: timing.expression },
        timeZone: timing.timeZone,
      };
    case "every":
      return {
        ...bounds,
        when: { case: "everyMs", value: BigInt(Math.round(timing.everyMs)) },
        anchor: stamp(timing.anchorMs),
      };
    case "at":
      return { ...bounds, when: { case: "at", value: timestampFromMs(timing.atMs) } };
  }
}

export function scheduleToWire(schedule: ScheduleView): MessageInitShape<typeof ScheduleSchema> {
  return {
    definition: definitionToWire(schedule),
    createdAt: stamp(schedule.createdAtMs),
    createdBy: schedule.createdBy,
    paused: schedule.paused,
    nextAt: stamp(schedule.nextAtMs),
    lastScheduledAt: stamp(schedule.lastScheduledAtMs),
    lastJobId: schedule.lastJobId,
    runs: BigInt(schedule.runs),
    skipped: BigInt(schedule.skipped),
    missed: BigInt(schedule.missed),
    unfinishedRuns: schedule.unfinishedRuns,
    lastFault: schedule.lastFault,
    lastFaultAt: stamp(schedule.lastFaultAtMs),
  };
}

export function scheduleFromWire(message: Schedule): ScheduleView {
  const definition = definitionFromWire(message.definition);
  return {
    ...definition,
    namespace: definition.job.namespace ?? DEFAULT_NAMESPACE,
    overlap: definition.overlap ?? "",
    catchUp: definition.catchUp ?? "",
    catchUpMax: definition.catchUpMax ?? 0,
    graceMs: definition.graceMs ?? 0,
    createdAtMs: msOf(message.createdAt),
    createdBy: message.createdBy,
    paused: message.paused,
    nextAtMs: msOf(message.nextAt),
    lastScheduledAtMs: msOf(message.lastScheduledAt),
    lastJobId: message.lastJobId,
    runs: Number(message.runs),
    skipped: Number(message.skipped),
    missed: Number(message.missed),
    unfinishedRuns: message.unfinishedRuns,
    lastFault: message.lastFault,
    lastFaultAtMs: msOf(message.lastFaultAt),
  };
}

/** Absent for 0, which is no time here. */
export function stamp(ms: number): Timestamp | undefined {
  return ms === 0 ? undefined : timestampFromMs(ms);
}

function msOf(time: Timestamp | undefined): number {
  return time === undefined ? 0 : timestampMs(time);
}
