/**
 * Schedules as people and scripts want to read them.
 *
 * @module
 */

import { formatDuration } from "../config/mod.ts";
import type { JobView, ScheduleTiming, ScheduleView } from "../rpc/mod.ts";
import {
  areSeveral,
  bodyJson,
  NAMESPACE_COLUMN,
  secondText,
  statusText,
  textOf,
  timeText,
} from "./present.ts";
import { optionPairs, optionsJson } from "./present_options.ts";
import { sealedNote } from "./present_sealed.ts";
import { renderPairs, renderTable } from "./table.ts";
import { printable, type Sheet, type Styles } from "./terminal.ts";

/** Characters of a payload that are shown. */
const PAYLOAD_CHARACTERS_MAX = 200;

/** A schedule as JSON, times in RFC 3339. */
export function scheduleJson(schedule: ScheduleView): Record<string, unknown> {
  const { job } = schedule;
  return {
    name: schedule.name,
    namespace: schedule.namespace,
    ...timingJson(schedule.timing),
    overlap: schedule.overlap,
    catch_up: schedule.catchUp,
    catch_up_max: schedule.catchUpMax,
    grace_ms: schedule.graceMs,
    paused: schedule.paused,
    next_at: timeOrNull(schedule.paused ? 0 : schedule.nextAtMs),
    last_scheduled_at: timeOrNull(schedule.lastScheduledAtMs),
    last_job_id: schedule.lastJobId === "" ? null : schedule.lastJobId,
    runs: schedule.runs,
    skipped: schedule.skipped,
    missed: schedule.missed,
    unfinished_runs: schedule.unfinishedRuns,
    last_fault: schedule.lastFault === "" ? null : schedule.lastFault,
    last_fault_at: timeOrNull(schedule.lastFaultAtMs),
    created_at: timeText(schedule.createdAtMs),
    created_by: schedule.createdBy === "" ? null : schedule.createdBy,
    job: {
      type: job.type,
      payload: bodyJson(job.payload, ""),
      priority: job.priority,
      max_retries: job.maxRetries ?? null,
      timeout_ms: job.timeoutMs ?? null,
      retry_delay_ms: job.retryDelayMs ?? null,
      labels: job.labels ?? {},
      required_tags: job.requiredTags ?? {},
      ...(job.options === undefined ? {} : { options: optionsJson(job.options) }),
    },
  };
}

function timingJson(timing: ScheduleTiming): Record<string, unknown> {
  const bounds = { start_at: timeOrNull(timing.startAtMs), end_at: timeOrNull(timing.endAtMs) };
  switch (timing.kind) {
    case "cron":
      return { cron: timing.expression, time_zone: timing.timeZone, ...bounds };
    case "every":
      return { every_ms: timing.everyMs, anchor: timeOrNull(timing.anchorMs), ...bounds };
    case "at":
      return { at: timeOrNull(timing.atMs), ...bounds };
  }
}

function timeOrNull(ms: number): string | null {
  return ms === 0 ? null : new Date(ms).toISOString();
}

/** One line a schedule. */
export function pageText(schedules: readonly ScheduleView[], sheet: Sheet): string {
  const isMixed = areSeveral(schedules);
  return renderTable(
    [
      { title: "SCHEDULE", cutTo: 16 },
      ...(isMixed ? [NAMESPACE_COLUMN] : []),
      "STATE",
      { title: "WHEN", cutTo: 12, rank: 1 },
      { title: "TYPE", cutTo: 12, rank: 3 },
      "NEXT",
      { title: "LAST", rank: 2 },
      { title: "RUNS", rank: 3 },
      { title: "SKIPPED", rank: 4 },
      { title: "MISSED", rank: 4 },
    ],
    schedules.map((each) => [
      printable(each.name),
      ...(isMixed ? [printable(each.namespace)] : []),
      stateText(each, sheet.style),
      printable(whenText(each.timing)),
      printable(each.job.type),
      each.paused || each.nextAtMs === 0 ? "" : localTime(each.nextAtMs, each.timing),
      each.lastScheduledAtMs === 0 ? "" : localTime(each.lastScheduledAtMs, each.timing),
      String(each.runs),
      String(each.skipped),
      String(each.missed),
    ]),
    sheet,
  );
}

function stateText({ paused, nextAtMs }: ScheduleView, style?: Styles): string {
  if (paused) return style?.yellow("paused") ?? "paused";
  return nextAtMs === 0 ? "ended" : style?.green("active") ?? "active";
}

/** Everything about one. */
export function scheduleText(schedule: ScheduleView, nextRuns: readonly number[]): string {
  const { timing, job } = schedule;
  const catchUp = schedule.catchUp === "all"
    ? `all, up to ${schedule.catchUpMax}`
    : schedule.catchUp;
  const payload = sealedNote(job.payload) ?? textOf(job.payload) ??
    `${job.payload.byteLength} bytes`;
  const pairs: [string, string][] = [
    ["Schedule", printable(schedule.name)],
    ["State", stateText(schedule)],
    ["When", printable(whenText(timing))],
    ...timePair("From", timing.startAtMs, timing),
    ...timePair("Until", timing.endAtMs, timing),
    ["Overlap", schedule.overlap],
    ["Catch-up", `${catchUp}; on time within ${formatDuration(schedule.graceMs)}`],
    ["Type", printable(job.type)],
    ["Payload", printable(payload.slice(0, PAYLOAD_CHARACTERS_MAX))],
    ["Priority", String(job.priority)],
    ...optionPairs(job),
    ["Created", secondText(schedule.createdAtMs)],
    ...textPair("By", schedule.createdBy),
    ["Runs", `${schedule.runs}, of which ${schedule.unfinishedRuns} are not finished`],
    ["Skipped", String(schedule.skipped)],
    ["Missed", String(schedule.missed)],
    ...textPair("Last fault", schedule.lastFault),
    ...timePair("  at", schedule.lastFaultAtMs, timing),
    ...textPair("Last job", schedule.lastJobId),
    ...timePair("  for", schedule.lastScheduledAtMs, timing),
    ...runTimes(nextRuns, timing).map((
      time,
      at,
    ): [string, string] => [at === 0 ? "Next" : "", time]),
  ];
  return renderPairs(pairs);
}

/** The latest jobs of one. */
export function runTable(
  jobs: readonly JobView[],
  { timing }: ScheduleView,
  sheet: Sheet,
): string {
  return renderTable(
    [
      "JOB",
      "FOR",
      "STATUS",
      { title: "WORKER", cutTo: 8, rank: 1 },
      { title: "CREATED", rank: 2 },
    ],
    jobs.map((job) => [
      job.id,
      // Triggered by hand, it is for none of the schedule's times.
      job.options?.scheduledAtMs ? localTime(job.options.scheduledAtMs, timing) : "triggered",
      statusText(job, sheet.style),
      printable(job.assignedTo),
      secondText(job.createdAtMs),
    ]),
    sheet,
  );
}

function textPair(name: string, text: string): [string, string][] {
  return text === "" ? [] : [[name, printable(text)]];
}

function timePair(name: string, ms: number, timing: ScheduleTiming): [string, string][] {
  return ms === 0 ? [] : [[name, localTime(ms, timing)]];
}

/** `0 3 * * * (Europe/Berlin)`, `every 30s`, `once at 2026-12-24T17:00:00Z`. */
function whenText(timing: ScheduleTiming): string {
  switch (timing.kind) {
    case "cron":
      return timing.timeZone === "UTC"
        ? timing.expression
        : `${timing.expression} (${timing.timeZone})`;
    case "every":
      return `every ${formatDuration(timing.everyMs)}`;
    case "at":
      return `once at ${secondText(timing.atMs)}`;
  }
}

/** Times as the clocks of the schedule show them. */
export function runTimes(runs: readonly number[], timing: ScheduleTiming): string[] {
  return runs.map((each) => localTime(each, timing));
}

function localTime(ms: number, timing: ScheduleTiming): string {
  if (timing.kind !== "cron" || timing.timeZone === "UTC") return secondText(ms);
  return Temporal.Instant.fromEpochMilliseconds(ms).toZonedDateTimeISO(timing.timeZone)
    .toString({ smallestUnit: "second", timeZoneName: "never" });
}
