/**
 * Schedules: defined, paused, removed; and when one is due, whether that becomes a job.
 *
 * @module
 */

import { applySubmit, outlookOf } from "./apply_submit.ts";
import { cancelJob } from "./attempts.ts";
import type { OutcomeOf, SubmitCommand, SubmitOutcome, SubmitSpec } from "./command.ts";
import { triggerKey } from "./idempotency_keys.ts";
import type { LogPosition } from "./job.ts";
import { type Schedule, SCHEDULE_LIMITS } from "./schedule.ts";
import type {
  AlterScheduleCommand,
  AlterScheduleOutcome,
  DueFire,
  FireScheduleCommand,
  PutScheduleCommand,
  PutScheduleOutcome,
  ScheduleFire,
  ScheduleFireOutcome,
  ScheduleRunOutcome,
  TriggeredFire,
} from "./schedule_command.ts";
import { namespaceField, namespaceOf } from "./namespace.ts";
import type { ScheduleName } from "./schedules.ts";
import type { State } from "./state.ts";

export function applyPutSchedule(
  state: State,
  command: PutScheduleCommand,
  position: LogPosition,
): PutScheduleOutcome {
  const { schedule: spec, replace, nextAtMs } = command;
  const before = state.schedules.get(spec.name, namespaceOf(spec));
  if (before !== undefined && !replace) {
    return refusedPut("already_exists", `there is a schedule ${spec.name} already`);
  }
  if (before === undefined && state.schedules.size >= command.schedulesMax) {
    return refusedPut(
      "too_many_schedules",
      `there are as many schedules as are allowed, ${command.schedulesMax}; remove one`,
    );
  }
  const counted = before ?? {
    createdAtMs: state.nowMs,
    paused: false,
    actedThroughMs: 0,
    lastScheduledAtMs: 0,
    lastJobId: "",
    runs: 0,
    skipped: 0,
    missed: 0,
    lastFault: "",
    lastFaultAtMs: 0,
  };
  state.schedules.define({ ...counted, ...spec, revision: position.index, nextAtMs });
  return {
    kind: "put_schedule",
    status: before === undefined ? "created" : "replaced",
    revision: position.index,
  };
}

function refusedPut(
  reason: "already_exists" | "too_many_schedules",
  message: string,
): PutScheduleOutcome {
  return { kind: "put_schedule", status: "refused", reason, message };
}

export function applyAlterSchedule(
  state: State,
  { name, namespace, to, nextAtMs, revision }: AlterScheduleCommand,
): AlterScheduleOutcome {
  const schedule = state.schedules.get(name, namespaceOf({ namespace }));
  if (schedule === undefined) {
    return refusedAlter("unknown_schedule", `there is no schedule ${name}`);
  }
  if (to === "active" && schedule.revision !== revision) {
    return refusedAlter("stale", `schedule ${name} was replaced at this moment; try again`);
  }
  const changed = to === "removed" || schedule.paused !== (to === "paused");
  if (to === "removed") state.schedules.remove(schedule);
  else if (to === "paused") state.schedules.progress(schedule, { paused: true });
  else if (changed) state.schedules.progress(schedule, { paused: false, nextAtMs });
  return { kind: "alter_schedule", status: "done", changed };
}

function refusedAlter(
  reason: "unknown_schedule" | "stale",
  message: string,
): AlterScheduleOutcome {
  return { kind: "alter_schedule", status: "refused", reason, message };
}

export function applyFireSchedule(
  state: State,
  command: FireScheduleCommand,
  position: LogPosition,
): OutcomeOf["fire_schedule"] {
  const isDeposed = command.leaderTerm !== undefined && command.leaderTerm !== position.term;
  const results = command.fires.map((fire): ScheduleFireOutcome => {
    const schedule = state.schedules.get(fire.name, namespaceOf(fire));
    const reason = isDeposed ? "stale_term" : refusalOf(fire, schedule, state.nowMs);
    if (reason !== undefined) return { status: "refused", name: fire.name, reason };
    const runs = fire.kind === "due"
      ? fireDue(state, fire, command)
      : [trigger(state, fire, command)];
    return { status: "fired", name: fire.name, runs };
  });
  return { kind: "fire_schedule", results };
}

function refusalOf(
  fire: ScheduleFire,
  schedule: Schedule | undefined,
  nowMs: number,
): "unknown_schedule" | "stale" | "not_due" | undefined {
  if (schedule === undefined) return "unknown_schedule";
  if (fire.kind === "triggered") return undefined;
  const isCurrent = fire.revision === schedule.revision && fire.dueAtMs === schedule.nextAtMs &&
    !schedule.paused && schedule.nextAtMs > 0;
  if (!isCurrent) return "stale";
  return areTimesInOrder(fire, nowMs) ? undefined : "not_due";
}

/** No time is acted on twice, or before it has come. */
function areTimesInOrder({ runs, dueAtMs, nextAtMs }: DueFire, nowMs: number): boolean {
  let afterMs = dueAtMs - 1;
  for (const { scheduledAtMs } of runs) {
    if (scheduledAtMs <= afterMs || scheduledAtMs > nowMs) return false;
    afterMs = scheduledAtMs;
  }
  return dueAtMs <= nowMs && (nextAtMs === 0 || nextAtMs > Math.max(afterMs, dueAtMs));
}

/** What holds for each run of a Command. */
type RunRules = Pick<FireScheduleCommand, "liveJobsMax" | "replacesIfAccepted">;

function fireDue(state: State, fire: DueFire, rules: RunRules) {
  const { nextAtMs, dueAtMs, runs } = fire;
  const { actedThroughMs } = scheduleOf(state, fire);
  if (fire.missed > 0) {
    const what = fire.missed === 1 ? "1 run was" : `${fire.missed} runs were`;
    note(state, fire, "missed", fire.missed, `${what} passed over: nobody could act in time`);
  }
  const lastMs = Math.max(dueAtMs, runs.at(-1)?.scheduledAtMs ?? 0);
  state.schedules.progress(fire, {
    nextAtMs,
    actedThroughMs: Math.max(actedThroughMs, lastMs),
  });
  return runs.map((each): ScheduleRunOutcome => {
    const { scheduledAtMs } = each;
    if (scheduledAtMs > actedThroughMs) return run(state, fire, each, rules);
    // It was due at the very moment at which the schedule was replaced.
    const message = "it was acted on before the schedule was replaced";
    note(state, fire, "skipped", 1, message);
    return { status: "skipped", scheduledAtMs, message };
  });
}

/** A run that somebody asks for, once a key. */
function trigger(
  state: State,
  fire: TriggeredFire,
  command: FireScheduleCommand,
): ScheduleRunOutcome {
  const { name, jobId, idempotencyKey = "" } = fire;
  if (idempotencyKey === "") return run(state, fire, { scheduledAtMs: 0, jobId }, command);
  const key = triggerKey(namespaceOf(fire), name, idempotencyKey);
  const earlier = state.keys.find(key, state.nowMs);
  if (earlier !== undefined) {
    return { status: "submitted", scheduledAtMs: 0, jobId: earlier.jobId, repeated: true };
  }
  const outcome = run(state, fire, { scheduledAtMs: 0, jobId }, command);
  if (outcome.status === "submitted") {
    state.keys.add({ key, jobId, fingerprint: "" }, state.nowMs, command.keyRetentionMs);
  }
  return outcome;
}

/** One job, unless an earlier one is in the way or the job itself is refused. */
function run(
  state: State,
  named: ScheduleName,
  { scheduledAtMs, jobId }: { readonly scheduledAtMs: number; readonly jobId: string },
  { liveJobsMax, replacesIfAccepted }: RunRules,
): ScheduleRunOutcome {
  const schedule = scheduleOf(state, named);
  const { name } = schedule;
  const passOver = (status: "skipped" | "missed", message: string): ScheduleRunOutcome => {
    note(state, named, status, 1, message);
    return { status, scheduledAtMs, message };
  };
  const before = state.schedules.unfinishedCount(named);
  if (before > 0 && schedule.overlap === "skip") {
    const [earlier] = state.schedules.unfinished(named);
    return passOver("skipped", `job ${earlier!.job.id} of it was not finished`);
  }
  if (before >= SCHEDULE_LIMITS.unfinishedRunsMax && schedule.overlap !== "replace") {
    return passOver("missed", `${before} jobs of it were not finished`);
  }
  if (state.isIdTaken(jobId)) return passOver("missed", `there is a job ${jobId} already`);
  const spec = specOf(state, schedule, scheduledAtMs, jobId);
  const submit: SubmitCommand = {
    kind: "submit",
    atMs: state.nowMs,
    jobs: [spec],
    ...(liveJobsMax === undefined ? {} : { liveJobsMax }),
  };
  const comesToNothing = (outcome: SubmitOutcome | undefined) =>
    outcome === undefined || outcome.status === "refused"
      ? passOver("missed", outcome?.message ?? "the job was refused")
      : passOver("skipped", `job ${outcome.jobId} stands for it`);
  if (schedule.overlap === "replace") {
    const earlier = [...state.schedules.unfinished(named)];
    if (replacesIfAccepted === true) {
      const outlook = outlookOf(state, submit, spec, new Set(earlier.map(({ job }) => job.id)));
      if (outlook.status !== "accepted") return comesToNothing(outlook);
    }
    for (const record of earlier) {
      cancelJob(state, record, `replaced by job ${jobId}, the next of schedule ${name}`);
    }
  }
  const { results: [outcome] } = applySubmit(state, submit);
  if (outcome?.status !== "accepted") return comesToNothing(outcome);
  state.schedules.progress(named, {
    runs: schedule.runs + 1,
    lastJobId: jobId,
    ...(scheduledAtMs > 0 ? { lastScheduledAtMs: scheduledAtMs } : {}),
  });
  return { status: "submitted", scheduledAtMs, jobId };
}

function specOf(
  state: State,
  schedule: Schedule,
  scheduledAtMs: number,
  jobId: string,
): SubmitSpec {
  const { name, template, overlap } = schedule;
  const earlier = overlap === "queue" ? state.schedules.unfinished(schedule).at(-1) : undefined;
  const dependencies = earlier === undefined ? {} : {
    dependencies: [
      ...template.options?.dependencies ?? [],
      { jobId: earlier.job.id, on: "completion" as const },
    ],
  };
  const { namespace: _namespace, ...rest } = template;
  return {
    ...rest,
    ...namespaceField(namespaceOf(schedule)),
    id: jobId,
    options: { ...template.options, ...dependencies, schedule: name, scheduledAtMs },
  };
}

function note(
  state: State,
  named: ScheduleName,
  kind: "skipped" | "missed",
  count: number,
  message: string,
): void {
  const schedule = scheduleOf(state, named);
  state.schedules.progress(named, {
    [kind]: schedule[kind] + count,
    lastFault: message,
    lastFaultAtMs: state.nowMs,
  });
}

/** One that is known to be there. */
function scheduleOf(state: State, named: ScheduleName): Schedule {
  return state.schedules.get(named.name, namespaceOf(named))!;
}
