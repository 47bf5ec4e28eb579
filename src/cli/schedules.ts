/**
 * `conductor schedule`.
 *
 * @module
 */

import { firstOf } from "../calendar/mod.ts";
import { newIdempotencyKey, ScheduleClient, type ScheduleTiming } from "../rpc/mod.ts";
import { type Answer, tell } from "./answer.ts";
import { FlagReader } from "./arguments.ts";
import { configFrom } from "./config_flags.ts";
import { clientChannel, withClient } from "./connect.ts";
import { Misuse } from "./failure.ts";
import { jobJson } from "./present.ts";
import { pageText, runTable, runTimes, scheduleJson, scheduleText } from "./present_schedules.ts";
import { sealedChannel } from "./payload_keys.ts";
import type { Flags } from "./router.ts";
import { catchUpFrom, timeFrom, timingFrom } from "./schedule_flags.ts";
import { submissionFrom } from "./submission.ts";
import { printable, type Terminal } from "./terminal.ts";
import { madeOnceText, sayingHowToGoOn } from "./waiting.ts";
import { tellOrWatch } from "./watching.ts";

const CALL_TIMEOUT_MS = 10_000;
const RUNS_MAX = 1_000;
const PAGE_MAX = 1_000;
/** Runs that are shown with a schedule. */
const LAST_JOBS = 5;

/** Makes or replaces one. */
export async function addSchedule(name: string, flags: Flags, terminal: Terminal): Promise<void> {
  const reader = new FlagReader(flags);
  const timing = timingFrom(reader);
  const catchUp = catchUpFrom(reader);
  const graceMs = reader.duration("grace");
  for (const flag of ["delay", "runAt", "idempotencyKey"]) {
    if (reader.text(flag) === undefined) continue;
    reader.fault(
      flag,
      "but the schedule says when, and every run is a job of its own; leave it out",
    );
  }
  reader.done();
  if (timing === undefined) {
    throw new Misuse(
      'say when it is due: --cron "0 3 * * *", --every 30s or --at 2026-12-24T18:00',
    );
  }
  const job = await submissionFrom(flags, terminal.err);
  await withScheduleClient(flags, terminal, async (client) => {
    const { message, nextAtMs, warning } = await client.add({
      name,
      timing,
      job,
      overlap: String(flags.overlap),
      ...catchUp,
      ...(graceMs === undefined ? {} : { graceMs }),
    }, { replace: flags.replace === true });
    if (warning !== "") terminal.err.write(`conductor: ${printable(warning)}\n`);
    const answer = { name, message, next_at: new Date(nextAtMs).toISOString(), warning };
    tell(flags, terminal, said(answer, message));
  });
}

/** A page of schedules. */
export async function listSchedules(flags: Flags, terminal: Terminal): Promise<void> {
  const reader = new FlagReader(flags);
  const limit = reader.integer("limit", { min: 1, max: PAGE_MAX });
  const cursor = reader.textOrEmpty("cursor");
  reader.done();
  const query = {
    ...(limit === undefined ? {} : { limit }),
    ...(cursor === undefined ? {} : { cursor }),
  };
  await withScheduleClient(flags, terminal, async (client) => {
    await tellOrWatch(flags, terminal, async () => {
      const { schedules, total, nextCursor } = await client.list(query);
      return {
        json: { schedules: schedules.map(scheduleJson), total, next_cursor: nextCursor },
        list: "schedules",
        text: (sheet) => pageText(schedules, sheet),
        ...(nextCursor !== "" && {
          note: `${schedules.length} of ${total} schedules; the next page: --cursor ${nextCursor}`,
        }),
      };
    });
  });
}

/** One schedule in full. */
export async function showSchedule(name: string, flags: Flags, terminal: Terminal): Promise<void> {
  const reader = new FlagReader(flags);
  const nextRuns = reader.integer("next", { min: 0, max: RUNS_MAX }) ?? 0;
  reader.done();
  await withScheduleClient(flags, terminal, async (client) => {
    const found = await client.get(name, { nextRuns });
    const lastJobs = await withClient(flags, terminal, async (connection) => {
      return (await connection.client.listJobs({
        schedule: name,
        namespaces: [found.schedule.namespace],
        limit: LAST_JOBS,
      })).jobs;
    });
    tell(flags, terminal, {
      json: {
        ...scheduleJson(found.schedule),
        next_runs: found.nextRuns.map((each) => new Date(each).toISOString()),
        last_jobs: lastJobs.map(jobJson),
      },
      text: (sheet) =>
        scheduleText(found.schedule, found.nextRuns) +
        (lastJobs.length > 0 ? `\n${runTable(lastJobs, found.schedule, sheet)}` : ""),
    });
  });
}

/** Pauses, resumes or removes one. */
export async function actOnSchedule(
  act: "pause" | "resume" | "remove",
  name: string,
  flags: Flags,
  terminal: Terminal,
): Promise<void> {
  await withScheduleClient(flags, terminal, async (client) => {
    const message = await client[act](name);
    tell(flags, terminal, said({ name, message }, message));
  });
}

/** Makes one job of a schedule. */
export async function triggerSchedule(
  name: string,
  flags: Flags,
  terminal: Terminal,
): Promise<void> {
  const reader = new FlagReader(flags);
  const idempotencyKey = reader.text("idempotencyKey") ?? newIdempotencyKey();
  reader.done();
  await withScheduleClient(flags, terminal, async (client) => {
    const { jobId, duplicate } = await sayingHowToGoOn(
      { again: () => madeOnceText(flags, idempotencyKey) },
      () => client.trigger(name, { idempotencyKey }),
    );
    if (duplicate) terminal.err.write("conductor: an earlier call made this job\n");
    tell(flags, terminal, said({ name, job_id: jobId, duplicate }, jobId));
  });
}

/** When a schedule is due; of flags that say when, without asking a cluster. */
export async function nextRuns(
  name: string | undefined,
  flags: Flags,
  terminal: Terminal,
): Promise<void> {
  const reader = new FlagReader(flags);
  const count = reader.integer("count", { min: 1, max: RUNS_MAX }) ?? 5;
  const fromMs = timeFrom(reader, "from");
  const timing = timingFrom(reader);
  reader.done();
  if ((name === undefined) === (timing === undefined)) {
    throw new Misuse(
      name === undefined
        ? 'name a schedule, or say when: --cron "0 3 * * *", --every 30s or --at TIME'
        : `give the name ${name} or --cron, --every and --at, not both`,
    );
  }
  if (timing !== undefined) {
    const afterMs = fromMs === undefined ? Date.now() : fromMs - 1;
    const anchored = timing.kind === "every" && timing.anchorMs === 0
      ? { ...timing, anchorMs: fromMs ?? afterMs }
      : timing;
    return tellRuns(firstOf(anchored, afterMs, count), timing, flags, terminal);
  }
  await withScheduleClient(flags, terminal, async (client) => {
    const { schedule, nextRuns } = await client.get(name!, { nextRuns: count });
    const runs = fromMs === undefined ? nextRuns : firstOf(schedule.timing, fromMs - 1, count);
    tellRuns(runs, schedule.timing, flags, terminal);
  });
}

function tellRuns(
  runs: readonly number[],
  timing: ScheduleTiming,
  flags: Flags,
  terminal: Terminal,
): void {
  tell(flags, terminal, {
    json: { next_runs: runs.map((each) => new Date(each).toISOString()) },
    list: "next_runs",
    text: () => runTimes(runs, timing).map((each) => `${each}\n`).join(""),
  });
  if (runs.length === 0) terminal.err.write("conductor: it is never due from now on\n");
}

/** Calls the cluster, and closes the connections whatever comes of it. */
async function withScheduleClient<Result>(
  flags: Flags,
  terminal: Terminal,
  use: (client: ScheduleClient) => Promise<Result>,
): Promise<Result> {
  const loaded = configFrom(flags, "client");
  for (const warning of loaded.warnings) terminal.err.write(`conductor: ${warning}\n`);
  const channel = await clientChannel(loaded, CALL_TIMEOUT_MS);
  const client = new ScheduleClient(sealedChannel(channel, loaded.config));
  try {
    return await use(client);
  } finally {
    client.close();
  }
}

function said(json: Record<string, unknown>, text: string): Answer {
  return { json, text: () => `${printable(text)}\n` };
}
