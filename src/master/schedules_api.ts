/**
 * The calls about schedules. All but looking are the leader's.
 *
 * @module
 */

import { firstOf, tickAfter, timingFaults } from "../calendar/mod.ts";
import {
  type AlterScheduleCommand,
  CATCH_UP_POLICIES,
  DEFAULT_NAMESPACE,
  namespaceField,
  namespaceOf,
  OVERLAP_POLICIES,
  type PutScheduleCommand,
  type Schedule,
  SCHEDULE_LIMITS,
  type ScheduleSpec,
  type ScheduleTiming,
} from "../jobs/mod.ts";
import {
  type CallContext,
  Refusal,
  type ScheduleApi,
  type ScheduleDefinition,
  type ScheduleNameView,
  type SchedulePage,
  type ScheduleView,
} from "../rpc/mod.ts";
import { textFault } from "./admission_options.ts";
import { audited } from "./audited.ts";
import { dutiesOf, type MasterContext } from "./context.ts";
import { OfferedTypes } from "./offered_types.ts";
import { namespaceFor, namespacesFor, type Viewer } from "./sight.ts";
import { submissionView } from "./views.ts";

/** Schedules are in memory with their payloads. */
const PAYLOAD_BYTES_MAX = 256 * 1024;
const CATCH_UP_MAX_DEFAULT = 100;
const GRACE_MS_DEFAULT = 30_000;
const GRACE_MS_MAX = 366 * 24 * 60 * 60 * 1000;
const NAME_PATTERN = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;

export class SchedulesApi implements ScheduleApi {
  readonly #context: MasterContext;

  constructor(context: MasterContext) {
    this.#context = context;
  }

  addSchedule(
    definition: ScheduleDefinition,
    { replace }: { readonly replace: boolean },
    call: CallContext,
  ) {
    const { name } = definition;
    const namespace = namespaceFor(definition.job.namespace, call);
    return audited(
      this.#context,
      replace ? "put a schedule" : "add a schedule",
      name,
      call,
      async () => {
        const duties = dutiesOf(this.#context);
        const { admission, proposer, now, schedulesMax } = this.#context;
        const nowMs = now();
        const by = { submittedBy: call.caller.userId, namespace };
        const before = this.#context.machine.schedule(name, namespace);
        const timing = replace && before !== undefined
          ? withAnchorOf(before.timing, definition.timing)
          : definition.timing;
        const schedule = this.#admit({ ...definition, timing }, by, nowMs);
        const nextAtMs = overdueOf(before, schedule.timing, nowMs) ??
          tickAfter(schedule.timing, nowMs);
        if (nextAtMs === 0) {
          throw new Refusal("invalid", `${describe(schedule.timing)} is never due from now on`);
        }
        const outcome = await proposer.propose<PutScheduleCommand>({
          kind: "put_schedule",
          schedule,
          replace,
          nextAtMs,
          schedulesMax,
        });
        if (outcome.status === "refused") {
          throw outcome.reason === "already_exists"
            ? new Refusal(
              "already_exists",
              `${outcome.message}; replace it, or choose another name`,
            )
            : new Refusal("overloaded", `${outcome.message}, or raise scheduler.max_schedules`);
        }
        duties.schedule();
        // One that was paused stays so, with whatever definition.
        const isPaused = this.#context.machine.schedule(name, namespace)?.paused === true;
        const next = isPaused
          ? "it is paused as before, and due again when it is resumed"
          : `first due ${new Date(nextAtMs).toISOString()}`;
        return {
          message: `schedule ${name} is ${outcome.status}; ${next}`,
          nextAtMs,
          warning: new OfferedTypes(duties.view().workers, admission).warning(schedule.template),
        };
      },
      namespace,
    );
  }

  async listSchedules(
    { limit, cursor, stale, namespace }: {
      readonly limit: number;
      readonly cursor: string;
      readonly stale: boolean;
      readonly namespace: string;
    },
    call: Viewer,
  ): Promise<SchedulePage> {
    const namespaces = namespacesFor(namespace, call);
    await this.#readBarrier(stale);
    const all = this.#context.machine.schedules().filter((each) =>
      namespaces === undefined || namespaces.includes(namespaceOf(each))
    );
    const rest = all.filter((each) => placeOf(each) > cursor);
    const page = rest.slice(0, limit);
    return {
      schedules: page.map((each) => {
        const view = this.#view(each);
        return { ...view, job: { ...view.job, payload: new Uint8Array(0) } };
      }),
      total: all.length,
      nextCursor: rest.length > page.length ? placeOf(page.at(-1)!) : "",
    };
  }

  async getSchedule(
    named: ScheduleNameView,
    { nextRuns, stale }: { readonly nextRuns: number; readonly stale: boolean },
    call: Viewer,
  ) {
    const namespace = namespaceFor(named.namespace, call);
    await this.#readBarrier(stale);
    const schedule = this.#known(named.name, namespace);
    return { schedule: this.#view(schedule), nextRuns: this.#nextOf(schedule, nextRuns) };
  }

  removeSchedule(named: ScheduleNameView, call: CallContext) {
    return this.#act("remove a schedule", named, call, async (schedule) => {
      await this.#alter(schedule, "removed");
      return { message: `schedule ${named.name} is removed; the jobs that it made stay` };
    });
  }

  pauseSchedule(named: ScheduleNameView, call: CallContext) {
    return this.#act("pause a schedule", named, call, async (schedule) => {
      const changed = await this.#alter(schedule, "paused");
      return { message: `schedule ${named.name} ${changed ? "is" : "was already"} paused` };
    });
  }

  resumeSchedule(named: ScheduleNameView, call: CallContext) {
    return this.#act("resume a schedule", named, call, async (schedule) => {
      const { name, namespace } = schedule;
      const changed = await this.#alter(schedule, "active");
      if (!changed) return { message: `schedule ${name} was not paused` };
      const { nextAtMs = 0 } = this.#context.machine.schedule(name, namespace) ?? {};
      const next = nextAtMs === 0 ? "not due any more" : `due ${new Date(nextAtMs).toISOString()}`;
      return { message: `schedule ${name} goes on; it is ${next}` };
    });
  }

  triggerSchedule(named: ScheduleNameView, idempotencyKey: string, call: CallContext) {
    return this.#act("trigger a schedule", named, call, async ({ name, namespace }) => {
      dutiesOf(this.#context);
      const { proposer, newJobId } = this.#context;
      const [fault] = textFault("idempotency_key", idempotencyKey);
      if (fault !== undefined) throw new Refusal("invalid", fault);
      const { results: [outcome] } = await proposer.fireSchedules([{
        kind: "triggered",
        name,
        ...namespaceField(namespace),
        jobId: newJobId(),
        ...(idempotencyKey !== "" && { idempotencyKey }),
      }]);
      if (outcome?.status !== "fired") throw unknownSchedule(name, namespace);
      const [run] = outcome.runs;
      if (run?.status === "submitted") {
        return { jobId: run.jobId, duplicate: run.repeated === true };
      }
      throw new Refusal(
        "failed_precondition",
        `the run of schedule ${name} was ${run?.status}: ${run?.message}`,
      );
    });
  }

  async nextRuns(
    of: ScheduleNameView | ScheduleTiming,
    count: number,
    call: Viewer,
  ): Promise<readonly number[]> {
    if ("name" in of) {
      const namespace = namespaceFor(of.namespace, call);
      await this.#readBarrier(false);
      return this.#nextOf(this.#known(of.name, namespace), count);
    }
    const faults = timingFaults(of);
    if (faults.length > 0) throw new Refusal("invalid", faults.join("; "));
    const nowMs = this.#context.now();
    return firstOf(anchored(of, nowMs), nowMs, count);
  }

  /** Something done to a schedule, in the namespace in which it is for the caller. */
  #act<Answer>(
    act: string,
    named: ScheduleNameView,
    call: CallContext,
    run: (schedule: ScheduleNameView) => Promise<Answer>,
  ): Promise<Answer> {
    const schedule = { name: named.name, namespace: namespaceFor(named.namespace, call) };
    const { name, namespace } = schedule;
    return audited(this.#context, act, name, call, () => run(schedule), namespace);
  }

  async #alter(
    { name, namespace }: ScheduleNameView,
    to: AlterScheduleCommand["to"],
  ): Promise<boolean> {
    const duties = dutiesOf(this.#context);
    const { machine, proposer, now } = this.#context;
    const schedule = machine.schedule(name, namespace);
    const outcome = await proposer.propose<AlterScheduleCommand>({
      kind: "alter_schedule",
      name,
      ...namespaceField(namespace),
      to,
      nextAtMs: schedule === undefined || to !== "active" ? 0 : tickAfter(schedule.timing, now()),
      revision: schedule?.revision ?? 0,
    });
    if (outcome.status === "refused") {
      throw outcome.reason === "stale"
        ? new Refusal("conflict", outcome.message, { retryAfterMs: 0 })
        : unknownSchedule(name, namespace);
    }
    duties.schedule();
    return outcome.changed;
  }

  /** @throws Refusal `invalid` with all faults */
  #admit(definition: ScheduleDefinition, by: Owner, nowMs: number): ScheduleSpec {
    const { name, timing, job, overlap = "skip", catchUp = "last" } = definition;
    const { catchUpMax = CATCH_UP_MAX_DEFAULT, graceMs = GRACE_MS_DEFAULT } = definition;
    const faults = timingFaults(timing);
    if (!NAME_PATTERN.test(name)) {
      faults.push(
        `name is ${
          JSON.stringify(name.slice(0, 140))
        }; a schedule is named by up to 128 letters, ` +
          "digits, dots, dashes and underscores",
      );
    }
    const overlapPolicy = OVERLAP_POLICIES.find((each) => each === overlap);
    if (overlapPolicy === undefined) faults.push(noneOf("overlap", overlap, OVERLAP_POLICIES));
    const catchUpPolicy = CATCH_UP_POLICIES.find((each) => each === catchUp);
    if (catchUpPolicy === undefined) faults.push(noneOf("catch_up", catchUp, CATCH_UP_POLICIES));
    const isCountable = Number.isInteger(catchUpMax) && catchUpMax >= 1 &&
      catchUpMax <= SCHEDULE_LIMITS.catchUpMax;
    if (!isCountable) {
      faults.push(`catch_up_max is ${catchUpMax}; it may be 1 to ${SCHEDULE_LIMITS.catchUpMax}`);
    }
    if (!Number.isSafeInteger(graceMs) || graceMs < 0 || graceMs > GRACE_MS_MAX) {
      faults.push(`grace_ms is ${graceMs}; it may be 0 to ${GRACE_MS_MAX}`);
    }
    faults.push(...jobFaults(definition));
    const template = this.#admitJob(job, by, nowMs, faults);
    const isWhole = template !== undefined && overlapPolicy !== undefined &&
      catchUpPolicy !== undefined;
    if (faults.length > 0 || !isWhole) throw new Refusal("invalid", faults.join("; "));
    return {
      name,
      ...namespaceField(by.namespace),
      timing: anchored(timing, nowMs),
      template,
      overlap: overlapPolicy,
      catchUp: catchUpPolicy,
      catchUpMax,
      graceMs,
      createdBy: by.submittedBy,
    };
  }

  /** By the admission that every submission goes through. */
  #admitJob(
    job: ScheduleDefinition["job"],
    by: Owner,
    nowMs: number,
    faults: string[],
  ): ScheduleSpec["template"] | undefined {
    try {
      return this.#context.admission.admit(job, "", by, nowMs);
    } catch (failure) {
      if (!(failure instanceof Refusal) || failure.reason !== "invalid") throw failure;
      faults.push(failure.message);
      return undefined;
    }
  }

  #view(schedule: Schedule): ScheduleView {
    const { template, revision: _revision, actedThroughMs: _acted, ...rest } = schedule;
    return {
      ...rest,
      namespace: namespaceOf(schedule),
      job: submissionView(template),
      unfinishedRuns: this.#context.machine.unfinishedRuns(schedule),
    };
  }

  /** Of a paused one: as if it went on now. */
  #nextOf({ timing, paused, nextAtMs }: Schedule, count: number): readonly number[] {
    if (paused || nextAtMs === 0 || count === 0) {
      return nextAtMs === 0 ? [] : firstOf(timing, this.#context.now(), count);
    }
    return [nextAtMs, ...firstOf(timing, nextAtMs, count - 1)];
  }

  #known(name: string, namespace: string): Schedule {
    const schedule = this.#context.machine.schedule(name, namespace);
    if (schedule === undefined) throw unknownSchedule(name, namespace);
    return schedule;
  }

  #readBarrier(stale: boolean): Promise<void> {
    if (stale) return Promise.resolve();
    return this.#context.proposer.readBarrier(this.#context.barrierTimeoutMs);
  }
}

/** Whose a schedule is, and where. */
type Owner = Parameters<MasterContext["admission"]["admit"]>[2];

/** Its place in the order of lists: by name, then by namespace. */
function placeOf(schedule: Schedule): string {
  const namespace = namespaceOf(schedule);
  return namespace === DEFAULT_NAMESPACE ? schedule.name : `${schedule.name} ${namespace}`;
}

/** A period that names no beginning begins now. */
function anchored(timing: ScheduleTiming, nowMs: number): ScheduleTiming {
  if (timing.kind !== "every" || timing.anchorMs !== 0) return timing;
  return { ...timing, anchorMs: timing.startAtMs > 0 ? timing.startAtMs : nowMs };
}

/**
 * A period that is put again and again, as by whoever deploys, goes on from where it was: were it to
 * begin anew each time, it might never be due.
 */
function withAnchorOf(before: ScheduleTiming, timing: ScheduleTiming): ScheduleTiming {
  const isSame = timing.kind === "every" && before.kind === "every" && timing.anchorMs === 0 &&
    timing.everyMs === before.everyMs && timing.startAtMs === before.startAtMs;
  return isSame ? { ...timing, anchorMs: before.anchorMs } : timing;
}

/** The time of a schedule that has come and was not acted on yet, if it stays one of its times. */
function overdueOf(
  before: Schedule | undefined,
  timing: ScheduleTiming,
  nowMs: number,
): number | undefined {
  if (before === undefined || before.paused || before.nextAtMs === 0) return undefined;
  const isOverdue = before.nextAtMs <= nowMs && isSameTiming(before.timing, timing);
  return isOverdue ? before.nextAtMs : undefined;
}

function isSameTiming(a: ScheduleTiming, b: ScheduleTiming): boolean {
  if (a.startAtMs !== b.startAtMs || a.endAtMs !== b.endAtMs) return false;
  switch (a.kind) {
    case "cron":
      return b.kind === "cron" && a.expression === b.expression && a.timeZone === b.timeZone;
    case "every":
      return b.kind === "every" && a.everyMs === b.everyMs && a.anchorMs === b.anchorMs;
    case "at":
      return b.kind === "at" && a.atMs === b.atMs;
  }
}

/** What a submission may ask for and the job of a schedule may not. */
function jobFaults({ job }: ScheduleDefinition): string[] {
  const faults: string[] = [];
  if (job.payload.byteLength > PAYLOAD_BYTES_MAX) {
    faults.push(
      `the payload is ${job.payload.byteLength} bytes; that of a schedule may be ` +
        `${PAYLOAD_BYTES_MAX}. Put large input where the job can fetch it by url`,
    );
  }
  if (job.idempotencyKey !== undefined) {
    faults.push("job.idempotency_key is given, but every run of a schedule is a job of its own");
  }
  if ((job.delayMs ?? 0) > 0 || (job.runAtMs ?? 0) > 0) {
    faults.push("job.delay_ms or job.run_at is given, but the schedule says when its jobs run");
  }
  if (job.options?.dependsOn?.some(({ ref }) => ref !== undefined)) {
    faults.push("job.options.depends_on names a ref, but a schedule has no jobs beside its own");
  }
  return faults;
}

function noneOf(field: string, value: string, values: readonly string[]): string {
  return `${field} is ${JSON.stringify(value.slice(0, 40))}; it may be ${values.join(", ")}`;
}

function describe(timing: ScheduleTiming): string {
  switch (timing.kind) {
    case "cron":
      return `cron ${JSON.stringify(timing.expression)} (${timing.timeZone})`;
    case "every":
      return `every ${timing.everyMs} ms`;
    case "at":
      return new Date(timing.atMs).toISOString();
  }
}

function unknownSchedule(name: string, namespace: string): Refusal {
  const shown = JSON.stringify(name.slice(0, 140));
  return new Refusal("not_found", `there is no schedule ${shown} in namespace ${namespace}`);
}
