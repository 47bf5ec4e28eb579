/**
 * The leader's end of forwarded calls. Answers them itself or not at all, so that no call goes round
 * in circles among members that disagree on who leads.
 *
 * @module
 */

import type { DescMessage, DescMethod, MessageInitShape } from "@bufbuild/protobuf";
import type { CallContext, DuplexCall, ServiceHandlers } from "./call.ts";
import type {
  ForwardRequest,
  ForwardService,
  ForwardStreamResponseSchema,
} from "./gen/forward_pb.ts";
import { MasterService } from "./gen/scheduler_pb.ts";
import { callerFromWire } from "./forwarded_identity.ts";
import { Refusal } from "./status.ts";
import { SUBMIT_STREAM } from "./submit_stream.ts";
import { type AnyMessage, encoded, messageOf, methodPath } from "./wire.ts";

export interface ForwardServiceOptions {
  readonly clusterId: string;
  /** Whether a node belongs to the cluster now. */
  readonly isMember: (nodeId: string) => boolean;
  /**
   * Whether the caller may, by this node's own policies: what the sender let in is asked again.
   *
   * @throws Refusal `permission_denied`
   */
  readonly authorize: (call: CallContext) => void;
  /**
   * Resolves when this node serves, if it has just been elected, and at once if it does not lead.
   *
   * @throws Refusal `unavailable` when that takes too long
   */
  readonly untilServing: (call: CallContext) => Promise<void>;
}

type UnaryHandler = (
  request: AnyMessage,
  call: CallContext,
) => MessageInitShape<DescMethod["output"]> | Promise<MessageInitShape<DescMethod["output"]>>;
type StreamHandler = (
  request: AnyMessage,
  call: CallContext,
  out: { write(message: MessageInitShape<DescMethod["output"]>): Promise<void> },
) => Promise<void>;

type SessionHandler = (session: RelayedSession, call: CallContext) => void;

/** `handlers` must be those that answer here, not those that forward. */
export function forwardService(
  handlers: ServiceHandlers<typeof MasterService>,
  options: ForwardServiceOptions,
): ServiceHandlers<typeof ForwardService> {
  const opened = (request: ForwardRequest, call: CallContext, kind: DescMethod["methodKind"]) => {
    refuseStranger(request, options);
    const method = kind === "unary" && request.method === SUBMIT_STREAM
      ? MasterService.method.submitJobs
      : METHODS.get(request.method);
    if (method === undefined || method.methodKind !== kind) {
      throw new Refusal("unimplemented", `${request.method} cannot be forwarded like this`);
    }
    const context = contextOf(request, call);
    options.authorize(context);
    const handler = handlers[method.localName as keyof typeof handlers] as unknown;
    return { method, context, handler, message: messageOf(method.input, request.request) };
  };
  return {
    forward: async (request, call) => {
      const { method, context, handler, message } = opened(request, call, "unary");
      await options.untilServing(context);
      const answer = await (handler as UnaryHandler)(message, context);
      return { response: encoded(method.output, answer) };
    },
    forwardStream: async (request, call, out) => {
      const { method, context, handler, message } = opened(request, call, "server_streaming");
      await options.untilServing(context);
      await (handler as StreamHandler)(message, context, {
        write: (answer) => out.write({ response: encoded(method.output, answer) }),
      });
    },
    forwardSession: (stream, call) => {
      let session: RelayedSession | undefined;
      stream.onMessage((request) => {
        if (session !== undefined) return session.take(request.request);
        const { method, context, handler } = opened(request, call, "bidi_streaming");
        session = new RelayedSession(method, stream);
        (handler as SessionHandler)(session, context);
        session.take(request.request);
      });
      stream.onClosed((reason) => session?.closed(reason));
    },
  };
}

/** A session whose caller is connected to another member. */
class RelayedSession implements DuplexCall<AnyMessage, MessageInitShape<DescMessage>> {
  readonly #method: DescMethod;
  readonly #stream: DuplexCall<
    ForwardRequest,
    MessageInitShape<typeof ForwardStreamResponseSchema>
  >;
  #onMessage: (message: AnyMessage) => void = () => {};
  #onClosed: (reason: string) => void = () => {};

  constructor(
    method: DescMethod,
    stream: DuplexCall<ForwardRequest, MessageInitShape<typeof ForwardStreamResponseSchema>>,
  ) {
    this.#method = method;
    this.#stream = stream;
  }

  onMessage(listener: (message: AnyMessage) => void): void {
    this.#onMessage = listener;
  }

  onClosed(listener: (reason: string) => void): void {
    this.#onClosed = listener;
  }

  onHalfClosed(listener: () => void): void {
    this.#stream.onHalfClosed(listener);
  }

  write(message: MessageInitShape<DescMessage>): boolean {
    return this.#stream.write({ response: encoded(this.#method.output, message) });
  }

  onceDrained(listener: () => void): void {
    this.#stream.onceDrained(listener);
  }

  end(failure?: Refusal): void {
    this.#stream.end(failure);
  }

  /** A message came from the caller. */
  take(bytes: Uint8Array): void {
    this.#onMessage(messageOf(this.#method.input, bytes));
  }

  /** The caller, or the member between, is gone. */
  closed(reason: string): void {
    this.#onClosed(reason);
  }
}

const METHODS: ReadonlyMap<string, DescMethod> = new Map(
  MasterService.methods.map((method) => [methodPath(method), method]),
);

function refuseStranger({ clusterId, fromNode }: ForwardRequest, options: ForwardServiceOptions) {
  if (clusterId !== options.clusterId) {
    throw new Refusal(
      "failed_precondition",
      `you belong to cluster ${clusterId}, this master to ${options.clusterId}`,
    );
  }
  if (options.isMember(fromNode)) return;
  // It was removed, and learns of it in a moment: no fault of whoever called it, who may call others.
  throw new Refusal(
    "unavailable",
    `${JSON.stringify(fromNode)} is no member of this cluster (any more); ask another master`,
  );
}

/** The call as its caller made it, not as the member that passes it on did. */
function contextOf(request: ForwardRequest, call: CallContext): CallContext {
  return {
    method: request.method,
    caller: callerFromWire(request),
    requestId: call.requestId,
    traceparent: call.traceparent,
    peerAddress: request.peerAddress,
    deadlineMs: call.deadlineMs,
    get signal() {
      return call.signal;
    },
  };
}
