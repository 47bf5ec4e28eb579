/**
 * Clients at work: a steady stream of submissions, each with an id of its own, and reads beside it.
 *
 * @module
 */

import { type JobClient, Refusal } from "../../src/rpc/mod.ts";
import type { Cluster } from "./cluster.ts";
import { History, type Lease, type Submission } from "./history.ts";
import { LEDGER_JOB_TYPE, type LedgerPayload } from "./ledger.ts";
import { eventually, pause } from "./wait.ts";

export interface LoadOptions {
  /** Submissions on their way at once. */
  readonly lanes?: number;
  /** Further lanes, each of which submits so many jobs in one call, and nothing to a job but its payload. */
  readonly batchLanes?: number;
  readonly batchJobs?: number;
  /** Pause of a lane between two submissions, in ms. */
  readonly pauseMs?: number;
  /** How long each job takes, in ms. */
  readonly sleepMs?: number;
  /** Bytes of padding in each payload. */
  readonly paddingBytes?: number;
  /** Reads on their way at once. */
  readonly readers?: number;
  /** What to go on writing; and what its submissions' ids begin with, to be different from others. */
  readonly history?: History;
  readonly prefix?: string;
}

/** The label by which a job is known in listings, which carry no payload. */
export const SUBMISSION_LABEL = "submission";
/** More than any round of faults takes from a job, so that none may fail. */
const RETRIES_MAX = 100;
const READ_PAUSE_MS = 40;

export class Load {
  readonly history: History;
  readonly #cluster: Cluster;
  readonly #options: Required<Omit<LoadOptions, "history">>;
  readonly #clients: JobClient[] = [];
  #isRunning = true;
  #work: Promise<unknown> = Promise.resolve();

  private constructor(cluster: Cluster, options: LoadOptions) {
    this.#cluster = cluster;
    this.history = options.history ?? new History();
    this.#options = {
      lanes: 4,
      batchLanes: 0,
      batchJobs: 5,
      pauseMs: 25,
      sleepMs: 0,
      paddingBytes: 0,
      readers: 2,
      prefix: "",
      ...options,
    };
  }

  static start(cluster: Cluster, options: LoadOptions = {}): Load {
    const load = new Load(cluster, options);
    load.#run();
    return load;
  }

  /** Lets what is under way come to its end. */
  async stop(): Promise<void> {
    this.#isRunning = false;
    await this.#work;
    for (const client of this.#clients) client.close();
  }

  /** Resolves once `count` more submissions than now were acknowledged. */
  async accepts(count: number): Promise<void> {
    const wanted = this.history.acknowledged().length + count;
    await eventually(`${count} more submissions are accepted`, async () => {
      await this.#cluster.assertAlive();
      return this.history.acknowledged().length >= wanted ? true : undefined;
    });
  }

  #run(): void {
    const { lanes, batchLanes, readers } = this.#options;
    this.#work = Promise.all([
      ...Array.from({ length: lanes }, (_, lane) => this.#submit(this.#client(), lane)),
      ...Array.from({ length: batchLanes }, (_, lane) => this.#submitBatches(this.#client(), lane)),
      ...Array.from({ length: readers }, (_, reader) => this.#read(this.#client(), `r${reader}`)),
    ]);
  }

  #client(): JobClient {
    const client = this.#cluster.client();
    this.#clients.push(client);
    return client;
  }

  async #submit(client: JobClient, lane: number): Promise<void> {
    for (let number = 0; this.#isRunning; number++) {
      const id = `${this.#options.prefix}${lane}-${number}`;
      const submission = this.#sends(id);
      try {
        const labels = { [SUBMISSION_LABEL]: id };
        accept(submission, (await client.submit({ ...this.#jobOf(id), labels })).jobId);
      } catch (failure) {
        if (!(failure instanceof Refusal)) throw failure;
        submission.failure = `${failure.reason}: ${failure.message}`;
      }
      await pause(this.#options.pauseMs);
    }
  }

  async #submitBatches(client: JobClient, lane: number): Promise<void> {
    for (let number = 0; this.#isRunning; number++) {
      const submissions = Array.from(
        { length: this.#options.batchJobs },
        (_, place) => this.#sends(`${this.#options.prefix}b${lane}-${number}-${place}`),
      );
      try {
        const items = await client.submitBatch(submissions.map(({ id }) => this.#jobOf(id)));
        submissions.forEach((each, place) => {
          const item = items[place]!;
          if ("error" in item) each.failure = item.error;
          else accept(each, item.jobId);
        });
      } catch (failure) {
        if (!(failure instanceof Refusal)) throw failure;
        for (const each of submissions) each.failure = `${failure.reason}: ${failure.message}`;
      }
      await pause(this.#options.pauseMs);
    }
  }

  #sends(id: string): Submission {
    const submission: Submission = { id, sentMs: performance.now() };
    this.history.submissions.push(submission);
    return submission;
  }

  #jobOf(id: string) {
    const { sleepMs, paddingBytes } = this.#options;
    return {
      type: LEDGER_JOB_TYPE,
      payload: payloadOf({ id, sleepMs, padding: "x".repeat(paddingBytes) }),
      priority: 5,
      maxRetries: RETRIES_MAX,
    };
  }

  async #read(client: JobClient, by: string): Promise<void> {
    for (let turn = 0; this.#isRunning; turn++) {
      const startedMs = performance.now();
      try {
        const seen = await this.#ask(client, turn);
        this.history.reads.push({ startedMs, endedMs: performance.now(), by, ...seen });
      } catch (failure) {
        // A missing job is an answer; a cluster that could not say is none.
        if (!(failure instanceof Refusal)) throw failure;
      }
      await pause(READ_PAUSE_MS);
    }
  }

  async #ask(client: JobClient, turn: number) {
    const known = this.history.acknowledged();
    const one = known[Math.floor(Math.random() * known.length)];
    if (one === undefined || turn % 2 === 0) {
      return { kind: "count" as const, total: (await client.listJobs({ limit: 1 })).total };
    }
    return { kind: "job" as const, jobId: one.jobId, ...await seenOf(client, one.jobId) };
  }
}

function accept(submission: Submission, jobId: string): void {
  submission.jobId = jobId;
  submission.ackedMs = performance.now();
}

/** The job's status and latest attempt; "missing" when the cluster says that there is no such job. */
async function seenOf(
  client: JobClient,
  jobId: string,
): Promise<{ readonly status: string; readonly lease?: Lease }> {
  try {
    const { status, attempt, fencingToken } = (await client.getJob(jobId)).job;
    return { status, lease: { attempt, fencingToken } };
  } catch (failure) {
    if (failure instanceof Refusal && failure.reason === "not_found") return { status: "missing" };
    throw failure;
  }
}

export function payloadOf(payload: LedgerPayload): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(payload));
}
