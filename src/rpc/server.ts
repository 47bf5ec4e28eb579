/**
 * A gRPC server whose handlers are plain functions: request in, answer out. Everything that is the
 * same for every call (who is calling, may they, how long did it take) happens here, once.
 *
 * @module
 */

import {
  create,
  type DescMessage,
  type DescMethod,
  type DescService,
  type MessageInitShape,
  type MessageShape,
} from "@bufbuild/protobuf";
import {
  type handleBidiStreamingCall,
  type handleServerStreamingCall,
  type handleUnaryCall,
  type Metadata,
  Server,
  type ServerCredentials,
  type ServerDuplexStream,
  type ServerWritableStream,
  status,
  type UntypedHandleCall,
} from "@grpc/grpc-js";
import { SocketRegistry } from "./socket_registry.ts";
import { Refusal, toServiceError } from "./status.ts";
import { type AnyMessage, methodPath, serviceDefinition } from "./wire.ts";

/** Who calls, and what came with the call. */
export interface CallContext {
  /** `/proto.MasterService/SubmitJob` */
  readonly method: string;
  readonly caller: Caller;
  /** The caller's own name for the call, or one that the server made. */
  readonly requestId: string;
  /** W3C trace context of this call. */
  readonly traceparent: string;
  /** Aborted when the caller hangs up or the deadline passes. */
  readonly signal: AbortSignal;
}

/** The verified identity behind a call. */
export interface Caller {
  readonly userId: string;
  readonly roles: readonly string[];
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

/** A call from its first byte to its status, for metrics and traces. */
export interface CallObserver {
  /** Called at the start; what it returns is called at the end with the status code's name. */
  started(
    method: string,
    parent: string | undefined,
  ): { traceparent: string; ended(code: string, failure: unknown): void };
}

/** Writes down a server-side stream, heeding flow control. */
export interface StreamWriter<Message> {
  /** Resolves when there is room for more. Rejects when the stream is gone. */
  write(message: Message): Promise<void>;
}

/** Both directions of a bidirectional call, as events. */
export interface DuplexCall<Incoming, Outgoing> {
  onMessage(listener: (message: Incoming) => void): void;
  /** The peer closed its side, hung up or was lost; called once. */
  onClosed(listener: (reason: string) => void): void;
  /** Returns false when the peer reads more slowly than we write. */
  write(message: Outgoing): boolean;
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

/** How a server is set up. */
export interface RpcServerOptions {
  readonly credentials: ServerCredentials;
  /** Longest message taken or sent, in bytes. */
  readonly messageBytesMax: number;
  readonly gatekeeper: Gatekeeper;
  readonly observer: CallObserver;
  readonly newRequestId: () => string;
  /** Told of failures that are our fault, with the method. */
  readonly onInternalError: (method: string, failure: unknown) => void;
  /** Gives a chance to harden the server before it listens (see security/tls). */
  readonly prepare?: (server: Server) => void;
}

/** Time for the last answers to leave through the sockets, in ms. */
const FLUSH_MS = 50;

/** A listening gRPC server. */
export class RpcServer {
  readonly #options: RpcServerOptions;
  readonly #server: Server;
  readonly #sockets: SocketRegistry;
  #callsUnderWay = 0;
  #isStopping = false;
  #onQuiet: () => void = () => {};

  constructor(options: RpcServerOptions) {
    this.#options = options;
    this.#server = new Server({
      "grpc.max_receive_message_length": options.messageBytesMax,
      "grpc.max_send_message_length": options.messageBytesMax,
      "grpc.max_concurrent_streams": 4096,
      "grpc.keepalive_time_ms": 30_000,
      "grpc.keepalive_timeout_ms": 10_000,
    });
    this.#sockets = new SocketRegistry(this.#server);
    options.prepare?.(this.#server);
  }

  /** Adds a service. Every method must have its handler. */
  add<Service extends DescService>(service: Service, handlers: ServiceHandlers<Service>): void {
    const implementation: Record<string, UntypedHandleCall> = {};
    for (const method of service.methods) {
      const handler = (handlers as Record<string, unknown>)[method.localName];
      implementation[method.localName] = this.#wrap(method, handler);
    }
    this.#server.addService(serviceDefinition(service), implementation);
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

  /** Refuses new calls, lets unary ones under way finish for `graceMs`, then breaks the connections. */
  async stop(graceMs: number): Promise<void> {
    this.#isStopping = true;
    this.#sockets.stopListening();
    if (this.#callsUnderWay > 0) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, graceMs);
        this.#onQuiet = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    this.#sockets.destroyAll();
    this.#server.forceShutdown();
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

  #unary(method: DescMethod, handler: UnaryHandler): handleUnaryCall<AnyMessage, AnyMessage> {
    return (call, callback) => {
      const aborter = new LazyAborter();
      call.on("cancelled", () => aborter.abort("the caller hung up"));
      this.#run(method, call, aborter, (context) => handler(call.request, context)).then(
        (answer) => callback(null, create(method.output, answer)),
        (failure) => callback(toServiceError(failure)),
      );
    };
  }

  #serverStreaming(
    method: DescMethod,
    handler: ServerStreamingHandler,
  ): handleServerStreamingCall<AnyMessage, AnyMessage> {
    return (call) => {
      const aborter = new LazyAborter();
      call.on("cancelled", () => aborter.abort("the caller hung up"));
      const out = streamWriter(method, call, aborter.signal);
      this.#run(method, call, aborter, (context) => handler(call.request, context, out)).then(
        () => call.end(),
        (failure) => call.emit("error", toServiceError(failure)),
      );
    };
  }

  #bidiStreaming(
    method: DescMethod,
    handler: BidiStreamingHandler,
  ): handleBidiStreamingCall<AnyMessage, AnyMessage> {
    return (call) => {
      const aborter = new LazyAborter();
      const duplex = new GrpcDuplexCall(method, call, aborter);
      this.#run(method, call, aborter, (context) => {
        handler(duplex, context);
        return duplex.closed;
      }).catch((failure) => duplex.end(failure instanceof Refusal ? failure : undefined));
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
    try {
      if (this.#isStopping) throw new Refusal("unavailable", "this server is shutting down");
      const requestId = textOf(call.metadata, "x-request-id") ?? this.#options.newRequestId();
      const caller = await this.#options.gatekeeper({
        method: path,
        metadata: call.metadata,
        peerAddress: call.getPeer(),
        peerCertificate: call.getAuthContext().sslPeerCertificate?.raw,
        requestId,
        traceparent: observed.traceparent,
      });
      const answer = await handle({
        method: path,
        caller,
        requestId,
        traceparent: observed.traceparent,
        get signal() {
          return aborter.signal;
        },
      });
      observed.ended("OK", undefined);
      return answer;
    } catch (failure) {
      if (!(failure instanceof Refusal)) this.#options.onInternalError(path, failure);
      const code = toServiceError(failure).code ?? status.INTERNAL;
      observed.ended(status[code], failure);
      throw failure;
    } finally {
      if (isUnary) this.#callsUnderWay--;
      if (this.#isStopping && this.#callsUnderWay === 0) setTimeout(this.#onQuiet, FLUSH_MS);
    }
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
  getAuthContext(): { sslPeerCertificate?: { raw?: Uint8Array } };
}

function textOf(metadata: Metadata, key: string): string | undefined {
  const value = metadata.get(key)[0];
  return typeof value === "string" && value !== "" ? value : undefined;
}

/** An AbortSignal that costs nothing until a handler asks for it: most unary calls never do. */
class LazyAborter {
  #controller: AbortController | undefined;
  #reason: string | undefined;

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#reason !== undefined) this.abort(this.#reason);
    }
    return this.#controller.signal;
  }

  abort(reason: string): void {
    this.#reason = reason;
    this.#controller?.abort(new Refusal("cancelled", reason));
  }
}

function streamWriter(
  method: DescMethod,
  call: ServerWritableStream<AnyMessage, AnyMessage>,
  signal: AbortSignal,
): StreamWriter<MessageInitShape<DescMessage>> {
  return {
    write(message) {
      signal.throwIfAborted();
      if (call.write(create(method.output, message))) return Promise.resolve();
      return new Promise((resolve, reject) => {
        const settle = () => {
          call.off("drain", drained);
          signal.removeEventListener("abort", aborted);
        };
        const drained = () => {
          settle();
          resolve();
        };
        const aborted = () => {
          settle();
          reject(signal.reason);
        };
        call.once("drain", drained);
        signal.addEventListener("abort", aborted, { once: true });
      });
    },
  };
}

class GrpcDuplexCall implements DuplexCall<AnyMessage, MessageInitShape<DescMessage>> {
  readonly closed: Promise<void>;
  readonly #method: DescMethod;
  readonly #call: ServerDuplexStream<AnyMessage, AnyMessage>;
  #onClosed: (reason: string) => void = () => {};
  #settle: (failure?: Refusal) => void = () => {};
  #isOpen = true;

  constructor(
    method: DescMethod,
    call: ServerDuplexStream<AnyMessage, AnyMessage>,
    aborter: LazyAborter,
  ) {
    this.#method = method;
    this.#call = call;
    this.closed = new Promise((resolve, reject) => {
      this.#settle = (failure) => failure === undefined ? resolve() : reject(failure);
    });
    call.on("end", () => this.#close("the worker closed the stream"));
    call.on("cancelled", () => {
      aborter.abort("the caller hung up");
      this.#close("the connection was lost");
    });
    call.on("error", (failure: Error) => this.#close(`the stream failed: ${failure.message}`));
  }

  onMessage(listener: (message: AnyMessage) => void): void {
    this.#call.on("data", listener);
  }

  onClosed(listener: (reason: string) => void): void {
    this.#onClosed = listener;
  }

  write(message: MessageInitShape<DescMessage>): boolean {
    if (!this.#isOpen) return false;
    return this.#call.write(create(this.#method.output, message));
  }

  end(failure?: Refusal): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    if (failure === undefined) this.#call.end();
    else this.#call.emit("error", toServiceError(failure));
    this.#settle(failure);
  }

  #close(reason: string): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#call.end();
    this.#settle();
    this.#onClosed(reason);
  }
}
