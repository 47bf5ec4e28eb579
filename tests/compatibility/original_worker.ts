/**
 * A worker as the original's are, written from its .proto files alone: it registers once, sends
 * heartbeats without a session, is called with its jobs, and reports results without a token.
 *
 * @module
 */

import type { sendUnaryData, ServerUnaryCall } from "@grpc/grpc-js";
import { type Fields, ORIGINAL_PROTO, ProtoClient, serve, serviceOf } from "./by_proto.ts";

/** A job as the worker was given it. */
export interface GivenJob {
  readonly id: string;
  readonly type: string;
  readonly payload: Uint8Array;
}

/** What a worker does with a job: its output, or a failure. */
export type Work = (job: GivenJob, signal: AbortSignal) => Promise<string>;

export interface OriginalWorkerOptions {
  readonly id: string;
  readonly master: string;
  readonly work: Work;
  readonly slots?: number;
  /** Where it says that it can be called; by default where it can. */
  readonly announced?: string;
  /** Answer to AssignJob: false refuses, "never" does not come. By default true. */
  readonly accepts?: () => boolean | "never";
}

const HEARTBEAT_MS = 200;

type Answer = sendUnaryData<Fields>;

export class OriginalWorker {
  /** Jobs in the order in which they were given. */
  readonly given: GivenJob[] = [];
  /** `JOB_ID REASON` of every CancelJob. */
  readonly cancelled: string[] = [];
  /** Messages with which the master refused results. */
  readonly refused: string[] = [];
  readonly #options: OriginalWorkerOptions;
  readonly #master: ProtoClient;
  readonly #running = new Map<string, AbortController>();
  #server: { readonly address: string; stop(): void } | undefined;
  #heartbeat: ReturnType<typeof setInterval> | undefined;

  private constructor(options: OriginalWorkerOptions) {
    this.#options = options;
    this.#master = new ProtoClient(serviceOf(ORIGINAL_PROTO, "MasterService"), options.master);
  }

  /** Serves, registers, and begins to send heartbeats. */
  static async start(options: OriginalWorkerOptions): Promise<OriginalWorker> {
    const worker = new OriginalWorker(options);
    worker.#server = await serve(serviceOf(ORIGINAL_PROTO, "WorkerService"), {
      AssignJob: (call: ServerUnaryCall<Fields, Fields>, answer: Answer) =>
        worker.#assign(call.request.job as GivenJob, answer),
      CancelJob: (call: ServerUnaryCall<Fields, Fields>, answer: Answer) => {
        const { job_id, reason } = call.request as { job_id: string; reason: string };
        worker.cancelled.push(`${job_id} ${reason}`);
        worker.#running.get(job_id)?.abort(new Error(reason));
        answer(null, { cancelled: worker.#running.has(job_id), message: "" });
      },
    });
    await worker.register();
    worker.beat();
    return worker;
  }

  get address(): string {
    return this.#server?.address ?? "";
  }

  async register(): Promise<void> {
    const { id, slots = 4, announced } = this.#options;
    const { success, message } = await this.#master.call("RegisterWorker", {
      worker_id: id,
      address: announced ?? this.address,
      max_concurrent_jobs: slots,
    });
    if (success !== true) throw new Error(`the master did not take the worker: ${message}`);
  }

  /** Sends heartbeats from now on; those that fail are not repeated, as in the original. */
  beat(): void {
    this.#heartbeat = setInterval(() => {
      const stats = { active_jobs: 0 }; // whatever it runs: the original's always said so
      this.#master.call("Heartbeat", { worker_id: this.#options.id, stats }).catch(() => {});
    }, HEARTBEAT_MS);
  }

  /** Falls silent: its connections stand, and no heartbeat comes. */
  fallSilent(): void {
    clearInterval(this.#heartbeat);
  }

  stop(): void {
    this.fallSilent();
    for (const each of this.#running.values()) each.abort(new Error("the worker stops"));
    this.#server?.stop();
    this.#master.close();
  }

  #assign(job: GivenJob, answer: Answer): void {
    const accepts = this.#options.accepts?.() ?? true;
    if (accepts === "never") return;
    if (!accepts) return answer(null, { accepted: false, message: "queue full" });
    this.given.push(job);
    answer(null, { accepted: true, message: "" });
    this.#run(job);
  }

  async #run(job: GivenJob): Promise<void> {
    const abort = new AbortController();
    this.#running.set(job.id, abort);
    let result: Fields;
    try {
      const output = await this.#options.work(job, abort.signal);
      result = { success: true, output: new TextEncoder().encode(output), duration_ms: 1 };
    } catch (failure) {
      result = { success: false, error: (failure as Error).message, duration_ms: 1 };
    }
    this.#running.delete(job.id);
    try {
      const request = { job_id: job.id, worker_id: this.#options.id, result };
      await this.#master.call("ReportResult", request);
    } catch (failure) {
      this.refused.push((failure as Error).message);
    }
  }
}

/** Works until it is told to stop. */
export function untilAborted(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) =>
    signal.addEventListener("abort", () => reject(signal.reason), { once: true })
  );
}
