/**
 * The calling end of `SubmitStream`. What is submitted while messages are on their way waits for the
 * next one, and goes with all else that waits; what is submitted while none is goes at once. So a
 * message carries one job when there is one, and many when there are many.
 *
 * The stream is a short cut and nothing more: whatever it gives no answer to (it broke, its master does
 * not lead, does not know it or has fallen silent) is submitted as a call, which goes on to other
 * masters and tries again within its deadline. The idempotency key makes that harmless.
 *
 * @module
 */

import { create } from "@bufbuild/protobuf";
import { clearInterval, setImmediate, setInterval } from "node:timers";
import type { CallOptions } from "./channel.ts";
import { type ClusterView, viewOf } from "./cluster_view.ts";
import {
  type SubmitJobRequest,
  type SubmitJobResponse,
  type SubmitStreamRequest,
  SubmitStreamRequestSchema,
  type SubmitStreamResponse,
} from "./gen/scheduler_pb.ts";
import { Refusal } from "./status.ts";
import { refusalIn } from "./submit_response.ts";

/** Messages that may be on their way; the next one gathers what comes meanwhile. */
const MESSAGES_MAX = 2;
/** Jobs of one message, and their payloads in bytes. */
const MESSAGE_JOBS_MAX = 256;
const MESSAGE_BYTES_MAX = 256 * 1024;
/** A larger payload is worth a call of its own. */
const PAYLOAD_BYTES_MAX = 64 * 1024;
/** A stream that is not used any more is closed: an open one would keep its program alive. */
const IDLE_MS = 1_000;
/** How often overdue submissions are looked for, in ms: one timer for all is cheaper than one each. */
const DEADLINE_INTERVAL_MS = 50;
/** After a master did not know the stream, in ms. */
const UNKNOWN_PAUSE_MS = 60_000;

/** Told what comes back on a stream. */
export interface SubmissionsListener {
  answered(response: SubmitStreamResponse): void;
  /** It is over; undefined: the master closed it. May be told twice. */
  ended(failure: Refusal | undefined): void;
}

/** A stream to one master. */
export interface OpenSubmissions {
  send(message: SubmitStreamRequest): void;
  /** Watches over the master while it owes an answer. */
  watch(onGone: (why: Refusal) => void): { heard(): void; end(): void };
  /** Says that nothing more comes. */
  end(): void;
  cancel(): void;
}

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

interface Waiting {
  readonly job: SubmitJobRequest;
  readonly options: CallOptions;
  readonly traceparent: string;
  readonly deadlineMs: number;
  readonly resolve: (response: SubmitJobResponse) => void;
  readonly reject: (failure: unknown) => void;
  /** It was answered, given up or submitted by a call. */
  isSettled: boolean;
  /** To be called when it is. */
  readonly settled: () => void;
}

export class SubmitPipeline {
  readonly #options: SubmitPipelineOptions;
  /** Not sent yet. */
  #waiting: Waiting[] = [];
  #lane: Lane | undefined;
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
    resolve: Waiting["resolve"],
    reject: Waiting["reject"],
  ): void {
    const { signal, timeoutMs = this.#options.callTimeoutMs } = options;
    const abort = () => this.#reject(waiting, signal?.reason);
    const waiting: Waiting = {
      ...{ job, options, resolve, reject },
      traceparent: options.traceparent ?? this.#options.traceparent() ?? "",
      deadlineMs: Date.now() + timeoutMs,
      isSettled: false,
      settled: () => signal?.removeEventListener("abort", abort),
    };
    signal?.addEventListener("abort", abort, { once: true });
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
      const lane = this.#laneNow();
      if (lane === undefined) return this.#callAll(this.#waiting.splice(0));
      if (!lane.hasRoom) return; // the next answer flushes again
      const message = this.#nextMessage();
      if (message.length > 0) lane.send(message);
    }
  }

  /** The stream to the master that is asked first, with the token of now. */
  #laneNow(): Lane | undefined {
    const address = this.#options.address();
    const token = this.#options.token();
    if (this.#lane?.address === address && this.#lane.token === token) return this.#lane;
    this.#lane?.leave();
    this.#lane = undefined;
    try {
      this.#lane = new Lane(this.#options, address, token, {
        answered: (waiting, response) => this.#answered(waiting, response),
        overdue: (waiting, lane) =>
          this.#reject(
            waiting,
            new Refusal(
              "outcome_unknown",
              `${lane.address} did not answer in time, and may have carried the call out`,
            ),
          ),
        hasRoom: () => this.#flush(),
        ended: (lane, waiting, failure) => this.#ended(lane, waiting, failure),
      });
    } catch (failure) {
      if (!(failure instanceof Refusal)) throw failure;
    }
    return this.#lane;
  }

  #nextMessage(): Waiting[] {
    const bytesMax = Math.min(MESSAGE_BYTES_MAX, this.#options.messageBytesMax / 4);
    let bytes = 0;
    let end = 0;
    for (; end < Math.min(this.#waiting.length, MESSAGE_JOBS_MAX); end++) {
      bytes += this.#waiting[end]!.job.payload.byteLength;
      if (end > 0 && bytes > bytesMax) break;
    }
    return this.#waiting.splice(0, end).filter((each) => !each.isSettled);
  }

  #answered(waiting: Waiting, response: SubmitJobResponse | undefined): void {
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

  #ended(lane: Lane, waiting: readonly Waiting[], failure: Refusal | undefined): void {
    if (this.#lane === lane) this.#lane = undefined;
    if (failure?.reason === "unimplemented") this.#notBeforeMs = Date.now() + UNKNOWN_PAUSE_MS;
    // A master that says something is there: what is wrong will be said to the call, too.
    else if (failure !== undefined && !failure.isAnswer) this.#options.turnFrom(lane.address);
    this.#callAll(waiting);
    if (failure === undefined) this.#flush();
    else this.#callAll(this.#waiting.splice(0));
  }

  #callAll(all: readonly Waiting[]): void {
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

  #reject(waiting: Waiting, failure: unknown): void {
    this.#settle(waiting, () => waiting.reject(failure));
  }

  #settle(waiting: Waiting, settle: () => void): void {
    if (waiting.isSettled) return;
    waiting.isSettled = true;
    waiting.settled();
    settle();
  }
}

interface LaneListener {
  /** Undefined: the answer to its message left it out. */
  answered(waiting: Waiting, response: SubmitJobResponse | undefined): void;
  overdue(waiting: Waiting, lane: Lane): void;
  hasRoom(): void;
  ended(lane: Lane, unanswered: readonly Waiting[], failure: Refusal | undefined): void;
}

/** One stream, and what was sent on it and not answered. */
class Lane {
  readonly address: string;
  readonly token: string | undefined;
  readonly #stream: OpenSubmissions;
  readonly #listener: LaneListener;
  readonly #options: SubmitPipelineOptions;
  readonly #sent = new Map<bigint, readonly Waiting[]>();
  readonly #timer: ReturnType<typeof setInterval>;
  #watch: { heard(): void; end(): void } | undefined;
  #lastSequence = 0n;
  #isOver = false;
  #isLeft = false;
  #usedMs = Date.now();

  constructor(
    options: SubmitPipelineOptions,
    address: string,
    token: string | undefined,
    listener: LaneListener,
  ) {
    this.#options = options;
    this.address = address;
    this.token = token;
    this.#listener = listener;
    this.#stream = options.open(address, {
      answered: (response) => this.#answered(response),
      ended: (failure) => this.#over(failure),
    });
    this.#timer = setInterval(() => this.#look(), DEADLINE_INTERVAL_MS);
  }

  get hasRoom(): boolean {
    return this.#sent.size < MESSAGES_MAX;
  }

  send(message: readonly Waiting[]): void {
    const nowMs = Date.now();
    const sequence = ++this.#lastSequence;
    const request = create(SubmitStreamRequestSchema);
    request.sequence = sequence;
    let deadlineMs = nowMs;
    for (const { job, ...waiting } of message) {
      request.jobs.push(job);
      deadlineMs = Math.max(deadlineMs, waiting.deadlineMs);
    }
    request.timeoutMs = BigInt(Math.max(1, deadlineMs - nowMs));
    if (message.some(({ options }) => options.requestId !== undefined)) {
      request.requestIds = message.map(({ options }) => options.requestId ?? crypto.randomUUID());
    }
    if (message.some(({ traceparent }) => traceparent !== "")) {
      request.traceparents = message.map(({ traceparent }) => traceparent);
    }
    this.#usedMs = nowMs;
    this.#sent.set(sequence, message);
    this.#watch ??= this.#stream.watch((why) => this.#over(why));
    this.#stream.send(request);
  }

  unanswered(): Waiting[] {
    return [...this.#sent.values()].flat();
  }

  /** Nothing more is sent on it; what was sent is still answered. */
  leave(): void {
    this.#isLeft = true;
    this.#closeIfDone();
  }

  /** Ends it at once, without a word to anybody. */
  stop(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    clearInterval(this.#timer);
    this.#watch?.end();
    this.#stream.cancel();
  }

  #answered({ sequence, results, clusterView }: SubmitStreamResponse): void {
    if (this.#isOver) return;
    this.#watch?.heard();
    if (clusterView !== "") this.#options.told(viewOf(clusterView));
    const message = this.#sent.get(sequence);
    if (message === undefined) return;
    this.#sent.delete(sequence);
    if (this.#sent.size === 0) {
      this.#watch?.end();
      this.#watch = undefined;
    }
    for (let at = 0; at < message.length; at++) {
      this.#listener.answered(message[at]!, results[at]);
    }
    this.#closeIfDone();
    if (!this.#isLeft) this.#listener.hasRoom();
  }

  #look(): void {
    const nowMs = Date.now();
    for (const message of this.#sent.values()) {
      for (const waiting of message) {
        if (waiting.deadlineMs <= nowMs) this.#listener.overdue(waiting, this);
      }
    }
    if (this.#sent.size === 0 && nowMs - this.#usedMs > IDLE_MS) this.#over(undefined);
  }

  #closeIfDone(): void {
    if (this.#isLeft && this.#sent.size === 0) this.#over(undefined);
  }

  #over(failure: Refusal | undefined): void {
    if (this.#isOver) return;
    this.#isOver = true;
    clearInterval(this.#timer);
    this.#watch?.end();
    // What is still owed an answer here gets none.
    if (this.#sent.size === 0) this.#stream.end();
    else this.#stream.cancel();
    this.#listener.ended(this, this.unanswered(), failure);
  }
}
