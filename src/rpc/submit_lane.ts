/**
 * One stream of submissions to one master, and what was sent on it and not answered.
 *
 * @module
 */

import { create } from "@bufbuild/protobuf";
import type { Client, Metadata, ServiceError } from "@grpc/grpc-js";
import { clearInterval, setInterval } from "node:timers";
import type { CallOptions } from "./channel.ts";
import { type ClusterView, viewOf } from "./cluster_view.ts";
import {
  MasterService,
  type SubmitJobRequest,
  type SubmitJobResponse,
  type SubmitStreamRequest,
  SubmitStreamRequestSchema,
  type SubmitStreamResponse,
} from "./gen/scheduler_pb.ts";
import { fromServiceError, type Refusal } from "./status.ts";
import { type AnyMessage, methodDefinition } from "./wire.ts";

/** Messages that may be on their way; beyond, the next one gathers what comes meanwhile. */
const MESSAGES_MAX = 4;
/** A stream that is not used any more is closed: an open one would keep its program alive. */
const IDLE_MS = 1_000;
/** How often overdue submissions are looked for, in ms: one timer for all is cheaper than one each. */
const DEADLINE_INTERVAL_MS = 50;

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

/** Opens one over a connection. */
export function openSubmissions(
  client: Client,
  metadata: Metadata,
  listener: SubmissionsListener,
  watch: OpenSubmissions["watch"],
): OpenSubmissions {
  const definition = methodDefinition(MasterService.method.submitStream);
  const stream = client.makeBidiStreamRequest(
    definition.path,
    definition.requestSerialize,
    definition.responseDeserialize,
    metadata,
  );
  stream.on("data", (response: SubmitStreamResponse) => listener.answered(response));
  stream.on("error", (failure: ServiceError) => listener.ended(fromServiceError(failure)));
  stream.on("end", () => listener.ended(undefined));
  return {
    send: (message) => void stream.write(message as AnyMessage),
    watch,
    end: () => stream.end(),
    cancel: () => stream.cancel(),
  };
}

/** A submission that was not answered yet. */
export interface WaitingSubmission {
  readonly job: SubmitJobRequest;
  readonly options: CallOptions;
  readonly traceparent: string;
  readonly deadlineMs: number;
  readonly resolve: (response: SubmitJobResponse) => void;
  readonly reject: (failure: unknown) => void;
  /** It was answered, given up or submitted by a call. */
  isSettled: boolean;
  /** To be called when it is, if somebody wants to know. */
  readonly settled: (() => void) | undefined;
}

/** Where a stream goes, and with what. */
export interface SubmitLaneOptions {
  readonly address: string;
  readonly token: string | undefined;
  /** A master said how it sees the cluster. */
  readonly told: (view: ClusterView) => void;
  /** @throws Refusal when there can be none */
  readonly open: (address: string, listener: SubmissionsListener) => OpenSubmissions;
}

/** Told what becomes of submissions on a stream. */
export interface LaneListener {
  /** Undefined: the answer to its message left it out. */
  answered(waiting: WaitingSubmission, response: SubmitJobResponse | undefined): void;
  overdue(waiting: WaitingSubmission, lane: SubmitLane): void;
  /** Time has passed: what waits to be sent may be overdue as well. */
  looked(nowMs: number): void;
  hasRoom(): void;
  ended(
    lane: SubmitLane,
    unanswered: readonly WaitingSubmission[],
    failure: Refusal | undefined,
  ): void;
}

export class SubmitLane {
  readonly address: string;
  readonly token: string | undefined;
  readonly #stream: OpenSubmissions;
  readonly #listener: LaneListener;
  readonly #told: SubmitLaneOptions["told"];
  readonly #sent = new Map<bigint, readonly WaitingSubmission[]>();
  readonly #timer: ReturnType<typeof setInterval>;
  #watch: { heard(): void; end(): void } | undefined;
  #lastSequence = 0n;
  #isOver = false;
  #isLeft = false;
  #usedMs = Date.now();

  constructor({ address, token, told, open }: SubmitLaneOptions, listener: LaneListener) {
    this.address = address;
    this.token = token;
    this.#told = told;
    this.#listener = listener;
    this.#stream = open(address, {
      answered: (response) => this.#answered(response),
      ended: (failure) => this.#over(failure),
    });
    this.#timer = setInterval(() => this.#look(), DEADLINE_INTERVAL_MS);
  }

  get hasRoom(): boolean {
    return this.#sent.size < MESSAGES_MAX;
  }

  send(message: readonly WaitingSubmission[]): void {
    const nowMs = Date.now();
    const sequence = ++this.#lastSequence;
    const request = create(SubmitStreamRequestSchema);
    request.sequence = sequence;
    let deadlineMs = nowMs;
    for (const waiting of message) {
      request.jobs.push(waiting.job);
      deadlineMs = Math.max(deadlineMs, waiting.deadlineMs);
    }
    const leftMs = Math.ceil(Math.max(1, deadlineMs - nowMs));
    // 0: as long as it takes.
    request.timeoutMs = Number.isFinite(leftMs) ? BigInt(leftMs) : 0n;
    if (message.some(({ options }) => options.requestId !== undefined)) {
      request.requestIds = message.map(({ options }) => options.requestId ?? crypto.randomUUID());
    }
    if (message.some(({ traceparent }) => traceparent !== "")) {
      request.traceparents = message.map(({ traceparent }) => traceparent);
    }
    this.#stream.send(request);
    this.#usedMs = nowMs;
    this.#sent.set(sequence, message);
    this.#watch ??= this.#stream.watch((why) => this.#over(why));
  }

  unanswered(): WaitingSubmission[] {
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
    if (clusterView !== "") this.#told(viewOf(clusterView));
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
    this.#listener.looked(nowMs);
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
