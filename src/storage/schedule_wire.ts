/**
 * Commands about schedules as lists, in log entries: fields by their place.
 *
 * @module
 */

import {
  type AlterScheduleCommand,
  CATCH_UP_POLICIES,
  type FireScheduleCommand,
  OVERLAP_POLICIES,
  type PutScheduleCommand,
  type ScheduleFire,
  type ScheduleSpec,
  type ScheduleTiming,
} from "../jobs/mod.ts";
import {
  boolean,
  ending,
  list,
  malformed,
  number,
  oneOf,
  optional,
  text,
} from "./command_values.ts";
import { specFromWire, specToWire } from "./submit_spec_wire.ts";

/** A Command without what the codec itself reads. */
type Body<C> = Omit<C, "kind" | "atMs">;

export function putToWire(command: Body<PutScheduleCommand>): unknown[] {
  const { schedule, replace, nextAtMs, schedulesMax } = command;
  return [scheduleToWire(schedule), replace, nextAtMs, schedulesMax];
}

export function putFromWire(wire: readonly unknown[]): Body<PutScheduleCommand> {
  return {
    schedule: scheduleFromWire(wire[0]),
    replace: boolean(wire[1]),
    nextAtMs: number(wire[2]),
    schedulesMax: number(wire[3]),
  };
}

export function alterToWire(command: Body<AlterScheduleCommand>): unknown[] {
  const { name, to, nextAtMs, revision, namespace } = command;
  return [name, to, nextAtMs, revision, ...ending(namespace)];
}

export function alterFromWire(wire: readonly unknown[]): Body<AlterScheduleCommand> {
  return {
    name: text(wire[0]),
    to: oneOf("paused", "active", "removed")(wire[1]),
    nextAtMs: number(wire[2]),
    revision: number(wire[3]),
    ...optional("namespace", wire[4], text),
  };
}

export function fireToWire(command: Body<FireScheduleCommand>): unknown[] {
  const { fires, liveJobsMax, leaderTerm, keyRetentionMs, replacesIfAccepted } = command;
  return [
    fires.map(oneFireToWire),
    liveJobsMax ?? null,
    leaderTerm ?? null,
    ...ending(keyRetentionMs, replacesIfAccepted),
  ];
}

export function fireFromWire(wire: readonly unknown[]): Body<FireScheduleCommand> {
  return {
    fires: list(wire[0]).map(oneFireFromWire),
    ...optional("liveJobsMax", wire[1], number),
    ...optional("leaderTerm", wire[2], number),
    ...optional("keyRetentionMs", wire[3], number),
    ...optional("replacesIfAccepted", wire[4], boolean),
  };
}

function oneFireToWire(fire: ScheduleFire): unknown[] {
  if (fire.kind === "triggered") {
    return [2, fire.name, fire.jobId, ...ending(fire.idempotencyKey, fire.namespace)];
  }
  const runs = fire.runs.flatMap(({ scheduledAtMs, jobId }) => [scheduledAtMs, jobId]);
  const { name, revision, dueAtMs, missed, nextAtMs, namespace } = fire;
  return [1, name, revision, dueAtMs, runs, missed, nextAtMs, ...ending(namespace)];
}

function oneFireFromWire(value: unknown): ScheduleFire {
  const wire = list(value);
  const name = text(wire[1]);
  if (wire[0] === 2) {
    return {
      kind: "triggered",
      name,
      jobId: text(wire[2]),
      ...optional("idempotencyKey", wire[3], text),
      ...optional("namespace", wire[4], text),
    };
  }
  if (wire[0] !== 1) throw malformed(`there is no kind of fire ${String(wire[0])}`);
  const pairs = list(wire[4]);
  const runs = Array.from({ length: Math.ceil(pairs.length / 2) }, (_, at) => ({
    scheduledAtMs: number(pairs[2 * at]),
    jobId: text(pairs[2 * at + 1]),
  }));
  return {
    kind: "due",
    name,
    revision: number(wire[2]),
    dueAtMs: number(wire[3]),
    runs,
    missed: number(wire[5]),
    nextAtMs: number(wire[6]),
    ...optional("namespace", wire[7], text),
  };
}

function scheduleToWire(schedule: ScheduleSpec): unknown[] {
  return [
    schedule.name,
    timingToWire(schedule.timing),
    specToWire(schedule.template),
    schedule.overlap,
    schedule.catchUp,
    schedule.catchUpMax,
    schedule.graceMs,
    schedule.createdBy,
    ...ending(schedule.namespace),
  ];
}

function scheduleFromWire(value: unknown): ScheduleSpec {
  const wire = list(value);
  const template = specFromWire(wire[2]);
  return {
    name: text(wire[0]),
    timing: timingFromWire(wire[1]),
    // It is kept for as long as the schedule, the entry is not.
    template: { ...template, payload: template.payload.slice() },
    overlap: oneOf(...OVERLAP_POLICIES)(wire[3]),
    catchUp: oneOf(...CATCH_UP_POLICIES)(wire[4]),
    catchUpMax: number(wire[5]),
    graceMs: number(wire[6]),
    createdBy: text(wire[7]),
    ...optional("namespace", wire[8], text),
  };
}

function timingToWire(timing: ScheduleTiming): unknown[] {
  const bounds = [timing.startAtMs, timing.endAtMs];
  switch (timing.kind) {
    case "cron":
      return [timing.kind, ...bounds, timing.expression, timing.timeZone];
    case "every":
      return [timing.kind, ...bounds, timing.everyMs, timing.anchorMs];
    case "at":
      return [timing.kind, ...bounds, timing.atMs];
  }
}

function timingFromWire(value: unknown): ScheduleTiming {
  const wire = list(value);
  const kind = oneOf("cron", "every", "at")(wire[0]);
  const bounds = { startAtMs: number(wire[1]), endAtMs: number(wire[2]) };
  switch (kind) {
    case "cron":
      return { kind, ...bounds, expression: text(wire[3]), timeZone: text(wire[4]) };
    case "every":
      return { kind, ...bounds, everyMs: number(wire[3]), anchorMs: number(wire[4]) };
    case "at":
      return { kind, ...bounds, atMs: number(wire[3]) };
  }
}
