/**
 * Workers that die, freeze, are cut off, come back and leave, in each phase of a job: each job is
 * completed once, and no worker that was out of reach, or was stopped on purpose, costs it anything.
 *
 * @module
 */

import assert from "node:assert/strict";
import { join } from "node:path";
import type { AttemptView, JobClient, WorkerView } from "../../src/rpc/mod.ts";
import {
  audit,
  type Cluster,
  describeFaults,
  eventually,
  gather,
  History,
  LEDGER_JOB_TYPE,
  type LedgerPayload,
  type NodeProcess,
  onCluster,
  pause,
  payloadOf,
  readLedger,
  SUBMISSION_LABEL,
} from "./support.ts";

/** Whoever is started anew, or finds another way, does so within it, however busy the machine is. */
const LONG_LEASE = "--set=worker.heartbeat_timeout=60s";
/** For what waits for the end of a lease. */
const SHORT_LEASE = "--set=worker.heartbeat_timeout=6s";
/** A first attempt that only its end from outside ends. */
const ENDLESS_MS = 600_000;
/** Takes its worker along before anybody has heard that it began. */
const POISON = `import process from "node:process";
export const poison = { isolation: "inline", run: () => process.kill(process.pid, "SIGKILL") };
`;

Deno.test("workers end, freeze and come back in every phase, and each job is completed once", (test) =>
  onCluster({
    workers: 0,
    masterFlags: [LONG_LEASE, "--set=scheduler.assignment_timeout=60s"],
    workerFlags: [LONG_LEASE, "--drain-timeout=1s"],
  }, async (cluster) => {
    const scene = await Scene.on(cluster);
    const steps: [string, () => Promise<void>][] = [
      [
        "killed before the job started: it runs again when the worker is back",
        () => killedBeforeStart(scene),
      ],
      [
        "killed while it reports: the result is on disk, and the job does not run again",
        () => killedWhileReporting(scene),
      ],
      [
        "cut off from the leader alone: it goes on by way of a follower",
        () => cutFromLeader(scene),
      ],
      ["told to leave: what takes too long is handed back at no cost", () => toldToLeave(scene)],
      ["a job that kills its workers is a dead letter with the third", () => poisoned(scene)],
      [
        "killed while it runs, and frozen: others take over when the leases are over",
        () => silentPastLease(scene),
      ],
    ];
    for (const [name, run] of steps) if (!await test.step(name, run)) return;
    await test.step("the audit finds nothing", async () => {
      const evidence = await gather(cluster, scene.history);
      assert.deepEqual(describeFaults(audit(evidence)), []);
    });
  }));

Deno.test("a leader that slept for longer than a lease, and leads on, takes no job from anybody", () =>
  onCluster(
    { masters: 1, workers: 2, masterFlags: ["--set=worker.heartbeat_timeout=3s"] },
    async (cluster) => {
      const client = cluster.client();
      const leader = await cluster.leader();
      const submissions = Array.from({ length: 4 }, (_, place) => ({
        type: LEDGER_JOB_TYPE,
        payload: payloadOf({ id: `${place}`, sleepMs: 6_500 }),
        priority: 5,
        maxRetries: 0,
      }));
      const jobs = await Promise.all(submissions.map((each) => client.submit(each)));
      await eventually("all of them run", async () => {
        const lines = await readLedger(cluster.ledgerFile);
        return lines.length === jobs.length ? true : undefined;
      });
      leader.process.freeze();
      await pause(4_500);
      leader.process.thaw();
      for (const { jobId } of jobs) {
        assert.equal((await client.waitFor(jobId)).status, "completed");
        const { attempts } = await client.getJob(jobId);
        assert.deepEqual(attempts.map(({ outcome }) => outcome), ["completed"]);
      }
    },
  ));

/** The cluster, its workers by name, and what was submitted. */
class Scene {
  readonly cluster: Cluster;
  readonly client: JobClient;
  readonly history = new History();
  readonly #workers = new Map<string, NodeProcess>();
  readonly #payloads = new Map<string, string>();

  private constructor(cluster: Cluster) {
    this.cluster = cluster;
    this.client = cluster.client();
  }

  static async on(cluster: Cluster): Promise<Scene> {
    const scene = new Scene(cluster);
    const poison = join(cluster.directory, "poison.js");
    await Deno.writeTextFile(poison, POISON);
    for (const name of ["w1", "w2", "w3", "w4"]) {
      const flags = [`--tag=who=${name}`, `--handlers=${poison}`];
      scene.#workers.set(name, cluster.startWorker(name, ...flags));
    }
    for (const name of scene.#workers.keys()) await scene.#untilActive(name);
    return scene;
  }

  worker(name: string): NodeProcess {
    return this.#workers.get(name)!;
  }

  /** Starts it again, and waits until it is let in. */
  async restart(name: string): Promise<void> {
    const before = (await this.known(name))?.incarnation;
    this.worker(name).start();
    await this.#untilActive(name, before);
  }

  /** Starts the masters anew with leases that are short; resolves when every worker is heard again. */
  async shortenLeases(): Promise<void> {
    const { masters } = this.cluster;
    await Promise.all(masters.map(({ process }) => process.kill()));
    for (const { process } of masters) process.start([SHORT_LEASE]);
    await this.cluster.settled();
    for (const name of this.#workers.keys()) {
      await eventually(`${name} is heard by the new leader`, async () => {
        const worker = await this.known(name);
        return worker?.status === "active" && worker.stats !== undefined ? true : undefined;
      });
    }
  }

  /** What the cluster knows of it; undefined: nothing. */
  async known(name: string): Promise<WorkerView | undefined> {
    return (await this.client.listWorkers()).find(({ id }) => id === name);
  }

  async #untilActive(name: string, before?: string): Promise<void> {
    await eventually(`${name} is there`, async () => {
      const worker = await this.known(name);
      return worker?.status === "active" && worker.incarnation !== before ? true : undefined;
    });
  }

  /** A job that goes to this worker first. */
  async submit(
    to: string,
    payload: Omit<LedgerPayload, "id">,
    type = LEDGER_JOB_TYPE,
  ): Promise<string> {
    const id = `${to}-${this.history.submissions.length}`;
    const submission = { id, sentMs: performance.now() };
    const { jobId } = await this.client.submit({
      type,
      payload: payloadOf({ id, ...payload }),
      priority: 5,
      // Whatever costs a retry would end the job, and be seen.
      maxRetries: 0,
      labels: { [SUBMISSION_LABEL]: id },
      options: { prefer: [`who=${to}`] },
    });
    this.history.submissions.push({ ...submission, jobId, ackedMs: performance.now() });
    this.#payloads.set(jobId, id);
    return jobId;
  }

  async untilHeld(jobId: string, by: string, status = "running"): Promise<void> {
    await eventually(`${jobId} is ${status} on ${by}`, async () => {
      const { job } = await this.client.getJob(jobId);
      return job.status === status && job.assignedTo === by ? true : undefined;
    });
  }

  /** Its ledger has it: the handler really runs, or has run to its end. */
  async untilRan(jobId: string, event: "begin" | "end"): Promise<void> {
    await eventually(`${jobId} has its ${event} in the ledger`, async () => {
      const lines = await readLedger(this.cluster.ledgerFile);
      return lines.some((line) => line.jobId === jobId && line.event === event) ? true : undefined;
    });
  }

  /** The attempts of a job that has completed. */
  async completed(jobId: string): Promise<readonly AttemptView[]> {
    const job = await this.client.waitFor(jobId);
    assert.equal(job.status, "completed", job.errorMessage);
    return (await this.client.getJob(jobId)).attempts;
  }
}

async function killedBeforeStart(scene: Scene): Promise<void> {
  const worker = scene.worker("w1");
  worker.freeze();
  const jobId = await scene.submit("w1", {});
  await scene.untilHeld(jobId, "w1", "assigned");
  await worker.kill();
  await scene.restart("w1");
  const attempts = await scene.completed(jobId);
  assert.deepEqual(attempts.map(({ outcome }) => outcome), ["worker_lost", "completed"]);
  assert.equal(attempts[0]!.startedAtMs, undefined);
}

async function killedWhileReporting(scene: Scene): Promise<void> {
  const { cluster } = scene;
  const jobId = await scene.submit("w1", { sleepMs: 300 });
  await scene.untilRan(jobId, "begin");
  cluster.network.part(["w1"], cluster.masters.map(({ name }) => name));
  await scene.untilRan(jobId, "end");
  const journal = join(cluster.directory, "workers", "w1", "reports.journal");
  await eventually("the result is in the journal", async () => {
    return (await Deno.readTextFile(journal)).includes(jobId) ? true : undefined;
  });
  await scene.worker("w1").kill();
  cluster.network.heal();
  await scene.restart("w1");
  const attempts = await scene.completed(jobId);
  assert.deepEqual(attempts.map(({ outcome }) => outcome), ["completed"]);
}

async function cutFromLeader(scene: Scene): Promise<void> {
  const { cluster } = scene;
  const leader = await cluster.leader();
  const jobId = await scene.submit("w4", { sleepMs: 4_000 });
  await scene.untilRan(jobId, "begin");
  cluster.network.part(["w4"], [leader.name]);
  const attempts = await scene.completed(jobId);
  assert.deepEqual(attempts.map(({ outcome, workerId }) => [outcome, workerId]), [[
    "completed",
    "w4",
  ]]);
  cluster.network.heal();
}

async function toldToLeave(scene: Scene): Promise<void> {
  const jobId = await scene.submit("w4", { firstSleepMs: ENDLESS_MS });
  await scene.untilRan(jobId, "begin");
  assert.equal(await scene.worker("w4").terminate(), 0);
  const attempts = await scene.completed(jobId);
  assert.deepEqual(attempts.map(({ outcome }) => outcome), ["released", "completed"]);
  await scene.restart("w4");
}

async function poisoned(scene: Scene): Promise<void> {
  const jobId = await scene.submit("w1", {}, "poison");
  for (let lost = 1; lost <= 3; lost++) {
    const dead = await eventually("a worker dies of it", () => {
      const name = ["w1", "w2", "w3", "w4"].find((each) => scene.worker(each).hasDied);
      return Promise.resolve(name);
    });
    await scene.restart(dead);
  }
  const job = await scene.client.waitFor(jobId);
  assert.equal(job.status, "failed");
  assert.match(job.errorMessage, /^3 attempts were lost with workers that died/);
  assert.ok(job.deadLetter);
}

async function silentPastLease(scene: Scene): Promise<void> {
  await scene.shortenLeases();
  const { client } = scene;
  const ofKilled = await scene.submit("w2", { firstSleepMs: ENDLESS_MS });
  const ofFrozen = await scene.submit("w3", { firstSleepMs: ENDLESS_MS });
  // Its executor is not frozen: the result waits for the worker to wake.
  const ofLate = await scene.submit("w3", { firstSleepMs: 1_000 });
  const jobs = [[ofKilled, "w2"], [ofFrozen, "w3"], [ofLate, "w3"]] as const;
  for (const [jobId, worker] of jobs) await scene.untilHeld(jobId, worker);
  for (const [jobId] of jobs) await scene.untilRan(jobId, "begin");
  await scene.worker("w2").kill();
  scene.worker("w3").freeze();
  for (const [jobId, lost] of jobs) {
    const attempts = await scene.completed(jobId);
    assert.deepEqual(attempts.map(({ outcome }) => outcome), ["worker_lost", "completed"]);
    assert.notEqual(attempts[1]!.workerId, lost);
  }
  scene.worker("w3").thaw();
  await eventually("the zombie is told to stop, and its late result is refused", async () => {
    const worker = await scene.known("w3");
    const { activeJobs = 1, pendingReports = 1 } = worker?.stats ?? {};
    return worker?.status === "active" && activeJobs === 0 && pendingReports === 0
      ? true
      : undefined;
  });
  for (const jobId of [ofFrozen, ofLate]) {
    const { job, attempts } = await client.getJob(jobId);
    assert.equal(job.status, "completed");
    assert.deepEqual(attempts.map(({ outcome }) => outcome), ["worker_lost", "completed"]);
  }
  await scene.restart("w2");
}
