/**
 * `conductor workers`.
 *
 * @module
 */

import { formatDuration } from "../config/mod.ts";
import { PAGE_WORKERS_MAX, pause, Refusal, type WorkerPage } from "../rpc/mod.ts";
import { tell } from "./answer.ts";
import { FlagReader } from "./arguments.ts";
import { type Connection, withClient } from "./connect.ts";
import { NegativeAnswer } from "./failure.ts";
import { workerDetailsJson, workerJson, workerTable, workerText } from "./present_workers.ts";
import type { Flags } from "./router.ts";
import { Silence } from "./silence.ts";
import { printable, type Terminal } from "./terminal.ts";
import { isPassing, tellOrWatch } from "./watching.ts";

/** How often a worker that is drained is looked at. */
const LOOK_INTERVAL_MS = 250;

/** Every worker that the cluster knows. */
export async function listWorkers(flags: Flags, terminal: Terminal): Promise<void> {
  const reader = new FlagReader(flags);
  const limit = reader.integer("limit", { min: 1, max: PAGE_WORKERS_MAX });
  const cursor = reader.textOrEmpty("cursor") ?? "";
  reader.done();
  const { status = "", stale = false } = flags as { status?: string; stale?: boolean };
  const ask = async (client: Connection["client"]): Promise<WorkerPage> => {
    if (limit !== undefined || cursor !== "") {
      return await client.workersPage({ status, limit: limit ?? PAGE_WORKERS_MAX, cursor, stale });
    }
    const workers = await client.listWorkers(status, { stale });
    return { workers, total: workers.length, nextCursor: "" };
  };
  await withClient(flags, terminal, async ({ client }) => {
    await tellOrWatch(flags, terminal, async () => {
      const { workers, total, nextCursor } = await ask(client);
      return {
        json: { workers: workers.map(workerJson), total, next_cursor: nextCursor },
        list: "workers",
        text: (sheet) => workerTable(workers, sheet),
        ...(nextCursor !== "" && {
          note: `${workers.length} of ${total} workers; the next page: --cursor ${
            printable(nextCursor)
          }`,
        }),
      };
    });
  });
}

/** All that is known of one worker. */
export async function showWorker(
  workerId: string,
  flags: Flags,
  terminal: Terminal,
): Promise<void> {
  await withClient(flags, terminal, async ({ client }) => {
    await tellOrWatch(flags, terminal, async () => {
      const details = await client.getWorker(workerId);
      return { json: workerDetailsJson(details), text: (sheet) => workerText(details, sheet) };
    });
  });
}

/** Gives a worker no new jobs, and may wait until it holds none. */
export async function drainWorker(
  workerId: string,
  flags: Flags,
  terminal: Terminal,
): Promise<void> {
  const reader = new FlagReader(flags);
  const graceMs = reader.duration("grace");
  const timeoutMs = reader.duration("timeout");
  reader.done();
  await withClient(flags, terminal, async (connection) => {
    const { client } = connection;
    const message = await client.drainWorker(workerId, graceMs === undefined ? {} : { graceMs });
    const isWaiting = flags.wait === true || timeoutMs !== undefined;
    const heldJobs = isWaiting ? await untilIdle(connection, workerId, timeoutMs) : undefined;
    const answer = {
      worker_id: workerId,
      message,
      ...(heldJobs === undefined ? {} : { active_jobs: heldJobs }),
    };
    const done = heldJobs === 0 ? `${message}; it holds none` : message;
    tell(flags, terminal, { json: answer, text: () => `${done}\n` });
    if (heldJobs === undefined || heldJobs === 0) return;
    throw new NegativeAnswer(
      `worker ${printable(workerId)} holds ${jobs(heldJobs)} after ${
        formatDuration(timeoutMs!)
      }; ` +
        "it stays drained (--grace hands back what runs longer)",
    );
  });
}

/** Gives a worker jobs again. */
export async function undrainWorker(
  workerId: string,
  flags: Flags,
  terminal: Terminal,
): Promise<void> {
  await withClient(flags, terminal, async ({ client }) => {
    const message = await client.drainWorker(workerId, { undrain: true });
    tell(flags, terminal, { json: { worker_id: workerId, message }, text: () => `${message}\n` });
  });
}

/** Jobs that it still holds when the time is over; 0: none, or it has left. */
async function untilIdle(
  { client, line }: Connection,
  workerId: string,
  timeoutMs = Number.POSITIVE_INFINITY,
): Promise<number> {
  const startedMs = performance.now();
  const what = `worker ${printable(workerId)}`;
  const limit = Number.isFinite(timeoutMs) ? timeoutMs : undefined;
  const silence = new Silence(line, { what, timeoutMs: limit, isKnown: () => true });
  let heldAtFirst = 0;
  for (;;) {
    const isLate = () => performance.now() - startedMs >= timeoutMs;
    // It is drained: that no master tells for a while how far it is does not undo that.
    const activeJobs = await activeJobsOf(client, workerId).catch((failure) => {
      if (isPassing(failure) && !isLate() && silence.outlasts(failure)) return undefined;
      throw failure;
    });
    if (activeJobs !== undefined) {
      silence.heard();
      if (activeJobs === 0 || isLate()) return activeJobs;
      heldAtFirst = Math.max(heldAtFirst, activeJobs);
      const text = `holds ${jobs(activeJobs)} of ${heldAtFirst}`;
      line.progress(`worker ${workerId}`, 1 - activeJobs / heldAtFirst, text);
    }
    await pause(Math.min(LOOK_INTERVAL_MS, timeoutMs));
  }
}

function jobs(count: number): string {
  return count === 1 ? "1 job" : `${count} jobs`;
}

async function activeJobsOf(client: Connection["client"], workerId: string): Promise<number> {
  try {
    return (await client.getWorker(workerId)).worker.activeJobs;
  } catch (failure) {
    if (failure instanceof Refusal && failure.reason === "not_found") return 0;
    throw failure;
  }
}
