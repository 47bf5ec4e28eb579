/**
 * The calling end of `SubmitStream`. What is submitted in one turn of the event loop goes together, and
 * what comes while several messages are on their way waits for the next one. So a message carries one job
 * when there is one, and many when there are many: what an answer sets going in its turn goes along with
 * what waited for it, and callers that were answered together stay together.
 *
 * The stream is a short cut and nothing more: whatever it gives no answer to (it broke, its master does
 * not lead, does not know it or has fallen silent) is submitted as a call, which goes on to other
 * masters and tries again within its deadline. The idempotency key makes that harmless.
 *
 * @module
 */

import { setImmediate } from "node:timers";
import type { CallOptions } from "./channel.ts";
import type { ClusterView } from "./cluster_view.ts";
import type { SubmitJobRequest, SubmitJobResponse } from "./gen/scheduler_pb.ts";
import { Refusal } from "./status.ts";
import {
  type OpenSubmissions,
  type SubmissionsListener,
  SubmitLane,
  type WaitingSubmission,
} from "./submit_lane.ts";
import { refusalIn } from "./submit_response.ts";

/** Jobs of one message, and their payloads in bytes. */
const MESSAGE_JOBS_MAX = 256;
const MESSAGE_BYTES_MAX = 256 * 1024;
/** A larger payload is worth a call of its own. */
const PAYLOAD_BYTES_MAX = 64 * 1024;
/** After a master did not know the stream, in ms. */
const UNKNOWN_PAUSE_MS = 60_000;

export interface SubmitPipelineOptions {
  readonly messageBytesMax: number;
  readonly callTimeoutMs: number;
  readonly token: () => string | undefined;
  readonly traceparent: () => string | undefined;
  /** Of the master that is asked first. */
  readonly address: () => string;
  /** @throws Refusal when there can be none */
  readonly open: (address: string, listener: SubmissionsListener) => OpenSubmissions;
  /** A master said how it sees the cluster. */
  readonly told: (view: ClusterView) => void;
  /** The master at `address` is of no use. */
  readonly turnFrom: (address: string) => void;
  /** Submits by a call of its own. */
  readonly call: (job: SubmitJobRequest, options: CallOptions) => Promise<SubmitJobResponse>;
}

export class SubmitPipeline {
  readonly #options: SubmitPipelineOptions;
  /** Not sent yet. */
  #waiting: WaitingSubmission[] = [];
  #lane: SubmitLane | undefined;
  #hasSubmitted = false;
  #isFlushDue = false;
  #notBeforeMs = 0;

  constructor(options: SubmitPipelineOptions) {
    this.#options = options;
  }

  async submit(job: SubmitJobRequest, options: CallOptions): Promise<SubmitJobResponse> {
    options.signal?.throwIfAborted();
    // Who submits once, as a command line does, needs no stream; nor does a load that fills messages.
    const isFirst = !this.#hasSubmitted;
    this.#hasSubmitted = true;
    const isLarge = job.payload.byteLength > PAYLOAD_BYTES_MAX;
    if (isFirst || isLarge || options.patient === true || Date.now() < this.#notBeforeMs) {
      return await this.#options.call(job, options);
    }
    return await new Promise((resolve, reject) => this.#add(job, options, resolve, reject));
  }

  /** Everything that waits fails with `why`. */
  close(why: Refusal): void {
    const { lane, waiting } = { lane: this.#lane, waiting: this.#waiting };
    this.#lane = undefined;
    this.#waiting = [];
    for (const each of [...lane?.unanswered() ?? [], ...waiting]) this.#reject(each, why);
    lane?.stop();
  }

  #add(
    job: SubmitJobRequest,
    options: CallOptions,
    resolve: WaitingSubmission["resolve"],
    reject: WaitingSubmission["reject"],
  ): void {
    const { signal, timeoutMs = this.#options.callTimeoutMs } = options;
    const abort = signal && (() => this.#reject(waiting, signal.reason));
    const waiting: WaitingSubmission = {
      job,
      options,
      resolve,
      reject,
      traceparent: options.traceparent ?? this.#options.traceparent() ?? "",
      deadlineMs: Date.now() + timeoutMs,
      isSettled: false,
      settled: abort && (() => signal?.removeEventListener("abort", abort)),
    };
    if (abort !== undefined) signal?.addEventListener("abort", abort, { once: true });
    this.#waiting.push(waiting);
    this.#flushSoon();
  }

  /** At the end of this turn, so that all that is submitted in it goes together. */
  #flushSoon(): void {
    if (this.#isFlushDue) return;
    this.#isFlushDue = true;
    setImmediate(() => {
      this.#isFlushDue = false;
      this.#flush();
    });
  }

  #flush(): void {
    while (this.#waiting.length > 0) {
      const lane = this.#laneOrNone();
      if (lane === undefined) return this.#callAll(this.#waiting.splice(0));
      if (!lane.hasRoom) return; // the next answer flushes again
      const message = this.#nextMessage();
      if (message.length === 0) continue;
      try {
        lane.send(message);
      } catch {
        this.#callAll(message); // which meets the same, and tells each caller of it
      }
    }
  }

  /** Undefined: there is none now, for whatever reason. A call will meet the same, and tell its caller of it. */
  #laneOrNone(): SubmitLane | undefined {
    try {
      return this.#laneNow();
    } catch {
      return undefined;
    }
  }

  /** The stream to the master that is asked first, with the token of now. */
  #laneNow(): SubmitLane | undefined {
    const address = this.#options.address();
    const token = this.#options.token();
    if (this.#lane?.address === address && this.#lane.token === token) return this.#lane;
    this.#lane?.leave();
    this.#lane = undefined;
    this.#lane = new SubmitLane({ ...this.#options, address, token }, {
      answered: (waiting, response) => this.#answered(waiting, response),
      overdue: (waiting, lane) =>
        this.#reject(
          waiting,
          new Refusal(
            "outcome_unknown",
            `${lane.address} did not answer in time, and may have carried the call out`,
          ),
        ),
      looked: (nowMs) => this.#rejectUnsent(nowMs),
      hasRoom: () => this.#flushSoon(),
      ended: (lane, waiting, failure) => this.#ended(lane, waiting, failure),
    });
    return this.#lane;
  }

  /** Those whose time is over before there was room for them. */
  #rejectUnsent(nowMs: number): void {
    const overdue = this.#waiting.filter(({ deadlineMs }) => deadlineMs <= nowMs);
    if (overdue.length === 0) return;
    this.#waiting = this.#waiting.filter(({ deadlineMs }) => deadlineMs > nowMs);
    const why = "the master did not answer what was sent before it in time; it was not sent";
    for (const each of overdue) this.#reject(each, new Refusal("unavailable", why));
  }

  #nextMessage(): WaitingSubmission[] {
    const bytesMax = Math.min(MESSAGE_BYTES_MAX, this.#options.messageBytesMax / 4);
    let bytes = 0;
    let end = 0;
    for (; end < Math.min(this.#waiting.length, MESSAGE_JOBS_MAX); end++) {
      bytes += this.#waiting[end]!.job.payload.byteLength;
      if (end > 0 && bytes > bytesMax) break;
    }
    return this.#waiting.splice(0, end).filter((each) => !each.isSettled);
  }

  #answered(waiting: WaitingSubmission, response: SubmitJobResponse | undefined): void {
    if (response === undefined) return this.#callAll([waiting]);
    const refusal = refusalIn(response);
    switch (refusal?.reason) {
      case undefined:
        return this.#settle(waiting, () => waiting.resolve(response));
      case "unimplemented":
        this.#notBeforeMs = Date.now() + UNKNOWN_PAUSE_MS;
        return this.#callAll([waiting]);
      case "unavailable":
      case "not_leader":
      case "outcome_unknown":
        return this.#callAll([waiting]);
      default:
        return this.#reject(waiting, refusal);
    }
  }

  #ended(
    lane: SubmitLane,
    waiting: readonly WaitingSubmission[],
    failure: Refusal | undefined,
  ): void {
    if (this.#lane === lane) this.#lane = undefined;
    if (failure?.reason === "unimplemented") this.#notBeforeMs = Date.now() + UNKNOWN_PAUSE_MS;
    // A master that says something is there: what is wrong will be said to the call, too.
    else if (failure !== undefined && !failure.isAnswer) this.#options.turnFrom(lane.address);
    this.#callAll(waiting);
    if (failure === undefined) this.#flush();
    else this.#callAll(this.#waiting.splice(0));
  }

  #callAll(all: readonly WaitingSubmission[]): void {
    for (const waiting of all) {
      if (waiting.isSettled) continue;
      const { job, options, deadlineMs } = waiting;
      const timeoutMs = Math.max(1, deadlineMs - Date.now());
      this.#settle(
        waiting,
        () =>
          this.#options.call(job, { ...options, timeoutMs }).then(waiting.resolve, waiting.reject),
      );
    }
  }

  #reject(waiting: WaitingSubmission, failure: unknown): void {
    this.#settle(waiting, () => waiting.reject(failure));
  }

  #settle(waiting: WaitingSubmission, settle: () => void): void {
    if (waiting.isSettled) return;
    waiting.isSettled = true;
    waiting.settled?.();
    settle();
  }
}
