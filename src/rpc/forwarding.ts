/**
 * Any member takes any call: what only the leader can answer goes to it, with the caller's verified
 * identity, deadline, trace and request id, and its answer comes back. While nobody leads, calls wait
 * within their deadline instead of failing. Nothing is done twice: a call whose outcome is unknown is
 * tried again only where that is harmless, and said to be unknown otherwise.
 *
 * @module
 */

import type { DescMethod } from "@bufbuild/protobuf";
import type { CallContext, DuplexCall, ServiceHandlers, StreamWriter } from "./call.ts";
import type { ForwardClient } from "./forward_client.ts";
import {
  type AddScheduleRequest,
  type GetJobStatusRequest,
  type GetJobStatusResponse,
  MasterService,
  type SubmitJobRequest,
  type SubmitJobsRequest,
  type SubmitJobsResponse,
  type TransferLeadershipRequest,
  type TriggerScheduleRequest,
} from "./gen/scheduler_pb.ts";
import type { EnrolWorkerRequest, RefreshTokenRequest } from "./gen/security_pb.ts";
import { SharedForwards } from "./shared_forwards.ts";
import { Refusal } from "./status.ts";
import { type AnswerSubmissions, serveSubmissions } from "./submit_stream.ts";
import type { AnyMessage } from "./wire.ts";

/** Who answers calls that need the leader, until `ended` aborts. */
export type Route =
  /** This node, whose leader's duties have begun. */
  | { readonly kind: "here"; readonly ended: AbortSignal }
  | {
    readonly kind: "at";
    readonly nodeId: string;
    /** Where its peers reach it. */
    readonly raftAddress: string;
    /** Where clients and workers do; empty if not known. */
    readonly grpcAddress: string;
    readonly ended: AbortSignal;
  };

/** Knows who leads. */
export interface LeaderRouter {
  /** Undefined while nobody does, or leadership moves. */
  readonly current: Route | undefined;
  /** Something keeps this node from leading and from hearing of what is new, such as a full disk. */
  readonly isHindered: boolean;
  /**
   * Resolves to a route as soon as there is one.
   *
   * @throws Refusal `unavailable` when there is none by `untilMs`, on the clock of `Date.now`;
   * `overloaded` when too many calls wait already
   */
  next(untilMs: number, signal: AbortSignal): Promise<Route>;
}

/**
 * How a method is answered.
 * - `here`: by the member that is asked, about itself.
 * - `read`: by the member that is asked, once the leader confirmed that it is up to date; by the leader
 *   where the member cannot come to be that.
 * - `leader`: by the leader. `isRepeatable` says whether a request may be carried out twice without
 *   harm, because the second time changes nothing.
 * - `submissions`: by the leader, message by message.
 * - `redirect`: by the leader, to which the caller is sent: a session is not worth a further hop,
 *   unless the caller has found that it cannot reach the leader.
 */
type Road =
  | { readonly kind: "here" | "read" | "redirect" | "submissions" }
  | { readonly kind: "leader"; readonly isRepeatable: (request: AnyMessage) => boolean };

const ALWAYS = () => true;
const NEVER = () => false;

const ROADS: Readonly<Record<keyof typeof MasterService["method"], Road>> = {
  submitJob: {
    kind: "leader",
    isRepeatable: (request) => (request as SubmitJobRequest).idempotencyKey !== "",
  },
  submitJobs: {
    kind: "leader",
    isRepeatable: (request) =>
      (request as SubmitJobsRequest).jobs.every((each) => each.idempotencyKey !== ""),
  },
  submitStream: { kind: "submissions" },
  getJobStatus: { kind: "read" },
  listJobs: { kind: "read" },
  listDLQ: { kind: "read" },
  cancelJob: { kind: "leader", isRepeatable: ALWAYS },
  watchJob: { kind: "leader", isRepeatable: ALWAYS },
  getBatch: { kind: "read" },
  listBatches: { kind: "read" },
  watchBatch: { kind: "leader", isRepeatable: ALWAYS },
  listTypes: { kind: "read" },
  listQueues: { kind: "read" },
  // The second time it finds all as the first left it.
  configure: { kind: "leader", isRepeatable: ALWAYS },
  getParentResult: { kind: "leader", isRepeatable: ALWAYS },
  // The second time a fresh retry budget could be given to a job that failed again meanwhile.
  retryFromDLQ: { kind: "leader", isRepeatable: NEVER },
  // The second time the counts would be of what the first had left.
  cancelJobs: { kind: "leader", isRepeatable: NEVER },
  cancelBatch: { kind: "leader", isRepeatable: NEVER },
  retryDeadLetters: { kind: "leader", isRepeatable: NEVER },
  purgeDeadLetters: { kind: "leader", isRepeatable: NEVER },
  // Without `replace`, the second time it would find its own first, and call that a failure.
  addSchedule: {
    kind: "leader",
    isRepeatable: (request) => (request as AddScheduleRequest).replace,
  },
  listSchedules: { kind: "read" },
  getSchedule: { kind: "read" },
  // The second time there would be no such schedule, and that be called a failure.
  removeSchedule: { kind: "leader", isRepeatable: NEVER },
  pauseSchedule: { kind: "leader", isRepeatable: ALWAYS },
  resumeSchedule: { kind: "leader", isRepeatable: ALWAYS },
  // Each makes a job, unless it has a key.
  triggerSchedule: {
    kind: "leader",
    isRepeatable: (request) => (request as TriggerScheduleRequest).idempotencyKey !== "",
  },
  nextRuns: { kind: "read" },
  joinCluster: { kind: "leader", isRepeatable: ALWAYS },
  registerWorker: { kind: "leader", isRepeatable: ALWAYS },
  // Its answer gives jobs, each once: one that is lost must not be asked for again unnoticed.
  heartbeat: { kind: "leader", isRepeatable: NEVER },
  // Known by its attempt's token, so that the second one finds itself acknowledged.
  reportResult: { kind: "leader", isRepeatable: ALWAYS },
  // The second time it would find no session, and call that a failure.
  deregisterWorker: { kind: "leader", isRepeatable: NEVER },
  workerSession: { kind: "redirect" },
  drainWorker: { kind: "leader", isRepeatable: ALWAYS },
  listWorkers: { kind: "leader", isRepeatable: ALWAYS },
  getWorker: { kind: "leader", isRepeatable: ALWAYS },
  getClusterHealth: { kind: "here" },
  listMembers: { kind: "leader", isRepeatable: ALWAYS },
  addMember: { kind: "leader", isRepeatable: ALWAYS },
  promoteMember: { kind: "leader", isRepeatable: ALWAYS },
  // The second time there would be no such member, and that be called a failure.
  removeMember: { kind: "leader", isRepeatable: NEVER },
  // Who leads already goes on; but "whoever is furthest" would be another one the second time.
  transferLeadership: {
    kind: "leader",
    isRepeatable: (request) => (request as TransferLeadershipRequest).to !== "",
  },
  takeSnapshot: { kind: "here" },
  backup: { kind: "here" },
  // The second time there is one token more, which nobody has.
  issueToken: { kind: "leader", isRepeatable: ALWAYS },
  // Without a key, the second time would be the use of a token that was used.
  refreshToken: {
    kind: "leader",
    isRepeatable: (request) => (request as RefreshTokenRequest).requestKey !== "",
  },
  enrolWorker: {
    kind: "leader",
    isRepeatable: (request) => (request as EnrolWorkerRequest).requestKey !== "",
  },
  revokeToken: { kind: "leader", isRepeatable: ALWAYS },
  revokeCertificate: { kind: "leader", isRepeatable: ALWAYS },
  listRevocations: { kind: "read" },
  getPolicy: { kind: "read" },
  // The second time it would find its own first, and call that another's.
  setPolicy: { kind: "leader", isRepeatable: NEVER },
  testPolicy: { kind: "read" },
};

export interface ForwardingOptions {
  readonly router: LeaderRouter;
  readonly client: ForwardClient;
  /** How long a call may wait for a leader when its own deadline allows more, in ms. */
  readonly leaderWaitMsMax: number;
}

/** The part of a call's time that is left for the way back of an answer, and its bounds in ms. */
const ANSWER_MARGIN_PART = 0.1;
const ANSWER_MARGIN_MS_MIN = 20;
const ANSWER_MARGIN_MS_MAX = 500;
/** Pause before the same leader is tried again, in ms. */
const RETRY_PAUSE_MS = 50;
/** How long a worker's session is held for a leader to send it to, in ms. */
const SESSION_WAIT_MS = 2_000;

type Handlers = ServiceHandlers<typeof MasterService>;
type Unary = (request: AnyMessage, call: CallContext) => unknown;
type Streaming = (
  request: AnyMessage,
  call: CallContext,
  out: StreamWriter<AnyMessage>,
) => Promise<void>;
type Bidi = (stream: DuplexCall<AnyMessage, AnyMessage>, call: CallContext) => void;

/** Handlers that answer like `local` ones do, wherever the leader is. */
export function forwardingHandlers(local: Handlers, options: ForwardingOptions): Handlers {
  const forwarding = new Forwarding(options);
  const wrapped: Record<string, unknown> = {};
  for (const method of MasterService.methods) {
    const name = method.localName as keyof Handlers;
    wrapped[name] = forwarding.wrap(method, ROADS[name], local[name]);
  }
  // Each message of such a stream goes the road of a SubmitJobs call.
  const submitJobs = wrapped.submitJobs as AnswerSubmissions;
  const submitStream: Handlers["submitStream"] = (stream, call) =>
    serveSubmissions(stream, call, submitJobs);
  wrapped.submitStream = submitStream;
  const submitJob = wrapped.submitJob as Handlers["submitJob"];
  wrapped.submitJob = forwarding.sharing(submitJob);
  const getJobStatus = wrapped.getJobStatus as Unary;
  wrapped.getJobStatus = (request: AnyMessage, call: CallContext) =>
    forwarding.asLeaderKnows(request, call, getJobStatus);
  return wrapped as unknown as Handlers;
}

class Forwarding {
  readonly #options: ForwardingOptions;

  constructor(options: ForwardingOptions) {
    this.#options = options;
  }

  wrap(method: DescMethod, road: Road, handler: unknown): unknown {
    switch (road.kind) {
      case "here":
      case "submissions":
        return handler;
      case "read":
        return (request: AnyMessage, call: CallContext) =>
          this.#untilSettled(
            call,
            ALWAYS,
            request,
            (untilMs) =>
              this.#options.router.isHindered && !isStale(request)
                ? this.#atLeader(method, ALWAYS, request, call, untilMs, handler as Unary)
                : (handler as Unary)(request, call),
          );
      case "redirect":
        return (stream: DuplexCall<AnyMessage, AnyMessage>, call: CallContext) =>
          this.#redirect(method, stream, call, handler as Bidi);
      case "leader":
        return method.methodKind === "server_streaming"
          ? (request: AnyMessage, call: CallContext, out: StreamWriter<AnyMessage>) =>
            this.#stream(method, request, call, out, handler as Streaming)
          : (request: AnyMessage, call: CallContext) =>
            this.#untilSettled(
              call,
              road.isRepeatable,
              request,
              (untilMs) =>
                isStale(request) ? (handler as Unary)(request, call) : this.#atLeader(
                  method,
                  road.isRepeatable,
                  request,
                  call,
                  untilMs,
                  handler as Unary,
                ),
            );
    }
  }

  /** Single submissions on their way to another member go together; see `shared_forwards.ts`. */
  sharing(submitJob: Handlers["submitJob"]): Handlers["submitJob"] {
    const { router, client } = this.#options;
    const shared = new SharedForwards({
      together: async (request, call) => {
        const route = router.current;
        if (route?.kind !== "at") throw new Refusal("unavailable", "the leader has changed");
        call.note?.("forwarding_to_leader");
        const { submitJobs } = MasterService.method;
        const sent = { ended: route.ended, isRepeatable: true };
        const answer = await client.forward(route.raftAddress, submitJobs, request, call, sent);
        return answer as SubmitJobsResponse;
      },
      alone: async (job, call) => await submitJob(job, call),
    });
    return (job, call) =>
      router.current?.kind === "at" && SharedForwards.takes(job)
        ? shared.submit(job, call)
        : submitJob(job, call);
  }

  /**
   * How far a running job is, and in which order jobs wait and for which workers, the leader alone knows;
   * without one the rest is told.
   */
  async asLeaderKnows(request: AnyMessage, call: CallContext, read: Unary): Promise<unknown> {
    const answer = await read(request, call) as Partial<GetJobStatusResponse>;
    const route = this.#options.router.current;
    const isWaiting = (answer.waitingReasons?.length ?? 0) > 0;
    const isLive = isWaiting || answer.job?.status === "running";
    if (!isLive || (request as GetJobStatusRequest).stale || route?.kind !== "at") return answer;
    try {
      const method = MasterService.method.getJobStatus;
      return await this.#options.client.forward(
        route.raftAddress,
        method,
        request,
        call,
        { ended: route.ended, isRepeatable: true },
      );
    } catch (failure) {
      if (failure instanceof Refusal) return answer;
      throw failure;
    }
  }

  /** Tries until the outcome is known, or time is up, or another try could do harm. */
  async #untilSettled<Answer>(
    call: CallContext,
    isRepeatable: (request: AnyMessage) => boolean,
    request: AnyMessage,
    attempt: (untilMs: number) => Answer | Promise<Answer>,
  ): Promise<Answer> {
    const untilMs = this.#untilMs(call);
    const { router } = this.#options;
    let unknown: Refusal | undefined;
    while (true) {
      const route = router.current;
      try {
        return await attempt(untilMs);
      } catch (failure) {
        if (!(failure instanceof Refusal)) throw failure;
        if (failure.reason === "outcome_unknown") {
          if (!isRepeatable(request)) throw failure;
          unknown = failure;
        } else if (failure.reason === "overloaded") throw unknown ?? failure;
        else if (!isNothingDone(failure)) throw failure;
        if (Date.now() + RETRY_PAUSE_MS >= untilMs) throw unknown ?? failure;
        if (route !== undefined) await endOf(route, RETRY_PAUSE_MS);
        else {await router.next(untilMs, call.signal).catch((noLeader) => {
            throw unknown ?? orStale(request, noLeader);
          });}
      }
    }
  }

  async #atLeader(
    method: DescMethod,
    isRepeatable: (request: AnyMessage) => boolean,
    request: AnyMessage,
    call: CallContext,
    untilMs: number,
    handler: Unary,
  ): Promise<unknown> {
    const { router, client } = this.#options;
    const route = router.current ?? await router.next(untilMs, call.signal);
    if (route.kind === "here") return await handler(request, call);
    call.note?.("forwarding_to_leader");
    return await client.forward(route.raftAddress, method, request, call, {
      ended: route.ended,
      isRepeatable: isRepeatable(request),
    });
  }

  /** A stream goes on at the next leader when its own is lost; its first event is told again. */
  async #stream(
    method: DescMethod,
    request: AnyMessage,
    call: CallContext,
    out: StreamWriter<AnyMessage>,
    handler: Streaming,
  ): Promise<void> {
    const { router, client } = this.#options;
    const answerByMs = answerBy(call);
    while (true) {
      const route = router.current ?? await router.next(this.#untilMs(call), call.signal);
      const abandoned = AbortSignal.any([call.signal, route.ended]);
      try {
        if (route.kind === "here") {
          return await handler(request, { ...call, signal: abandoned }, out);
        }
        return await client.forwardStream(route.raftAddress, method, request, call, {
          abandoned,
          onMessage: (message) => out.write(message),
        });
      } catch (failure) {
        if (call.signal.aborted || !(failure instanceof Refusal)) throw failure;
        const isLost = route.ended.aborted || failure.reason === "outcome_unknown" ||
          isNothingDone(failure);
        if (!isLost || Date.now() >= answerByMs) throw failure;
        await endOf(route, RETRY_PAUSE_MS);
      }
    }
  }

  #redirect(
    method: DescMethod,
    stream: DuplexCall<AnyMessage, AnyMessage>,
    call: CallContext,
    handler: Bidi,
  ): void {
    const { router, client } = this.#options;
    const refuse = (failure: unknown) => stream.end(Refusal.of(failure));
    const go = (route: Route) => {
      if (route.kind === "here") return handler(stream, call);
      const { nodeId, raftAddress, grpcAddress, ended } = route;
      if (grpcAddress !== "" && call.unreachableLeader === grpcAddress) {
        call.note?.("forwarding_to_leader");
        client.forwardSession(raftAddress, method, stream, call, ended).catch(refuse);
        return;
      }
      stream.end(
        grpcAddress === ""
          ? new Refusal("unavailable", `${nodeId} leads; ask it instead of this master`)
          : new Refusal("not_leader", `this master does not lead; ${nodeId} does`, {
            leaderAddress: grpcAddress,
          }),
      );
    };
    if (router.current !== undefined) return go(router.current);
    router.next(Date.now() + SESSION_WAIT_MS, call.signal)
      .then(go)
      .catch(refuse);
  }

  #untilMs(call: CallContext): number {
    return Math.min(answerBy(call), Date.now() + this.#options.leaderWaitMsMax);
  }
}

/** Until when a call that has just come may be worked on, so that its caller still hears why it ended. */
function answerBy({ deadlineMs }: CallContext): number {
  const partMs = (deadlineMs - Date.now()) * ANSWER_MARGIN_PART;
  return deadlineMs - Math.max(ANSWER_MARGIN_MS_MIN, Math.min(partMs, ANSWER_MARGIN_MS_MAX));
}

/** Whether what the member that is asked happens to know will do. */
function isStale(request: AnyMessage): boolean {
  return (request as { readonly stale?: boolean }).stale === true;
}

/** Nobody leads, and may not for long: what can be had without a leader is worth a word. */
function orStale(request: AnyMessage, noLeader: unknown): unknown {
  const isOffered = "stale" in request && !isStale(request);
  if (!isOffered || !(noLeader instanceof Refusal) || noLeader.reason !== "unavailable") {
    return noLeader;
  }
  const { message, retryAfterMs } = noLeader;
  // This master ends, and answers nothing more.
  if (retryAfterMs === undefined) return noLeader;
  const hint = `${message}; a stale answer (stale) needs no leader`;
  return new Refusal("unavailable", hint, { cause: noLeader, retryAfterMs });
}

function isNothingDone({ reason }: Refusal): boolean {
  return reason === "unavailable" || reason === "not_leader";
}

/** Resolves when the route ends, or after `ms`. */
function endOf({ ended }: Route, ms: number): Promise<void> {
  if (ended.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      ended.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    ended.addEventListener("abort", done, { once: true });
  });
}
