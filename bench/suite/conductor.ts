/**
 * The measures of a cluster of this program: what `bench` and `bench:peers` have in common.
 *
 * @module
 */

import type { JobClient } from "../../src/rpc/mod.ts";
import { Masters } from "../masters.ts";
import { after, type ClosedLoop, closedLoop, type Run } from "./closed_loop.ts";
import { cycleLoad, unfinishedJobs } from "./cycles.ts";
import type { MeteredProcess } from "./meter.ts";
import { openLoop } from "./open_loop.ts";
import { measured, PAYLOAD_BYTES, type Row, type Settings } from "./result.ts";
import { UnaryClient } from "./unary_client.ts";

/** JSON, as payloads are. */
const payload = new TextEncoder().encode(`{"pad":"${"x".repeat(PAYLOAD_BYTES - 10)}"}`);
/** Nobody offers its type. */
const waitingJob = { type: "nobodys", payload, priority: 5 };
/** After a queue has been emptied, as the peers' scripts wait after theirs. */
const SETTLE_MS = 500;
/** On the way at a time in a full cycle, as with the peers. */
const WINDOW = 256;
const LANES = 64;
/** Attempts that one of so many workers runs at once: the same number for all together. */
const SLOTS = 112;

type Leader = MeteredProcess & { readonly grpcAddress: string };

export class ConductorBench implements AsyncDisposable {
  readonly system: string;
  readonly masters: Masters;
  readonly client: JobClient;
  readonly #settings: Settings;
  readonly #leader: Leader;
  readonly #leaderClient: JobClient;

  private constructor(
    masters: Masters,
    leader: Leader,
    leaderClient: JobClient,
    settings: Settings,
  ) {
    const size = masters.all.length;
    this.system = `conductor, ${size} master${size === 1 ? "" : "s"}`;
    this.masters = masters;
    this.client = masters.client();
    this.#leader = leader;
    this.#leaderClient = leaderClient;
    this.#settings = settings;
  }

  static async start(size: number, settings: Settings): Promise<ConductorBench> {
    const masters = await Masters.start(size, ["--set=jobs.keep_completed_max=100000000"]);
    const { name, process, grpcAddress } = await masters.leader();
    const client = masters.client(masters.all.find((each) => each.name === name));
    const leader = { name, pid: process.pid ?? 0, grpcAddress };
    return new ConductorBench(masters, leader, client, settings);
  }

  get #processes(): MeteredProcess[] {
    return [
      ...this.masters.all.map(({ name, process }) => ({
        name: name === this.#leader.name ? "leader" : "follower",
        pid: process.pid ?? 0,
      })),
      ...this.masters.workers.flatMap(({ process: { pid } }) =>
        pid === undefined ? [] : [{ name: "worker", pid }]
      ),
      { name: "client", pid: Deno.pid },
    ];
  }

  get #common() {
    const { warmUpMs, measuredMs } = this.#settings;
    return { warmUpMs, measuredMs, processes: this.#processes };
  }

  #row(what: string, inFlight: number, run: Parameters<typeof measured>[2]): Promise<Row> {
    return measured(this.#settings, { system: this.system, what, inFlight }, run);
  }

  /** Single submissions through the client library. */
  submits(): Promise<Row[]> {
    return this.#submissions("submits", () => this.client.submit(waitingJob));
  }

  /** The same as plain unary calls, to the leader over one connection. */
  async unarySubmits(): Promise<Row[]> {
    const unary = new UnaryClient([this.#leader.grpcAddress]);
    try {
      return await this.#submissions(
        "submits, plain unary calls",
        () => unary.submit(waitingJob),
      );
    } finally {
      unary.close();
    }
  }

  async #submissions(what: string, call: () => Promise<unknown>): Promise<Row[]> {
    const rows: Row[] = [];
    const { inFlight, firstMs } = this.#settings;
    await closedLoop({
      ...this.#common,
      measuredMs: firstMs,
      lanes: Math.max(...inFlight),
      call,
    });
    for (const lanes of inFlight) {
      rows.push(
        await this.#row(what, lanes, () => this.#emptied({ ...this.#common, lanes, call })),
      );
    }
    return rows;
  }

  async batches(): Promise<Row[]> {
    const rows: Row[] = [];
    const sizes = [[100, 8], [1_000, 4]] as const;
    for (const [weight, lanes] of sizes) {
      const jobs = Array.from({ length: weight }, () => waitingJob);
      const load = {
        ...this.#common,
        ...{ lanes, weight },
        call: () => this.client.submitBatch(jobs),
      };
      await closedLoop({ ...load, measuredMs: this.#settings.firstMs / sizes.length });
      rows.push(
        await this.#row(`jobs in batches of ${weight}`, lanes, () => this.#emptied(load)),
      );
    }
    return rows;
  }

  /** A run that begins with an empty queue, as the peers' queues are purged before each of theirs. */
  async #emptied(load: ClosedLoop): Promise<Run> {
    await this.#leaderClient.cancelJobs({ type: waitingJob.type });
    await after(SETTLE_MS);
    return await closedLoop(load);
  }

  async reads(): Promise<Row[]> {
    const { jobId } = await this.client.submit(waitingJob);
    const follower = this.masters.all.find(({ name }) => name !== this.#leader.name);
    const rows = [
      await this.#row("linearizable reads", LANES, () =>
        closedLoop({
          ...this.#common,
          lanes: LANES,
          call: () => this.#leaderClient.getJob(jobId),
        })),
    ];
    if (follower === undefined) return rows;
    const client = this.masters.client(follower);
    rows.push(
      await this.#row(
        "linearizable reads of a follower",
        LANES,
        () => closedLoop({ ...this.#common, lanes: LANES, call: () => client.getJob(jobId) }),
      ),
    );
    client.close();
    return rows;
  }

  /** Of four calls, two submissions, a read and a list of 20. */
  async mixed(): Promise<Row[]> {
    const { jobId } = await this.client.submit(waitingJob);
    const calls = [
      () => this.client.submit(waitingJob),
      () => this.client.getJob(jobId),
      () => this.client.submit(waitingJob),
      () => this.client.listJobs({ limit: 20 }),
    ];
    let number = 0;
    return [
      await this.#row("mixed calls", LANES, () =>
        closedLoop({
          ...this.#common,
          lanes: LANES,
          call: () => calls[number++ % calls.length]!(),
        })),
    ];
  }

  /** The runtime compiles what is called often: no measure is to pay for that. */
  async warmUp(): Promise<void> {
    this.masters.startWorker("w0", `--concurrency=${SLOTS}`);
    await this.#workersAreThere(1);
    const warming = { ...this.#common, measuredMs: this.#settings.firstMs };
    const shared = { submitter: this.client, leader: this.#leaderClient, payload };
    await cycleLoad({ ...warming, ...shared, window: WINDOW, lanes: LANES });
    const jobs = Array.from({ length: 100 }, () => ({ type: "noop", payload, priority: 5 }));
    await closedLoop({
      ...warming,
      lanes: 1,
      call: () => this.client.submitBatch(jobs, { patienceMs: 10_000 }),
    });
    while (await unfinishedJobs(this.#leaderClient) > 0) {
      await new Promise((wake) => setTimeout(wake, 20));
    }
  }

  /** Full cycles of an empty job. */
  async cycles(): Promise<Row[]> {
    const rows: Row[] = [];
    for (const workers of this.#settings.workers) {
      for (let number = this.masters.workers.length; number < workers; number++) {
        this.masters.startWorker(`w${number}`, `--concurrency=${Math.ceil(SLOTS / workers)}`);
      }
      await this.#workersAreThere(workers);
      rows.push(
        await this.#row(
          `full cycles, ${workers} worker${workers === 1 ? "" : "s"}`,
          WINDOW,
          () => this.#cycle(WINDOW, LANES),
        ),
      );
    }
    return rows;
  }

  /** How long a job takes that comes by itself. */
  async singleCycles(): Promise<Row[]> {
    return [await this.#row("full cycles, one at a time", 1, () => this.#cycle(1, 1))];
  }

  #cycle(window: number, lanes: number) {
    return cycleLoad({
      ...this.#common,
      ...{ window, lanes, payload },
      submitter: this.client,
      leader: this.#leaderClient,
    });
  }

  async #workersAreThere(count: number): Promise<void> {
    while ((await this.#leaderClient.clusterHealth()).activeWorkers < count) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  /** Latency at a pace of its own, as shares of what was the most. */
  async openLoops(mostPerSecond: number): Promise<Row[]> {
    const rows: Row[] = [];
    for (const share of [25, 50, 75]) {
      rows.push(
        await this.#row("submits, open loop, % of the most", share, () =>
          openLoop({
            ...this.#common,
            perSecond: Math.max(1, mostPerSecond * share / 100),
            call: () => this.client.submit(waitingJob),
          })),
      );
    }
    return rows;
  }

  /** Has so many finished jobs in the state before anything is measured. */
  async store(jobs: number): Promise<void> {
    const batch = 1_000;
    const unfinished = () => unfinishedJobs(this.#leaderClient);
    for (let sent = 0; sent < jobs; sent += batch) {
      const size = Math.min(batch, jobs - sent);
      await this.client.submitBatch(
        Array.from({ length: size }, () => ({ type: "noop", payload, priority: 5 })),
        { patienceMs: 60_000 },
      );
      while (await unfinished() > 20 * batch) await new Promise((wake) => setTimeout(wake, 50));
    }
    while (await unfinished() > 0) await new Promise((wake) => setTimeout(wake, 50));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.client.close();
    this.#leaderClient.close();
    await this.masters[Symbol.asyncDispose]();
  }
}
