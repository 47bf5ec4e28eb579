/**
 * Gathers what the audit judges, once faults are over: what every node holds, and what ran.
 *
 * @module
 */

import type { JobClient } from "../../src/rpc/mod.ts";
import type { Evidence, JobRecord } from "./audit.ts";
import type { Cluster } from "./cluster.ts";
import type { History } from "./history.ts";
import { readLedger } from "./ledger.ts";
import { SUBMISSION_LABEL } from "./load.ts";
import { eventually } from "./wait.ts";

const PAGE_JOBS = 500;
const UNFINISHED = ["pending", "waiting", "assigned", "running"] as const;

/** Waits until nothing is left to run and all nodes agree, then asks each node for all it has. */
export async function gather(cluster: Cluster, history: History): Promise<Evidence> {
  await cluster.settled();
  const client = cluster.client();
  try {
    await eventually("every job comes to its end", () => isIdle(client));
    await cluster.settled();
    const replicas = new Map<string, readonly JobRecord[]>();
    for (const master of cluster.masters) {
      if (master.process.isRunning) {
        replicas.set(master.name, await recordsOf(cluster, master.directAddress));
      }
    }
    const jobs = new Set([...replicas.values()].flat().map((each) => each.id));
    return {
      history,
      replicas,
      completions: await completionsOf(client, jobs),
      ledger: await readLedger(cluster.ledgerFile),
    };
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

/** Everything that one node holds, from its own state. */
async function recordsOf(cluster: Cluster, directAddress: string): Promise<JobRecord[]> {
  const client = cluster.client({ only: directAddress });
  const records: JobRecord[] = [];
  try {
    for (let cursor = "";;) {
      const page = await client.listJobs({ stale: true, limit: PAGE_JOBS, cursor });
      for (const job of page.jobs) {
        records.push({
          id: job.id,
          submission: job.labels[SUBMISSION_LABEL] ?? "",
          status: job.status,
          attempt: job.attempt,
          assignedTo: job.assignedTo,
          createdAtMs: job.createdAtMs,
          completedAtMs: job.completedAtMs ?? 0,
          error: job.errorMessage,
        });
      }
      cursor = page.nextCursor;
      if (cursor === "") return records;
    }
  } finally {
    client.close();
  }
}

async function completionsOf(
  client: JobClient,
  jobIds: ReadonlySet<string>,
): Promise<Map<string, number>> {
  const completions = new Map<string, number>();
  for (const jobId of jobIds) {
    const { attempts } = await client.getJob(jobId, { stale: true });
    completions.set(jobId, attempts.filter((each) => each.outcome === "completed").length);
  }
  return completions;
}
