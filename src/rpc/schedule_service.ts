/**
 * The part of `proto.MasterService` that is about schedules.
 *
 * @module
 */

import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import type { ServiceHandlers } from "./call.ts";
import type { MasterService } from "./gen/scheduler_pb.ts";
import type { ScheduleApi, ScheduleNameView } from "./schedule_api.ts";
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
    listSchedules: async ({ limit, cursor, stale, namespace }, call) => {
      const page = await master.listSchedules({
        limit: counted("limit", limit, LIST_LIMIT_DEFAULT, LIST_LIMIT_MAX),
        cursor,
        stale,
        namespace,
      }, call);
      return {
        schedules: page.schedules.map(scheduleToWire),
        total: page.total,
        nextCursor: page.nextCursor,
      };
    },
    getSchedule: async (request, call) => {
      const found = await master.getSchedule(named(request), {
        nextRuns: counted("next_runs", request.nextRuns, 0, RUNS_MAX),
        stale: request.stale,
      }, call);
      return {
        schedule: scheduleToWire(found.schedule),
        nextRuns: found.nextRuns.map(timestampFromMs),
      };
    },
    removeSchedule: (request, call) => master.removeSchedule(named(request), call),
    pauseSchedule: (request, call) => master.pauseSchedule(named(request), call),
    resumeSchedule: (request, call) => master.resumeSchedule(named(request), call),
    triggerSchedule: (request, call) =>
      master.triggerSchedule(named(request), request.idempotencyKey, call),
    nextRuns: async ({ name, namespace, timing, count }, call) => {
      if (name !== "" && timing !== undefined) {
        throw new Refusal("invalid", "name and timing are both given; give one of them");
      }
      const of = name === "" ? timingFromWire(timing) : { name, namespace };
      const wanted = counted("count", count, RUNS_DEFAULT, RUNS_MAX);
      const runs = await master.nextRuns(of, wanted, call);
      return { runs: runs.map(timestampFromMs) };
    },
  };
}

function named({ name, namespace }: ScheduleNameView): ScheduleNameView {
  if (name === "") throw new Refusal("invalid", "name is empty; name a schedule");
  return { name, namespace };
}

function counted(field: string, value: number, otherwise: number, max: number): number {
  if (value === 0) return otherwise;
  if (value > 0 && value <= max) return value;
  throw new Refusal("invalid", `${field} is ${value}; it may be 0 to ${max}`);
}
