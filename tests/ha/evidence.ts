/**
 * Gathers what the audit judges, once faults are over: what every node holds, and what ran.
 *
 * @module
 */

import type { JobClient, JobDetails } from "../../src/rpc/mod.ts";
import type { Evidence, JobRecord } from "./audit.ts";
import type { Cluster } from "./cluster.ts";
import type { History } from "./history.ts";
import { type LedgerPayload, readLedger } from "./ledger.ts";
import { eventually } from "./wait.ts";

const PAGE_JOBS = 500;
/** Jobs that a node is asked for at once. */
const JOBS_AT_ONCE = 16;
const UNFINISHED = ["pending", "waiting", "assigned", "running"] as const;

/**
 * Waits until nothing is left to run and all nodes agree, then asks each node for all it has.
 *
 * @param patienceMs for the backlog
 */
export async function gather(
  cluster: Cluster,
  history: History,
  patienceMs?: number,
): Promise<Evidence> {
  await cluster.settled();
  const client = cluster.client();
  try {
    await eventually("every job comes to its end", () => isIdle(client), patienceMs);
    await cluster.settled();
    const replicas = new Map<string, readonly JobRecord[]>();
    let completions: ReadonlyMap<string, number> = new Map();
    for (const master of cluster.masters) {
      if (!master.process.isRunning) continue;
      const details = await detailsOf(cluster, master.directAddress);
      replicas.set(master.name, details.map(recordOf));
      completions = new Map([...completions, ...details.map(completionsOf)]);
    }
    return { history, replicas, completions, ledger: await readLedger(cluster.ledgerFile) };
  } finally {
    client.close();
  }
}

async function isIdle(client: JobClient): Promise<true | undefined> {
  for (const status of UNFINISHED) {
    if ((await client.listJobs({ status, limit: 1 })).total > 0) return undefined;
  }
  return true;
}

/** Everything that one node holds, from its own state: what it lists, payloads and results too. */
async function detailsOf(cluster: Cluster, directAddress: string): Promise<JobDetails[]> {
  const client = cluster.client({ only: directAddress });
  const all: JobDetails[] = [];
  try {
    for (let cursor = "";;) {
      const page = await client.listJobs({ stale: true, limit: PAGE_JOBS, cursor });
      for (let start = 0; start < page.jobs.length; start += JOBS_AT_ONCE) {
        const some = page.jobs.slice(start, start + JOBS_AT_ONCE);
        all.push(...await Promise.all(some.map(({ id }) => client.getJob(id, { stale: true }))));
      }
      cursor = page.nextCursor;
      if (cursor === "") return all;
    }
  } finally {
    client.close();
  }
}

function recordOf({ job }: JobDetails): JobRecord {
  return {
    id: job.id,
    submission: submissionOf(job.payload),
    status: job.status,
    attempt: job.attempt,
    assignedTo: job.assignedTo,
    createdAtMs: job.createdAtMs,
    completedAtMs: job.completedAtMs ?? 0,
    error: job.errorMessage,
    fencingToken: job.fencingToken,
    resultOf: submissionOf(job.result?.output),
  };
}

/** A handler of the ledger answers with the id that its payload has. */
function submissionOf(bytes: Uint8Array | undefined): string {
  if (bytes === undefined || bytes.byteLength === 0) return "";
  const { id }: Pick<LedgerPayload, "id"> = JSON.parse(new TextDecoder().decode(bytes));
  return id;
}

function completionsOf({ job, attempts }: JobDetails): [string, number] {
  return [job.id, attempts.filter(({ outcome }) => outcome === "completed").length];
}
