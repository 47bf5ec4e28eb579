/**
 * The one place where a refusal becomes a gRPC status, and a gRPC status becomes a refusal again.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { create, toBinary } from "@bufbuild/protobuf";
import { anyPack, durationFromMs } from "@bufbuild/protobuf/wkt";
import { Metadata, type ServiceError, status } from "@grpc/grpc-js";
import type { GateRefusal } from "../security/mod.ts";
import { RetryInfoSchema, StatusSchema } from "./gen/google/rpc/error_details_pb.ts";

/** Why a call was refused, in the words of the domain. */
export type RefusalReason =
  | "invalid"
  | "not_found"
  | "already_exists"
  | "failed_precondition"
  | "conflict"
  | "overloaded"
  | "too_large"
  | "unauthenticated"
  | "permission_denied"
  | "unavailable"
  | "not_leader"
  | "outcome_unknown"
  | "cancelled"
  | "data_loss"
  | "unimplemented"
  | "internal";

/** What to do about `outcome_unknown`, whatever the call was. */
export const UNKNOWN_ADVICE =
  "a submission with an idempotency key may be sent again, after any other call look first";

const CODE_OF: Readonly<Record<RefusalReason, status>> = {
  invalid: status.INVALID_ARGUMENT,
  not_found: status.NOT_FOUND,
  already_exists: status.ALREADY_EXISTS,
  failed_precondition: status.FAILED_PRECONDITION,
  conflict: status.ABORTED,
  overloaded: status.RESOURCE_EXHAUSTED,
  // Never with a hint: no wait makes room for it. gRPC has the same code for messages over its limit.
  too_large: status.RESOURCE_EXHAUSTED,
  unauthenticated: status.UNAUTHENTICATED,
  permission_denied: status.PERMISSION_DENIED,
  unavailable: status.UNAVAILABLE,
  not_leader: status.UNAVAILABLE,
  outcome_unknown: status.DEADLINE_EXCEEDED,
  cancelled: status.CANCELLED,
  data_loss: status.DATA_LOSS,
  unimplemented: status.UNIMPLEMENTED,
  internal: status.INTERNAL,
};

const REASON_OF: ReadonlyMap<status, RefusalReason> = new Map(
  (Object.entries(CODE_OF) as [RefusalReason, status][])
    .filter(([reason]) => reason !== "not_leader" && reason !== "too_large")
    .map(([reason, code]) => [code, reason]),
);

/** What a refusal carries beside its message. */
export interface RefusalOptions extends ErrorOptions {
  /** When trying again may help, in ms from now. */
  readonly retryAfterMs?: number;
  /** Address (`host:port`) of the leader, where the caller should turn. */
  readonly leaderAddress?: string;
  /** See {@linkcode Refusal.isAnswer}. */
  readonly isAnswer?: boolean;
  /** See {@linkcode Refusal.mayBeDone}. */
  readonly mayBeDone?: boolean;
}

/** A call that was understood and not carried out. Its message is written for the caller to read. */
export class Refusal extends Error {
  override name = "Refusal";
  readonly reason: RefusalReason;
  readonly retryAfterMs: number | undefined;
  readonly leaderAddress: string | undefined;
  /**
   * Of a failed call: a server of ours said so, and means it. Otherwise the connection failed, and
   * what became of a request that had been sent is unknown.
   */
  readonly isAnswer: boolean;
  /**
   * Of a call that was given up: one of its tries was sent and not answered, and may have been carried out,
   * whatever the last one met.
   */
  readonly mayBeDone: boolean;

  constructor(reason: RefusalReason, message: string, options: RefusalOptions = {}) {
    super(bounded(message), options);
    this.reason = reason;
    this.retryAfterMs = options.retryAfterMs;
    this.leaderAddress = options.leaderAddress;
    this.isAnswer = options.isAnswer ?? false;
    this.mayBeDone = options.mayBeDone ?? reason === "outcome_unknown";
  }

  /** A failure as its caller may see it: ours keep their text and stack to the log. */
  static of(failure: unknown): Refusal {
    if (failure instanceof Refusal) return failure;
    return new Refusal("internal", "internal error; the server's log has the details", {
      cause: failure,
    });
  }

  /** What the gate said to a caller whom it did not let in. */
  static byGate({ code, message, retryAfterMs }: GateRefusal): Refusal {
    return new Refusal(
      reasonOfCode(status[code]),
      message,
      retryAfterMs === undefined ? {} : { retryAfterMs },
    );
  }
}

/**
 * Characters of a message. It quotes what its caller sent, which may be megabytes, and goes out in the
 * trailers of an answer, of which a client takes some kilobytes: beyond, it hears nothing of the refusal.
 */
const MESSAGE_CHARACTERS_MAX = 4_000;

function bounded(message: string): string {
  if (message.length <= MESSAGE_CHARACTERS_MAX) return message;
  return `${message.slice(0, MESSAGE_CHARACTERS_MAX - 1).toWellFormed()}…`;
}

/** The gRPC status code of a reason. */
export function codeOf(reason: RefusalReason): status {
  return CODE_OF[reason];
}

/** The name of that code: `NOT_FOUND`. */
export function codeNameOf(reason: RefusalReason): string {
  return status[CODE_OF[reason]];
}

/** The reason that a gRPC status code stands for. */
export function reasonOfCode(code: number): RefusalReason {
  return REASON_OF.get(code) ?? "internal";
}

/** A reason by its name; undefined: this version knows none of that name. */
export function reasonNamed(name: string): RefusalReason | undefined {
  return Object.hasOwn(CODE_OF, name) ? name as RefusalReason : undefined;
}

const RETRY_HINT_KEY = "retry-after-ms";
const DETAILS_KEY = "grpc-status-details-bin";
const LEADER_KEY = "leader-address";
/** Tells apart reasons that share a status code, and a server's word from a lost connection. */
const REASON_KEY = "refusal-reason";

/** What a server answers for a failure: never UNKNOWN, never a stack trace. */
export function toServiceError(failure: unknown): Partial<ServiceError> {
  const refusal = Refusal.of(failure);
  const metadata = new Metadata();
  metadata.set(REASON_KEY, refusal.reason);
  if (refusal.retryAfterMs !== undefined) {
    metadata.set(RETRY_HINT_KEY, String(Math.ceil(refusal.retryAfterMs)));
    metadata.set(DETAILS_KEY, retryDetails(refusal, refusal.retryAfterMs));
  }
  if (refusal.leaderAddress !== undefined) metadata.set(LEADER_KEY, refusal.leaderAddress);
  return { code: CODE_OF[refusal.reason], details: refusal.message, metadata };
}

/** The hint as every gRPC library knows it. */
function retryDetails({ reason, message }: Refusal, retryAfterMs: number): Buffer {
  const info = create(RetryInfoSchema, { retryDelay: durationFromMs(Math.ceil(retryAfterMs)) });
  const details = [anyPack(RetryInfoSchema, info)];
  const whole = create(StatusSchema, { code: CODE_OF[reason], message, details });
  return Buffer.from(toBinary(StatusSchema, whole));
}

/** What a client makes of a failed call. */
export function fromServiceError(failure: ServiceError): Refusal {
  const ours = ofTheLibrary(failure.details ?? "");
  if (ours !== undefined) return new Refusal(ours.reason, ours.message, { cause: failure });
  const leaderAddress = failure.metadata?.get(LEADER_KEY)[0]?.toString();
  const retryAfter = failure.metadata?.get(RETRY_HINT_KEY)[0]?.toString();
  const said = failure.metadata?.get(REASON_KEY)[0]?.toString();
  const named = said === undefined ? undefined : reasonNamed(said);
  const reason = named !== undefined
    ? named
    : leaderAddress !== undefined
    ? "not_leader"
    : isLostConnection(failure)
    ? "unavailable"
    : REASON_OF.get(failure.code) ?? "internal";
  return new Refusal(reason, failure.details || failure.message, {
    cause: failure,
    isAnswer: said !== undefined,
    ...(leaderAddress === undefined ? {} : { leaderAddress }),
    ...(retryAfter === undefined ? {} : { retryAfterMs: Number(retryAfter) }),
  });
}

/** What grpc-js says of itself, in words that help. */
function ofTheLibrary(details: string): { reason: RefusalReason; message: string } | undefined {
  const unconnected =
    /^No connection established\. Last error: (?:Error: )?(.*?)\.? ?(?:Resolution note:.*)?$/s
      .exec(details);
  if (unconnected !== null) return { reason: "unavailable", message: unconnected[1]! };
  if (/^Connection dropped\b/.test(details)) {
    return {
      reason: "unavailable",
      message: "the connection was lost before all of the answer had come",
    };
  }
  const late = /^Deadline exceeded after .*remote_addr=([^,\s]+)/.exec(details);
  if (late !== null) {
    return {
      reason: "outcome_unknown",
      message: `${late[1]} did not answer in time, and may have carried the call out`,
    };
  }
  const unknown = /^The server does not implement the method (\S+)/.exec(details);
  if (unknown !== null) {
    return {
      reason: "unimplemented",
      message:
        `${unknown[1]} is not known there: is it a master's Raft port, or a worker's? Masters ` +
        "take calls at grpc.master_port, and older ones lack some",
    };
  }
  const sent = /^Attempted to send message with a size larger than (\d+)/.exec(details);
  if (sent !== null) {
    return {
      reason: "too_large",
      message: `the request is larger than the ${sent[1]} bytes that grpc.max_msg_size allows`,
    };
  }
  const unwritable =
    /^Request message serialization failure: cannot encode field [\w.]*?(\w+) to binary: invalid (\w+): (.*)$/s
      .exec(details);
  if (unwritable !== null) {
    const [, field, kind, value] = unwritable;
    return { reason: "invalid", message: `${field} is ${value}, which is no ${kind}` };
  }
  const received = /^Received message larger than max \((\d+) vs (\d+)\)/.exec(details);
  if (received === null) return undefined;
  return {
    reason: "overloaded",
    message: `a message says that it is ${received[1]} bytes long, and grpc.max_msg_size allows ` +
      `${received[2]}; is the other side a gRPC port?`,
  };
}

/**
 * grpc-js calls a connection that breaks under a call INTERNAL or UNKNOWN, depending on which socket
 * call notices; no server of ours says such a thing, so it is a lost connection and nothing else.
 */
function isLostConnection({ code, details }: ServiceError): boolean {
  const isVague = code === status.INTERNAL || code === status.UNKNOWN;
  return isVague &&
    /^Received RST_STREAM with code|internal client error|EPIPE|ECONNRESET|ECONNREFUSED|socket hang up/
      .test(details);
}
