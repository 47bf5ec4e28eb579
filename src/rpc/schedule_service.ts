/**
 * The part of `proto.MasterService` that is about schedules.
 *
 * @module
 */

import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import type { ServiceHandlers } from "./call.ts";
import type { MasterService } from "./gen/scheduler_pb.ts";
import type { ScheduleApi } from "./schedule_api.ts";
import { definitionFromWire, scheduleToWire, stamp, timingFromWire } from "./schedule_messages.ts";
import { Refusal } from "./status.ts";

type ScheduleHandlers = Pick<
  ServiceHandlers<typeof MasterService>,
  | "addSchedule"
  | "listSchedules"
  | "getSchedule"
  | "removeSchedule"
  | "pauseSchedule"
  | "resumeSchedule"
  | "triggerSchedule"
  | "nextRuns"
>;

const LIST_LIMIT_DEFAULT = 100;
const LIST_LIMIT_MAX = 1000;
const RUNS_DEFAULT = 5;
const RUNS_MAX = 1000;

export function scheduleHandlers(master: ScheduleApi): ScheduleHandlers {
  return {
    addSchedule: async ({ schedule, replace }, call) => {
      const definition = definitionFromWire(schedule);
      const added = await master.addSchedule(definition, { replace }, call);
      return { message: added.message, nextAt: stamp(added.nextAtMs), warning: added.warning };
    },
    listSchedules: async ({ limit, cursor, stale }) => {
      const page = await master.listSchedules({
        limit: counted("limit", limit, LIST_LIMIT_DEFAULT, LIST_LIMIT_MAX),
        cursor,
        stale,
      });
      return {
        schedules: page.schedules.map(scheduleToWire),
        total: page.total,
        nextCursor: page.nextCursor,
      };
    },
    getSchedule: async ({ name, nextRuns, stale }) => {
      const found = await master.getSchedule(named(name), {
        nextRuns: counted("next_runs", nextRuns, 0, RUNS_MAX),
        stale,
      });
      return {
        schedule: scheduleToWire(found.schedule),
        nextRuns: found.nextRuns.map(timestampFromMs),
      };
    },
    removeSchedule: ({ name }, call) => master.removeSchedule(named(name), call),
    pauseSchedule: ({ name }, call) => master.pauseSchedule(named(name), call),
    resumeSchedule: ({ name }, call) => master.resumeSchedule(named(name), call),
    triggerSchedule: ({ name, idempotencyKey }, call) =>
      master.triggerSchedule(named(name), idempotencyKey, call),
    nextRuns: async ({ name, timing, count }) => {
      if (name !== "" && timing !== undefined) {
        throw new Refusal("invalid", "name and timing are both given; give one of them");
      }
      const of = name === "" ? timingFromWire(timing) : name;
      const runs = await master.nextRuns(of, counted("count", count, RUNS_DEFAULT, RUNS_MAX));
      return { runs: runs.map(timestampFromMs) };
    },
  };
}

function named(name: string): string {
  if (name === "") throw new Refusal("invalid", "name is empty; name a schedule");
  return name;
}

function counted(field: string, value: number, otherwise: number, max: number): number {
  if (value === 0) return otherwise;
  if (value > 0 && value <= max) return value;
  throw new Refusal("invalid", `${field} is ${value}; it may be 0 to ${max}`);
}
