/**
 * A gRPC server whose handlers are plain functions: request in, answer out. Everything that is the
 * same for every call (who is calling, may they, how long did it take) happens here, once.
 *
 * @module
 */

import type { DescMessage, DescMethod, DescService, MessageInitShape } from "@bufbuild/protobuf";
import {
  type Deadline,
  type handleBidiStreamingCall,
  type handleServerStreamingCall,
  type handleUnaryCall,
  logVerbosity,
  Metadata,
  Server,
  type ServerCredentials,
  type ServiceError,
  setLogVerbosity,
  status,
  type UntypedHandleCall,
} from "@grpc/grpc-js";
import type { Buffer } from "node:buffer";
import {
  type CallContext,
  type Caller,
  type CallObserver,
  type DuplexCall,
  type Gatekeeper,
  type GatekeeperOfMany,
  plainly,
  type ServiceHandlers,
  type StreamWriter,
} from "./call.ts";
import { CarriedCalls } from "./carried_calls.ts";
import { type ClusterView, tellView } from "./cluster_view.ts";
import { deadlineAt } from "./deadline.ts";
import { HeldBytes, heldBytesMax } from "./held_bytes.ts";
import { keepaliveOptions } from "./keepalive.ts";
import { RELAY_KEY } from "./relay.ts";
import { requestIdOf } from "./request_id.ts";
import { GrpcDuplexCall, LazyAborter, streamWriter } from "./server_stream.ts";
import type { Excess } from "./goaway_filter.ts";
import { SocketRegistry } from "./socket_registry.ts";
import { StreamCount } from "./stream_count.ts";
import { StreamWatch } from "./stream_watch.ts";
import { codeOf, Refusal, toServiceError } from "./status.ts";
import {
  type AnyMessage,
  decoded,
  encoded,
  methodPath,
  type Received,
  serverDefinition,
} from "./wire.ts";

/** How a server is set up. */
export interface RpcServerOptions {
  readonly credentials: ServerCredentials;
  /** Longest message taken or sent, in bytes. */
  readonly messageBytesMax: number;
  /** Calls and streams of one connection at a time. Default 4096. */
  readonly streamsMax?: number;
  /** As whom a caller's streams are counted, of whom each has a bounded number open. Absent: they are not. */
  readonly countedAs?: (caller: Caller, peerAddress: string) => string;
  readonly gatekeeper: Gatekeeper;
  /** Absent: the calls that a stream carries are let in one by one. */
  readonly gatekeeperOfMany?: GatekeeperOfMany | undefined;
  /** Whether a caller that was let in still would be: asked of those with open streams. */
  readonly stillValid?: (caller: Caller) => boolean;
  /** Whether it may still call the method: asked of the same. */
  readonly stillMay?: (caller: Caller, method: string) => boolean;
  /** How often, in ms. Default 10,000. */
  readonly streamsLookedAtMs?: number;
  /** Kept for streams that do not get on, in bytes. Default: see `held_bytes.ts`. */
  readonly heldBytesMax?: number;
  /** Told of each stream that was ended for what it made us keep. */
  readonly onHeldTooMuch?: (bytes: number, address: string) => void;
  /** Of one call's headers, in bytes. Default: 32 KiB. */
  readonly headerBytesMax?: number;
  /** Told of each connection that was broken for headers of far more, or for frames without end that carry nothing. */
  readonly onExcess?: (of: Excess, address: string) => void;
  readonly observer: CallObserver;
  readonly newRequestId: () => string;
  /** Told to callers who ask, along with answers. */
  readonly clusterView?: () => ClusterView;
  /** Told of failures that are our fault, with the method. */
  readonly onInternalError: (method: string, failure: unknown) => void;
  /** Gives a chance to harden the server before it listens (see security/tls). */
  readonly prepare?: (server: Server) => void;
}

/** Part of {@linkcode RpcServerOptions} that differs from server to server of a process. */
export type ServerSetup = Omit<
  RpcServerOptions,
  "newRequestId" | "onInternalError" | "clusterView"
>;

const STREAMS_MAX = 4096;
/** Connections' worth of streams that one caller may have open. */
const CONNECTIONS_OF_STREAMS = 4;

/** Time for the last answers to leave through the sockets, in ms. */
const FLUSH_MS = 50;

// What grpc-js would print goes to our callers as errors, who say it once and in their own words.
setLogVerbosity(logVerbosity.NONE);

/** A listening gRPC server. */
export class RpcServer {
  readonly #options: RpcServerOptions;
  readonly #server: Server;
  readonly #carried: CarriedCalls;
  readonly #sockets: SocketRegistry;
  readonly #streams: StreamWatch;
  readonly #streamCount: StreamCount;
  /** Paths of the calls that are more than one request and its answers. */
  readonly #messageByMessage = new Set<string>();
  #callsUnderWay = 0;
  /** When the last unary call ended, on the clock of `performance.now()`. */
  #lastAnswerMs = -FLUSH_MS;
  #stopped: Promise<void> | undefined;
  #onQuiet: () => void = () => {};

  constructor(options: RpcServerOptions) {
    this.#options = options;
    this.#carried = new CarriedCalls(options);
    const { streamsMax = STREAMS_MAX } = options;
    this.#streamCount = new StreamCount(streamsMax * CONNECTIONS_OF_STREAMS);
    this.#streams = new StreamWatch(
      options.stillValid ?? (() => true),
      options.streamsLookedAtMs,
    );
    this.#server = new Server({
      "grpc.max_receive_message_length": options.messageBytesMax,
      "grpc.max_send_message_length": options.messageBytesMax,
      "grpc.max_concurrent_streams": streamsMax,
      ...keepaliveOptions({ timeMs: 30_000, timeoutMs: 10_000 }),
    });
    const held = new HeldBytes(
      options.heldBytesMax ?? heldBytesMax(options.messageBytesMax),
      options.onHeldTooMuch,
    );
    this.#sockets = new SocketRegistry(this.#server, {
      onStream: (stream, path) => held.watch(stream, !this.#messageByMessage.has(path)),
      headerBytesMax: options.headerBytesMax,
      onExcess: options.onExcess,
    });
    options.prepare?.(this.#server);
  }

  /** Adds a service. Every method must have its handler. */
  add<Service extends DescService>(service: Service, handlers: ServiceHandlers<Service>): void {
    const implementation: Record<string, UntypedHandleCall> = {};
    for (const method of service.methods) {
      const handler = (handlers as Record<string, unknown>)[method.localName];
      if (method.methodKind === "bidi_streaming") this.#messageByMessage.add(methodPath(method));
      implementation[method.localName] = this.#wrap(method, handler);
    }
    this.#server.addService(serverDefinition(service), implementation);
  }

  /**
   * Starts to listen; resolves to the port (useful with port 0).
   *
   * @throws Error when the address cannot be bound.
   */
  listen(host: string, port: number): Promise<number> {
    const shown = host.includes(":") ? `[${host}]` : host;
    return new Promise((resolve, reject) => {
      this.#server.bindAsync(`${shown}:${port}`, this.#options.credentials, (failure, bound) => {
        if (failure !== null) reject(failure);
        else if (!this.#sockets.isArmed) {
          reject(new Error("@grpc/grpc-js bound a port without createHttp2Server"));
        } else resolve(bound);
      });
    });
  }

  /**
   * Refuses new calls, lets unary ones under way finish for `graceMs`, then breaks the connections:
   * open streams end with them. Stopping twice is stopping once.
   */
  stop(graceMs: number): Promise<void> {
    return this.#stopped ??= this.#stop(graceMs);
  }

  async #stop(graceMs: number): Promise<void> {
    this.#sockets.stopListening();
    await this.#quietWithin(graceMs);
    const flushMs = this.#lastAnswerMs + FLUSH_MS - performance.now();
    if (flushMs > 0) await new Promise((resolve) => setTimeout(resolve, flushMs));
    this.#sockets.destroyAll();
    this.#server.forceShutdown();
  }

  #quietWithin(ms: number): Promise<void> {
    if (this.#callsUnderWay === 0) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#onQuiet = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  #wrap(method: DescMethod, handler: unknown): UntypedHandleCall {
    switch (method.methodKind) {
      case "unary":
        return this.#unary(method, handler as UnaryHandler);
      case "server_streaming":
        return this.#serverStreaming(method, handler as ServerStreamingHandler);
      case "bidi_streaming":
        return this.#bidiStreaming(method, handler as BidiStreamingHandler);
      case "client_streaming":
        throw new Error(`${methodPath(method)}: client streaming is not used by any service`);
    }
  }

  #unary(method: DescMethod, handler: UnaryHandler): handleUnaryCall<Received, Buffer> {
    return (call, callback) => {
      const aborter = new LazyAborter();
      call.on("cancelled", () => aborter.abort("the caller hung up"));
      this.#run(method, call, aborter, async (context) => {
        const answer = encoded(method.output, await handler(decoded(call.request), context));
        return this.#bounded(answer);
      }).then(
        (answer) => callback(null, answer, this.#trailer(call.metadata)),
        (failure) => callback(this.#failed(failure, call.metadata)),
      );
    };
  }

  #trailer(asked: Metadata): Metadata {
    const trailer = new Metadata();
    const { clusterView } = this.#options;
    if (clusterView !== undefined) tellView(asked, trailer, clusterView());
    return trailer;
  }

  #failed(failure: unknown, asked: Metadata): Partial<ServiceError> {
    const error = toServiceError(failure);
    error.metadata?.merge(this.#trailer(asked));
    return error;
  }

  /** An answer that would not get through says so, and what to do. */
  #bounded(answer: Buffer): Buffer {
    const { messageBytesMax } = this.#options;
    if (messageBytesMax < 0 || answer.byteLength <= messageBytesMax) return answer;
    throw new Refusal(
      "too_large",
      `the answer has ${answer.byteLength} bytes; grpc.max_msg_size allows ${messageBytesMax}: ` +
        "ask for less at a time",
    );
  }

  #serverStreaming(
    method: DescMethod,
    handler: ServerStreamingHandler,
  ): handleServerStreamingCall<Received, Buffer> {
    return (call) => {
      const aborter = new LazyAborter();
      call.on("cancelled", () => aborter.abort("the caller hung up"));
      const out = streamWriter(method, call, aborter.signal);
      let ended: Refusal | undefined;
      this.#run(method, call, aborter, async (context) => {
        const request = decoded(call.request);
        const leave = this.#entered(context, (why) => {
          ended ??= why;
          aborter.abort(why.message);
        });
        try {
          await handler(request, context, out);
        } finally {
          leave();
        }
      })
        .then(
          () => call.end(),
          (failure) => call.emit("error", toServiceError(ended ?? failure)),
        );
    };
  }

  #bidiStreaming(
    method: DescMethod,
    handler: BidiStreamingHandler,
  ): handleBidiStreamingCall<Received, Buffer> {
    return (call) => {
      const aborter = new LazyAborter();
      const duplex = new GrpcDuplexCall(method, call, aborter);
      this.#run(method, call, aborter, (context) => {
        const leave = this.#entered(context, (why) => duplex.refuse(why));
        try {
          handler(duplex, context);
        } catch (failure) {
          leave();
          throw failure;
        }
        return duplex.closed.finally(leave);
      }).catch((failure) => duplex.end(Refusal.of(failure)));
    };
  }

  /**
   * A stream begins, which is ended by `end` when its caller is no longer let in; returns what to do when
   * it is over.
   *
   * @throws Refusal `overloaded`
   */
  #entered(
    { caller, method, peerAddress }: CallContext,
    end: (why: Refusal) => void,
  ): () => void {
    const { countedAs, stillMay } = this.#options;
    const who = countedAs?.(caller, peerAddress);
    const countDown = who === undefined ? () => {} : this.#streamCount.enter(who, caller.userId);
    const unwatch = this.#streams.watch(caller, end, () => stillMay?.(caller, method) ?? true);
    return () => {
      unwatch();
      countDown();
    };
  }

  /** What every call has in common: trace, gate, handler, and its outcome observed. */
  async #run<Answer>(
    method: DescMethod,
    call: AnyServerCall,
    aborter: LazyAborter,
    handle: (context: CallContext) => Answer | Promise<Answer>,
  ): Promise<Answer> {
    const path = methodPath(method);
    const isUnary = method.methodKind === "unary";
    if (isUnary) this.#callsUnderWay++;
    const observed = this.#options.observer.started(path, textOf(call.metadata, "traceparent"));
    const { within = plainly } = observed;
    try {
      if (this.#stopped !== undefined) {
        throw new Refusal("unavailable", "this server is shutting down");
      }
      const requestId = requestIdOf(
        textOf(call.metadata, "x-request-id"),
        this.#options.newRequestId,
      );
      const peerAddress = call.getPeer();
      const attempt = {
        method: path,
        metadata: call.metadata,
        peerAddress,
        peerCertificate: call.getAuthContext().sslPeerCertificate?.raw,
        requestId,
        traceparent: observed.traceparent,
      };
      const caller = await this.#options.gatekeeper(attempt);
      const context: CallContext = {
        method: path,
        caller,
        requestId,
        traceparent: observed.traceparent,
        note: observed.note,
        peerAddress,
        unreachableLeader: textOf(call.metadata, RELAY_KEY),
        deadlineMs: deadlineAt(millisecondsOf(call.getDeadline())),
        get signal() {
          return aborter.signal;
        },
        ...(method.methodKind === "bidi_streaming" && {
          carry: (carried) => this.#carried.carry(attempt, context, carried),
          carryAlike: (method, calls) =>
            this.#carried.carryAlike({ ...attempt, method }, context, calls),
        }),
        clusterView: this.#options.clusterView,
      };
      const answer = await within(() => handle(context));
      observed.ended("OK", undefined);
      return answer;
    } catch (failure) {
      const refusal = Refusal.of(failure);
      if (refusal.reason === "internal") {
        within(() => this.#options.onInternalError(path, refusal.cause ?? refusal));
      }
      observed.ended(status[codeOf(refusal.reason)], failure);
      throw refusal;
    } finally {
      if (isUnary) this.#ended();
    }
  }

  #ended(): void {
    this.#callsUnderWay--;
    this.#lastAnswerMs = performance.now();
    if (this.#callsUnderWay === 0) this.#onQuiet();
  }
}

type UnaryHandler = (
  request: AnyMessage,
  call: CallContext,
) => MessageInitShape<DescMessage> | Promise<MessageInitShape<DescMessage>>;
type ServerStreamingHandler = (
  request: AnyMessage,
  call: CallContext,
  out: StreamWriter<MessageInitShape<DescMessage>>,
) => Promise<void>;
type BidiStreamingHandler = (
  stream: DuplexCall<AnyMessage, MessageInitShape<DescMessage>>,
  call: CallContext,
) => void;

interface AnyServerCall {
  readonly metadata: Metadata;
  getPeer(): string;
  getDeadline(): Deadline;
  getAuthContext(): { sslPeerCertificate?: { raw?: Uint8Array } };
}

function millisecondsOf(deadline: Deadline): number {
  return typeof deadline === "number" ? deadline : deadline.getTime();
}

function textOf(metadata: Metadata, key: string): string | undefined {
  const value = metadata.get(key)[0];
  return typeof value === "string" && value !== "" ? value : undefined;
}
