/**
 * The client library for schedules.
 *
 * @module
 */

import { v7 as uuidv7 } from "uuid";
import { timestampMs } from "@bufbuild/protobuf/wkt";
import type { ScheduleTiming } from "../jobs/mod.ts";
import { type Calls, callsOf } from "./calls.ts";
import type { ChannelOptions } from "./channel.ts";
import { MasterService } from "./gen/scheduler_pb.ts";
import type { ScheduleDefinition, SchedulePage, ScheduleView } from "./schedule_api.ts";
import { definitionToWire, scheduleFromWire, timingToWire } from "./schedule_messages.ts";

/** Asks a cluster about its schedules, and changes them. Methods throw {@linkcode Refusal}. */
export class ScheduleClient {
  readonly #channel: Calls;

  /** @param channel how to reach the cluster; or a channel that others use too */
  constructor(channel: ChannelOptions | Calls) {
    this.#channel = callsOf(channel);
  }

  /** Makes a schedule; with `replace`, in place of the one of its name. */
  async add(definition: ScheduleDefinition, options: { readonly replace: boolean }) {
    const response = await this.#channel.call(
      MasterService.method.addSchedule,
      { schedule: definitionToWire(definition), replace: options.replace },
      // The second time it would find its own first, and call that a failure.
      { isRepeatable: options.replace },
    );
    const { message, nextAt, warning } = response;
    return { message, nextAtMs: nextAt === undefined ? 0 : timestampMs(nextAt), warning };
  }

  /** By name. */
  async list(
    page: { readonly limit?: number; readonly cursor?: string; readonly stale?: boolean } = {},
  ): Promise<SchedulePage> {
    const response = await this.#channel.call(MasterService.method.listSchedules, {
      limit: page.limit ?? 0,
      cursor: page.cursor ?? "",
      stale: page.stale ?? false,
    });
    const { schedules, total, nextCursor } = response;
    return { schedules: schedules.map(scheduleFromWire), total, nextCursor };
  }

  /** One schedule, with its next times. */
  async get(
    name: string,
    options: { readonly nextRuns?: number; readonly stale?: boolean } = {},
  ): Promise<{ readonly schedule: ScheduleView; readonly nextRuns: readonly number[] }> {
    const { schedule, nextRuns } = await this.#channel.call(MasterService.method.getSchedule, {
      name,
      nextRuns: options.nextRuns ?? 0,
      stale: options.stale ?? false,
    });
    if (schedule === undefined) throw new Error("the master answered without a schedule");
    return { schedule: scheduleFromWire(schedule), nextRuns: nextRuns.map(timestampMs) };
  }

  /** Forgets it; what it made stays. Resolves, as the next two, to what happened. */
  async remove(name: string): Promise<string> {
    const response = await this.#channel.call(
      MasterService.method.removeSchedule,
      { name },
      { isRepeatable: false }, // the second time there would be no such schedule
    );
    return response.message;
  }

  async pause(name: string): Promise<string> {
    return (await this.#channel.call(MasterService.method.pauseSchedule, { name })).message;
  }

  async resume(name: string): Promise<string> {
    return (await this.#channel.call(MasterService.method.resumeSchedule, { name })).message;
  }

  /**
   * Makes one job of it now. It is safe to lose the answer: the call carries a key (one is made when
   * there is none), under which the schedule is triggered once.
   */
  async trigger(
    name: string,
    { idempotencyKey = `auto:${uuidv7()}` }: { readonly idempotencyKey?: string } = {},
  ): Promise<{ readonly jobId: string; readonly duplicate: boolean }> {
    const { jobId, duplicate } = await this.#channel.call(
      MasterService.method.triggerSchedule,
      { name, idempotencyKey },
    );
    return { jobId, duplicate };
  }

  /** When a schedule, or a timing, will be due. */
  async nextRuns(of: string | ScheduleTiming, count: number): Promise<number[]> {
    const { runs } = await this.#channel.call(MasterService.method.nextRuns, {
      ...(typeof of === "string" ? { name: of } : { timing: timingToWire(of) }),
      count,
    });
    return runs.map(timestampMs);
  }

  /** Closes the connections. */
  close(): void {
    this.#channel.close();
  }
}
