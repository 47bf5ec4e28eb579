/**
 * Single submissions that came to a member which does not lead: those that are on their way to the leader
 * together share calls to it, as those of a `SubmitStream` share messages. So callers that know nothing
 * of streams may be spread over all members by whatever stands in front of them.
 *
 * A shared call is a short cut and nothing more: whatever it does not take goes on by itself, as if it
 * had come alone. The idempotency key makes that harmless, so only submissions that have one share.
 *
 * @module
 */

import { create, type MessageInitShape } from "@bufbuild/protobuf";
import type { CallContext } from "./call.ts";
import { identityToWire } from "./forwarded_identity.ts";
import {
  type SubmitJobRequest,
  type SubmitJobResponse,
  type SubmitJobResponseSchema,
  type SubmitJobsRequest,
  SubmitJobsRequestSchema,
  type SubmitJobsResponse,
} from "./gen/scheduler_pb.ts";
import { Refusal } from "./status.ts";
import { refusalIn } from "./submit_response.ts";
import { namesOthers, SUBMIT_STREAM } from "./submit_stream.ts";

/** Calls of one caller that may be on their way; beyond, the next one gathers what comes meanwhile. */
const CALLS_MAX = 2;
const HELD_MS_MAX_DEFAULT = 25;
/** Jobs of one call, and their payloads in bytes. */
const CALL_JOBS_MAX = 256;
const CALL_BYTES_MAX = 256 * 1024;
/** A larger payload is worth a call of its own. */
const PAYLOAD_BYTES_MAX = 64 * 1024;

export interface SharedForwardsOptions {
  /** Has the leader answer for several, once. */
  readonly together: (request: SubmitJobsRequest, call: CallContext) => Promise<SubmitJobsResponse>;
  /** Until its outcome is known, wherever the leader is. */
  readonly alone: (job: SubmitJobRequest, call: CallContext) => Promise<Response>;
  /** How long a submission gathers others at most, in ms: the leader may hang, or be far away. Default 25. */
  readonly heldMsMax?: number;
}

type Response = MessageInitShape<typeof SubmitJobResponseSchema>;

interface Waiting {
  readonly job: SubmitJobRequest;
  readonly call: CallContext;
  readonly resolve: (response: Response) => void;
  readonly reject: (failure: unknown) => void;
}

/** Of one caller, who is to be the same to the leader. */
interface Lane {
  readonly key: string;
  waiting: Waiting[];
  callsOnTheWay: number;
  isFlushDue: boolean;
  timer: ReturnType<typeof setTimeout> | undefined;
}

export class SharedForwards {
  readonly #options: SharedForwardsOptions;
  readonly #lanes = new Map<string, Lane>();

  constructor(options: SharedForwardsOptions) {
    this.#options = options;
  }

  /** Whether it may share a call with others. */
  static takes(job: SubmitJobRequest): boolean {
    return job.idempotencyKey !== "" && !namesOthers(job) &&
      job.payload.byteLength <= PAYLOAD_BYTES_MAX;
  }

  /** @throws Refusal as the leader answered, or as the ordinary road does */
  submit(job: SubmitJobRequest, call: CallContext): Promise<Response> {
    return new Promise((resolve, reject) => {
      const lane = this.#laneOf(call);
      lane.waiting.push({ job, call, resolve, reject });
      this.#flushSoon(lane);
    });
  }

  #laneOf(call: CallContext): Lane {
    const key = keyOf(call);
    let lane = this.#lanes.get(key);
    if (lane === undefined) {
      lane = { key, waiting: [], callsOnTheWay: 0, isFlushDue: false, timer: undefined };
      this.#lanes.set(key, lane);
    }
    return lane;
  }

  /** At the end of this turn, so that all that came in it goes together. */
  #flushSoon(lane: Lane): void {
    if (lane.isFlushDue) return;
    lane.isFlushDue = true;
    setImmediate(() => {
      lane.isFlushDue = false;
      this.#flush(lane, lane.callsOnTheWay < CALLS_MAX);
    });
  }

  #flush(lane: Lane, mayGo: boolean): void {
    for (let goes = mayGo; goes && lane.waiting.length > 0;) {
      clearTimeout(lane.timer);
      lane.timer = undefined;
      lane.callsOnTheWay++;
      this.#send(nextGroup(lane)).finally(() => {
        lane.callsOnTheWay--;
        this.#flushSoon(lane);
      });
      goes = lane.callsOnTheWay < CALLS_MAX;
    }
    if (lane.waiting.length > 0) {
      const { heldMsMax = HELD_MS_MAX_DEFAULT } = this.#options;
      // Not set anew by who comes later: the first of them has waited since.
      lane.timer ??= setTimeout(() => this.#flush(lane, true), heldMsMax);
    } else if (lane.callsOnTheWay === 0) {
      this.#lanes.delete(lane.key);
    }
  }

  /** Resolves when the call is over; never rejects. */
  async #send(group: readonly Waiting[]): Promise<void> {
    if (group.length === 1) return await this.#alone(group[0]!);
    try {
      const { results } = await this.#options.together(requestOf(group), contextOf(group));
      group.forEach((each, at) => this.#answer(each, results[at]));
    } catch (failure) {
      const goesOn = failure instanceof Refusal && failure.reason !== "overloaded";
      for (const each of group) {
        if (goesOn) void this.#alone(each);
        else each.reject(failure);
      }
    }
  }

  #answer(waiting: Waiting, response: SubmitJobResponse | undefined): void {
    const refusal = response && refusalIn(response);
    if (response !== undefined && refusal === undefined) waiting.resolve(response);
    else if (refusal?.reason === "overloaded") waiting.reject(refusal);
    // To hear the leader's own words, with what a response of many does not have.
    else void this.#alone(waiting);
  }

  /** Resolves, whatever becomes of it. */
  #alone({ job, call, resolve, reject }: Waiting): Promise<void> {
    return this.#options.alone(job, call).then(resolve, reject);
  }
}

/** Equal for callers whom the leader cannot tell apart by what it is told of them. */
function keyOf({ caller }: CallContext): string {
  const told = [caller.userId, caller.roles, identityToWire(caller, caller.policyRevision ?? 0)];
  return JSON.stringify(told, (_, value) => typeof value === "bigint" ? String(value) : value);
}

function nextGroup(lane: Lane): Waiting[] {
  let bytes = 0;
  let end = 0;
  for (; end < Math.min(lane.waiting.length, CALL_JOBS_MAX); end++) {
    bytes += lane.waiting[end]!.job.payload.byteLength;
    if (end > 0 && bytes > CALL_BYTES_MAX) break;
  }
  return lane.waiting.splice(0, end);
}

function requestOf(group: readonly Waiting[]): SubmitJobsRequest {
  const request = create(SubmitJobsRequestSchema);
  request.jobs = group.map(({ job }) => job);
  const [first] = group;
  if (group.some(({ call }) => call.traceparent !== first?.call.traceparent)) {
    request.traceparents = group.map(({ call }) => call.traceparent);
  }
  return request;
}

/** Until the first of them is out of time: the others then go on by themselves. */
function contextOf(group: readonly Waiting[]): CallContext {
  const { caller, requestId, traceparent, peerAddress } = group[0]!.call;
  return {
    ...{ method: SUBMIT_STREAM, caller, requestId, traceparent, peerAddress },
    deadlineMs: Math.min(...group.map(({ call }) => call.deadlineMs)),
    // Of some whose callers hang up the others still want their answer.
    signal: NEVER_ABORTED,
    note: (event) => group.forEach(({ call }) => call.note?.(event)),
  };
}

const NEVER_ABORTED = new AbortController().signal;
