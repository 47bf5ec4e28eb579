/**
 * Calls to a cluster through whichever of its masters answers: follows the leader, goes on to the
 * next address when one is lost, and tries again only what is safe to try again.
 *
 * @module
 */

import type { DescMethodServerStreaming, DescMethodUnary } from "@bufbuild/protobuf";
import {
  create,
  type DescMessage,
  type MessageInitShape,
  type MessageShape,
} from "@bufbuild/protobuf";
import {
  type ChannelCredentials,
  Client,
  type ClientOptions,
  connectivityState,
  Metadata,
  type ServiceError,
} from "@grpc/grpc-js";
import { fromServiceError, Refusal } from "./status.ts";
import { type AnyMessage, methodDefinition } from "./wire.ts";

/** How a client reaches its cluster. */
export interface ChannelOptions {
  /** `host:port` of one or more masters. */
  readonly addresses: readonly string[];
  readonly credentials: ChannelCredentials;
  /** Extra gRPC options, such as the name to expect in a certificate. */
  readonly grpcOptions?: ClientOptions;
  /** Asked for at every call, so that a token can be renewed. */
  readonly token?: () => string | undefined;
  /** Longest message taken or sent, in bytes. */
  readonly messageBytesMax: number;
  /** Time allowed to one call with all its tries, in ms. */
  readonly callTimeoutMs: number;
  /** Time allowed to one connection before the next address is tried, in ms. */
  readonly connectionWaitMs: number;
  /** W3C trace context to send along, if any. */
  readonly traceparent?: () => string | undefined;
}

const RETRY_PAUSE_MS_MIN = 50;
const RETRY_PAUSE_MS_MAX = 1_000;

/** Connections to the masters of one cluster. */
export class ClusterChannel {
  readonly #options: ChannelOptions;
  readonly #clients = new Map<string, Client>();
  #addresses: string[];

  constructor(options: ChannelOptions) {
    if (options.addresses.length === 0) throw new Error("a client needs the address of a master");
    this.#options = options;
    this.#addresses = [...options.addresses];
  }

  /** The addresses in the order in which they will be tried. */
  get addresses(): readonly string[] {
    return this.#addresses;
  }

  /** The connection to one address, made when first needed. */
  clientFor(address: string): Client {
    let client = this.#clients.get(address);
    if (client === undefined) {
      client = new Client(address, this.#options.credentials, {
        "grpc.max_receive_message_length": this.#options.messageBytesMax,
        "grpc.max_send_message_length": this.#options.messageBytesMax,
        "grpc.initial_reconnect_backoff_ms": 100,
        "grpc.max_reconnect_backoff_ms": 2_000,
        ...this.#options.grpcOptions,
      });
      this.#clients.set(address, client);
    }
    return client;
  }

  /** The metadata of one call. */
  metadata(requestId?: string): Metadata {
    const metadata = new Metadata();
    const token = this.#options.token?.();
    if (token !== undefined) metadata.set("authorization", `Bearer ${token}`);
    if (requestId !== undefined) metadata.set("x-request-id", requestId);
    const traceparent = this.#options.traceparent?.();
    if (traceparent !== undefined) metadata.set("traceparent", traceparent);
    return metadata;
  }

  /**
   * One unary call. A master that cannot be reached or does not lead is left for the next one, until
   * `callTimeoutMs` is over: only for calls that may be repeated.
   *
   * @throws Refusal what the cluster answered, or `unavailable` with every address that was tried.
   */
  async call<Input extends DescMessage, Output extends DescMessage>(
    method: DescMethodUnary<Input, Output>,
    request: MessageInitShape<Input>,
    options: { readonly requestId?: string; readonly signal?: AbortSignal } = {},
  ): Promise<MessageShape<Output>> {
    const deadlineMs = Date.now() + this.#options.callTimeoutMs;
    const message = create(method.input, request);
    let pauseMs = RETRY_PAUSE_MS_MIN;
    let failures = 0;
    while (true) {
      options.signal?.throwIfAborted();
      const address = this.#addresses[0] ?? "";
      try {
        return await this.#callOnce(address, method, message, deadlineMs, options.requestId);
      } catch (failure) {
        if (!(failure instanceof Refusal) || !isAboutTheMaster(failure)) throw failure;
        failures++;
        this.#turnFrom(address, failure);
        const hasTriedAll = failures % this.#addresses.length === 0;
        const waitMs = hasTriedAll ? pauseMs : 0;
        if (Date.now() + waitMs >= deadlineMs) throw this.#gaveUp(failure);
        if (waitMs > 0) await pause(waitMs, options.signal);
        if (hasTriedAll) pauseMs = Math.min(pauseMs * 2, RETRY_PAUSE_MS_MAX);
      }
    }
  }

  /** A server-streaming call to the master at the head of the list; it is not repeated. */
  async *stream<Input extends DescMessage, Output extends DescMessage>(
    method: DescMethodServerStreaming<Input, Output>,
    request: MessageInitShape<Input>,
    signal?: AbortSignal,
  ): AsyncGenerator<MessageShape<Output>> {
    const address = this.#addresses[0] ?? "";
    const definition = methodDefinition(method);
    const call = this.clientFor(address).makeServerStreamRequest(
      definition.path,
      definition.requestSerialize,
      definition.responseDeserialize,
      create(method.input, request) as AnyMessage,
      this.metadata(),
    );
    const cancel = () => call.cancel();
    signal?.addEventListener("abort", cancel, { once: true });
    try {
      for await (const message of call) yield message as MessageShape<Output>;
    } catch (failure) {
      const refusal = asRefusal(failure);
      if (refusal !== undefined && isAboutTheMaster(refusal)) this.#turnFrom(address, refusal);
      throw refusal ?? failure;
    } finally {
      signal?.removeEventListener("abort", cancel);
      call.cancel();
    }
  }

  /** Closes every connection. */
  close(): void {
    for (const client of this.#clients.values()) client.close();
    this.#clients.clear();
  }

  async #callOnce<Input extends DescMessage, Output extends DescMessage>(
    address: string,
    method: DescMethodUnary<Input, Output>,
    message: MessageShape<Input>,
    deadlineMs: number,
    requestId: string | undefined,
  ): Promise<MessageShape<Output>> {
    await this.#connected(address, deadlineMs);
    const definition = methodDefinition(method);
    return await new Promise((resolve, reject) => {
      this.clientFor(address).makeUnaryRequest(
        definition.path,
        definition.requestSerialize,
        definition.responseDeserialize,
        message as AnyMessage,
        this.metadata(requestId),
        { deadline: deadlineMs },
        (failure: ServiceError | null, answer?: AnyMessage) => {
          if (failure !== null) reject(fromServiceError(failure));
          else resolve(answer as MessageShape<Output>);
        },
      );
    });
  }

  /**
   * Resolves when the connection stands. A refused one fails at once, a silent one after
   * `connectionWaitMs`, so that a dead address costs no more than that.
   */
  async #connected(address: string, deadlineMs: number): Promise<void> {
    const channel = this.clientFor(address).getChannel();
    const untilMs = Math.min(deadlineMs, Date.now() + this.#options.connectionWaitMs);
    while (true) {
      const state = channel.getConnectivityState(true);
      if (state === connectivityState.READY) return;
      if (state === connectivityState.TRANSIENT_FAILURE) {
        throw new Refusal("unavailable", `${address} refuses connections`);
      }
      await new Promise<void>((resolve, reject) =>
        channel.watchConnectivityState(state, untilMs, (timedOut) => {
          if (timedOut === undefined) resolve();
          else reject(new Refusal("unavailable", `${address} does not answer`));
        })
      );
    }
  }

  /** Puts the leader that a follower named, or else the next address, at the head of the list. */
  #turnFrom(address: string, failure: Refusal): void {
    const rest = this.#addresses.filter((each) => each !== address);
    const leader = failure.leaderAddress;
    this.#addresses = leader === undefined || leader === address
      ? [...rest, address]
      : [leader, ...rest.filter((each) => each !== leader), address];
  }

  #gaveUp(failure: Refusal): Refusal {
    const tried = this.#addresses.join(", ");
    return new Refusal(
      "unavailable",
      `no master could be reached at ${tried} within ${this.#options.callTimeoutMs} ms ` +
        `(last: ${failure.message}); is one running there?`,
      { cause: failure },
    );
  }
}

/** The call may not have been carried out because of which master it went to. */
function isAboutTheMaster(refusal: Refusal): boolean {
  return refusal.reason === "unavailable" || refusal.reason === "not_leader";
}

function asRefusal(failure: unknown): Refusal | undefined {
  const isStatus = failure instanceof Error && "code" in failure && "details" in failure;
  return isStatus ? fromServiceError(failure as ServiceError) : undefined;
}

function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", aborted);
      resolve();
    }, ms);
    const aborted = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    signal?.addEventListener("abort", aborted, { once: true });
  });
}
