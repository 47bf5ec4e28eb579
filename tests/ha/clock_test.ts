import assert from "node:assert/strict";
import type { JobClient, JobDetails, Submission } from "../../src/rpc/mod.ts";
import {
  audit,
  canShiftClocks,
  Cluster,
  eventually,
  gather,
  History,
  LEDGER_JOB_TYPE,
  type LedgerPayload,
  Load,
  payloadOf,
  shiftedClock,
  SUBMISSION_LABEL,
} from "./support.ts";

const HOUR_S = 3_600;
const DELAY_MS = 1_500;
/** Masters know each other's time by what frames say of it, which is as old as the fastest of them was on its way. */
const AGREED_WITHIN_MS = 100;

Deno.test({
  name: "members whose clocks are an hour off do no harm, whether they lead or not",
  ignore: !canShiftClocks,
  async fn() {
    const shim = await Deno.makeTempDir({ prefix: "conductor-ha-shim-" });
    const environment = {
      m1: await shiftedClock(shim, HOUR_S),
      m2: await shiftedClock(shim, -HOUR_S),
    };
    const cluster = new Cluster({ environment });
    try {
      await cluster.start();
      await leadWithEachClock(cluster);
    } finally {
      await cluster.stop();
      await Deno.remove(shim, { recursive: true });
    }
  },
});

/** Jobs that wait, fail and run on while leadership goes from one clock to another. */
async function leadWithEachClock(cluster: Cluster): Promise<void> {
  const ahead = cluster.master("m1");
  const behind = cluster.master("m2");
  const history = new History();
  const client = cluster.client();
  for (const leader of [ahead, behind]) {
    await cluster.makeLead(leader);
    const jobs = await Promise.all([
      submitOne(client, history, { delayMs: DELAY_MS }),
      submitOne(client, history, { retryDelayMs: DELAY_MS, failures: 1 }),
      submitOne(client, history, { timeoutMs: 60_000, sleepMs: 2_500 }),
    ]);
    // What was begun under one clock is ended under the other.
    await cluster.makeLead(leader === ahead ? behind : ahead);
    const [delayed, retried, running] = await eventually("all three are completed", async () => {
      const seen = await Promise.all(jobs.map((id) => client.getJob(id)));
      return seen.every(({ job }) => job.status === "completed") ? seen : undefined;
    });
    const leastMs = DELAY_MS - AGREED_WITHIN_MS;
    assert.ok(waitedMs(delayed!) >= leastMs, `it was started after ${waitedMs(delayed!)} ms`);
    assert.ok(retried!.job.attempt >= 2);
    const ends = running!.attempts.map(({ outcome, error }) => `${outcome} ${error}`.trim());
    assert.ok(ends.every((each) => !each.startsWith("timeout")), `overdue? ${ends.join(", ")}`);
  }
  await eventually("both workers are there", async () => {
    return (await client.listWorkers("active")).length === 2 ? true : undefined;
  });
  const load = Load.start(cluster, { history, prefix: "after/" });
  await load.accepts(30);
  await load.stop();
  assert.deepEqual(audit(await gather(cluster, history)), []);
}

function waitedMs({ job }: JobDetails): number {
  return (job.startedAtMs ?? 0) - job.createdAtMs;
}

async function submitOne(
  client: JobClient,
  history: History,
  { failures = 0, sleepMs = 0, ...times }: Partial<Submission> & Partial<LedgerPayload>,
): Promise<string> {
  const id = `single/${history.submissions.length}`;
  const submission = { id, sentMs: performance.now() };
  history.submissions.push(submission);
  const { jobId } = await client.submit({
    type: LEDGER_JOB_TYPE,
    payload: payloadOf({ id, failures, sleepMs }),
    priority: 5,
    labels: { [SUBMISSION_LABEL]: id },
    ...times,
  });
  Object.assign(submission, { jobId, ackedMs: performance.now() });
  return jobId;
}
