/**
 * What a handler of the server is given and gives: the same for every service.
 *
 * @module
 */

import type { DescMessage, DescService, MessageInitShape, MessageShape } from "@bufbuild/protobuf";
import type { Metadata } from "@grpc/grpc-js";
import type { Principal } from "../security/mod.ts";
import type { ClusterView } from "./cluster_view.ts";
import type { Refusal } from "./status.ts";

/** Who calls, and what came with the call. */
export interface CallContext {
  /** `/proto.MasterService/SubmitJob` */
  readonly method: string;
  readonly caller: Caller;
  /** The caller's own name for the call, or one that the server made. */
  readonly requestId: string;
  /** W3C trace context of this call. */
  readonly traceparent: string;
  /** Notes that something happened to the call; absent where nobody takes note. */
  readonly note?: ((event: string) => void) | undefined;
  /** `ip:port` that the caller called from. */
  readonly peerAddress: string;
  /** `host:port` of a leader that the caller cannot reach, and is therefore to be passed on to. */
  readonly unreachableLeader?: string | undefined;
  /** When the caller stops waiting, in ms since the epoch; `Infinity` when it did not say. */
  readonly deadlineMs: number;
  /** Aborted when the caller hangs up or the deadline passes. */
  readonly signal: AbortSignal;
  /**
   * Of a bidirectional stream: lets in one of the calls that it carries, by the gate, and has it
   * counted, audited and observed as if it had come by itself.
   *
   * @throws Refusal, or rejects with it, when that one is not let in
   */
  readonly carry?: ((carried: Carried) => CarriedCall | Promise<CarriedCall>) | undefined;
  /**
   * The same for several calls of one method that say nothing of themselves: counted one by one, audited
   * and observed together, but for those whose traces are recorded. Undefined when they have to be let
   * in one by one, because not all of them would be, or because each is to be seen by itself; then
   * nothing was counted yet.
   */
  readonly carryAlike?: ((method: string, calls: number) => CarriedAlike | undefined) | undefined;
  /** The cluster as callers are told of it; absent where they are not. */
  readonly clusterView?: (() => ClusterView) | undefined;
}

/** What one call that a stream carries says of itself. */
export interface Carried {
  /** `/proto.MasterService/SubmitJob` */
  readonly method: string;
  readonly requestId?: string | undefined;
  readonly traceparent?: string | undefined;
}

/** A call that a stream carries, and that was let in; or several that are alike. */
export interface CarriedCall {
  readonly context: CallContext;
  /** To be called once it is answered: with what it was refused for, if it was. @param calls default: 1 */
  ended(refusal?: Refusal, calls?: number): void;
}

/**
 * The call at each of their places, once: those that are observed together share one.
 *
 * @throws Refusal, or rejects with it, when that one is not let in
 */
export type CarriedAlike = (place: number) => CarriedCall | Promise<CarriedCall>;

/** The verified identity behind a call. */
export interface Caller
  extends
    Pick<Principal, "userId" | "roles">,
    Partial<Pick<Principal, "source" | "token" | "certificate" | "namespaces" | "joins">> {
  /** Another member let the caller in, by its policy of this revision. */
  readonly policyRevision?: number;
}

/** What the gate is told about a call before it is let in. */
export interface CallAttempt {
  readonly method: string;
  readonly metadata: Metadata;
  /** `ip:port` */
  readonly peerAddress: string;
  /** DER, when the peer showed a certificate. */
  readonly peerCertificate: Uint8Array | undefined;
  readonly requestId: string;
  readonly traceparent: string;
}

/** Decides who is calling and whether they may. Throws {@linkcode Refusal}. */
export type Gatekeeper = (attempt: CallAttempt) => Caller | Promise<Caller>;

/**
 * Lets in so many calls that are alike, at once. Undefined, and nothing is counted or audited, when not all
 * of them would be let in, or this would take time: then each is asked for by itself.
 */
export type GatekeeperOfMany = (attempt: CallAttempt, calls: number) => Caller | undefined;

/** A call from its first byte to its status, for metrics and traces. */
export interface CallObserver {
  /**
   * Called at the start; what it returns is called at the end with the status code's name.
   *
   * @param http what the call was over the HTTP API; absent: it came over gRPC
   */
  started(
    method: string,
    parent: string | undefined,
    http?: { readonly verb: string; readonly route: string },
  ): ObservedCall;
  /** The same for several calls that are alike and in no trace; undefined when each is watched by itself. */
  several?(method: string, calls: number): ObservedCalls | undefined;
}

/** A call while it is observed. */
export interface ObservedCall {
  readonly traceparent: string;
  readonly note?: ((event: string) => void) | undefined;
  /** Runs the handler: what is logged meanwhile is told to belong to the call. */
  within?<Result>(work: () => Result): Result;
  /** @param httpStatus what was answered to a call that came over HTTP */
  ended(code: string, failure: unknown, httpStatus?: number): void;
}

/** Calls that are observed together. */
export interface ObservedCalls {
  readonly traceparent: string;
  /** Those that are watched by themselves, by their places: not among `calls` below; to be begun once. */
  readonly own?: ReadonlyMap<number, () => ObservedCall>;
  /** They were let in. */
  started(calls: number): void;
  ended(code: string, failure: unknown, calls: number): void;
}

/** Writes down a server-side stream, heeding flow control. */
export interface StreamWriter<Message> {
  /** Resolves when there is room for more. Rejects when the stream is gone. */
  write(message: Message): Promise<void>;
}

/** Both directions of a bidirectional call, as events. */
export interface DuplexCall<Incoming, Outgoing> {
  /** A listener that throws ends the call: with its refusal, or as our fault. */
  onMessage(listener: (message: Incoming) => void): void;
  /**
   * The peer closed its side, hung up, was lost or sent what cannot be read; called once, at once
   * if it has happened already. Not called when we end the call.
   */
  onClosed(listener: (reason: string) => void): void;
  /**
   * Takes what the peer sent as all that it has to say, and goes on writing when it closes its side: `listener`
   * is called then, and ends the call when all is written. Otherwise that closes the call.
   */
  onHalfClosed(listener: () => void): void;
  /** Returns false when the peer reads more slowly than we write. */
  write(message: Outgoing): boolean;
  /** Calls `listener` once, when what was written has left; not at all when the call is over before. */
  onceDrained(listener: () => void): void;
  /** Ends the call: with OK, or with a refusal's status. */
  end(failure?: Refusal): void;
}

type MethodOf<Service extends DescService, Name extends keyof Service["method"]> =
  Service["method"][Name];

type HandlerOf<Method> = Method extends
  { methodKind: infer Kind; input: infer Input; output: infer Output }
  ? Input extends DescMessage ? Output extends DescMessage ? Kind extends "unary" ? (
          request: MessageShape<Input>,
          call: CallContext,
        ) => MessageInitShape<Output> | Promise<MessageInitShape<Output>>
      : Kind extends "server_streaming" ? (
          request: MessageShape<Input>,
          call: CallContext,
          out: StreamWriter<MessageInitShape<Output>>,
        ) => Promise<void>
      : Kind extends "bidi_streaming" ? (
          stream: DuplexCall<MessageShape<Input>, MessageInitShape<Output>>,
          call: CallContext,
        ) => void
      : never
    : never
  : never
  : never;

/** One function a method, typed by the service's descriptor. */
export type ServiceHandlers<Service extends DescService> = {
  [Name in keyof Service["method"]]: HandlerOf<MethodOf<Service, Name>>;
};

/** Does work as it is, for a call whose observer puts nothing around it (see {@linkcode ObservedCall}). */
export function plainly<Result>(work: () => Result): Result {
  return work();
}
