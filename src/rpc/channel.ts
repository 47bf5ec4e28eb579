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
  Metadata,
  type ServiceError,
} from "@grpc/grpc-js";
import { connected } from "./connection.ts";
import { pause } from "./pause.ts";
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
  /** Time allowed to one attempt to connect to one address, its TLS handshake included, in ms. */
  readonly dialTimeoutMs: number;
  /**
   * How long a call waits while none of the addresses can be connected to, in ms. Default: as long as
   * a call may take. A master that answers, though it be to say that it does not lead, was connected.
   */
  readonly connectionWaitMs?: number;
  /** W3C trace context to send along, if any. */
  readonly traceparent?: () => string | undefined;
}

/** What one call may say beside its request. */
export interface CallOptions {
  readonly requestId?: string;
  readonly signal?: AbortSignal;
  /** In place of the channel's own. */
  readonly traceparent?: string;
  /** Leave `connectionWaitMs` aside: for one who was connected, and whose master comes back. */
  readonly patient?: boolean;
}

const RETRY_PAUSE_MS_MIN = 50;
const RETRY_PAUSE_MS_MAX = 1_000;

/** Connections to the masters of one cluster. */
export class ClusterChannel {
  readonly #options: ChannelOptions;
  readonly #clients = new Map<string, Client>();
  #addresses: string[];
  readonly #cancels = new Set<() => void>();
  #isClosed = false;

  constructor(options: ChannelOptions) {
    if (options.addresses.length === 0) throw new Error("a client needs the address of a master");
    this.#options = options;
    this.#addresses = [...options.addresses];
  }

  /** The addresses in the order in which they will be tried. */
  get addresses(): readonly string[] {
    return this.#addresses;
  }

  /** Longest message taken or sent, in bytes. */
  get messageBytesMax(): number {
    return this.#options.messageBytesMax;
  }

  /**
   * The connection to one address, made when first needed.
   *
   * @throws Refusal when the channel is closed, or the address can be none.
   */
  clientFor(address: string): Client {
    if (this.#isClosed) throw closedChannel();
    let client = this.#clients.get(address);
    if (client === undefined) {
      client = this.#newClient(address);
      this.#clients.set(address, client);
    }
    return client;
  }

  #newClient(address: string): Client {
    try {
      return new Client(address, this.#options.credentials, {
        "grpc.max_receive_message_length": this.#options.messageBytesMax,
        "grpc.max_send_message_length": this.#options.messageBytesMax,
        "grpc.initial_reconnect_backoff_ms": 100,
        "grpc.max_reconnect_backoff_ms": 2_000,
        ...this.#options.grpcOptions,
      });
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new Refusal("unavailable", `"${address}" cannot be an address: ${why}`, { cause });
    }
  }

  /** The metadata of one call. */
  metadata(requestId?: string, traceparent = this.#options.traceparent?.()): Metadata {
    const metadata = new Metadata();
    const token = this.#options.token?.();
    if (token !== undefined) metadata.set("authorization", `Bearer ${token}`);
    if (requestId !== undefined) metadata.set("x-request-id", requestId);
    if (traceparent !== undefined && traceparent !== "") metadata.set("traceparent", traceparent);
    return metadata;
  }

  /**
   * One unary call. A master that cannot be reached or does not lead is left for the next one, until
   * `callTimeoutMs` is over, or `connectionWaitMs` without a connection to any of them: only for
   * calls that may be repeated.
   *
   * @throws Refusal what the cluster answered, or `unavailable` with every address that was tried.
   */
  async call<Input extends DescMessage, Output extends DescMessage>(
    method: DescMethodUnary<Input, Output>,
    request: MessageInitShape<Input>,
    options: CallOptions = {},
  ): Promise<MessageShape<Output>> {
    const deadlineMs = Date.now() + this.#options.callTimeoutMs;
    const message = create(method.input, request);
    const reach = new Reach(options.patient === true ? undefined : this.#options.connectionWaitMs);
    let pauseMs = RETRY_PAUSE_MS_MIN;
    let failures = 0;
    while (true) {
      options.signal?.throwIfAborted();
      const address = this.#addresses[0] ?? "";
      try {
        reach.seeks();
        await this.connected(address, Math.min(deadlineMs, reach.untilMs));
        reach.found();
        return await this.#callOnce(address, method, message, deadlineMs, options);
      } catch (failure) {
        if (!(failure instanceof Refusal) || !isAboutTheMaster(failure)) throw failure;
        failures++;
        this.#turnFrom(address, failure);
        const hasTriedAll = failures % this.#addresses.length === 0;
        const waitMs = hasTriedAll ? pauseMs : 0;
        if (this.#isClosed) throw closedChannel();
        const nextTryMs = Date.now() + waitMs;
        if (nextTryMs >= reach.untilMs) throw this.#gaveUp(failure, reach.waitMs);
        if (nextTryMs >= deadlineMs) throw this.#gaveUp(failure, this.#options.callTimeoutMs);
        if (waitMs > 0) await pause(waitMs, options.signal);
        if (hasTriedAll) pauseMs = Math.min(pauseMs * 2, RETRY_PAUSE_MS_MAX);
      }
    }
  }

  /**
   * One unary call to one address, tried once.
   *
   * @throws Refusal what was answered, or `unavailable` when nothing was by `callTimeoutMs`.
   */
  async callAt<Input extends DescMessage, Output extends DescMessage>(
    address: string,
    method: DescMethodUnary<Input, Output>,
    request: MessageInitShape<Input>,
    options: CallOptions = {},
  ): Promise<MessageShape<Output>> {
    const deadlineMs = Date.now() + this.#options.callTimeoutMs;
    await this.connected(address, deadlineMs);
    return await this.#callOnce(
      address,
      method,
      create(method.input, request),
      deadlineMs,
      options,
    );
  }

  /**
   * A server-streaming call to the master at the head of the list; it is not repeated, but after a
   * failure the next one goes elsewhere.
   */
  async *stream<Input extends DescMessage, Output extends DescMessage>(
    method: DescMethodServerStreaming<Input, Output>,
    request: MessageInitShape<Input>,
    signal?: AbortSignal,
  ): AsyncGenerator<MessageShape<Output>> {
    const address = this.#addresses[0] ?? "";
    try {
      await this.connected(address);
      signal?.throwIfAborted();
      yield* this.#streamFrom(address, method, request, signal);
    } catch (failure) {
      const refusal = asRefusal(failure);
      if (refusal !== undefined && isAboutTheMaster(refusal)) this.#turnFrom(address, refusal);
      throw refusal ?? failure;
    }
  }

  /**
   * Resolves when the connection to `address` stands. A refused one fails at once, a silent one
   * after `dialTimeoutMs`, so that a dead address costs no more than that; the next attempt dials anew.
   *
   * @throws Refusal `unavailable`.
   */
  async connected(address: string, deadlineMs = Number.POSITIVE_INFINITY): Promise<void> {
    const client = this.clientFor(address);
    const dialUntilMs = Date.now() + this.#options.dialTimeoutMs;
    try {
      await connected(client, address, Math.min(deadlineMs, dialUntilMs));
    } catch (failure) {
      if (this.#isClosed) throw closedChannel();
      if (Date.now() >= dialUntilMs) this.#discard(address, client);
      // Another call may have discarded the connection that this one waited for.
      const isDiscarded = failure instanceof Refusal && failure.reason === "cancelled";
      throw isDiscarded ? new Refusal("unavailable", `${address} does not answer`) : failure;
    }
  }

  /** A handshake that hangs would hang for ever: whoever comes next shall begin another. */
  #discard(address: string, client: Client): void {
    if (this.#clients.get(address) !== client) return;
    this.#clients.delete(address);
    client.close();
  }

  /** Closes every connection; calls under way fail, and so do later ones. */
  close(): void {
    this.#isClosed = true;
    for (const cancel of this.#cancels) cancel();
    for (const client of this.#clients.values()) client.close();
    this.#clients.clear();
  }

  async *#streamFrom<Input extends DescMessage, Output extends DescMessage>(
    address: string,
    method: DescMethodServerStreaming<Input, Output>,
    request: MessageInitShape<Input>,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<MessageShape<Output>> {
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
    } finally {
      signal?.removeEventListener("abort", cancel);
      call.on("error", () => {}); // whoever stopped reading does not care how the call ends
      call.cancel();
    }
  }

  async #callOnce<Input extends DescMessage, Output extends DescMessage>(
    address: string,
    method: DescMethodUnary<Input, Output>,
    message: MessageShape<Input>,
    deadlineMs: number,
    { requestId, signal, traceparent }: CallOptions,
  ): Promise<MessageShape<Output>> {
    signal?.throwIfAborted();
    const definition = methodDefinition(method);
    return await new Promise((resolve, reject) => {
      const cancel = () => call.cancel();
      const call = this.clientFor(address).makeUnaryRequest(
        definition.path,
        definition.requestSerialize,
        definition.responseDeserialize,
        message as AnyMessage,
        this.metadata(requestId, traceparent),
        { deadline: deadlineMs },
        (failure: ServiceError | null, answer?: AnyMessage) => {
          signal?.removeEventListener("abort", cancel);
          this.#cancels.delete(cancel);
          if (failure === null) resolve(answer as MessageShape<Output>);
          else reject(signal?.aborted ? signal.reason : fromServiceError(failure));
        },
      );
      signal?.addEventListener("abort", cancel, { once: true });
      this.#cancels.add(cancel);
    });
  }

  /** Puts the leader that a follower named, or else the next address, at the head of the list. */
  #turnFrom(address: string, failure: Refusal): void {
    const rest = this.#addresses.filter((each) => each !== address);
    const leader = failure.leaderAddress;
    this.#addresses = leader === undefined || leader === address
      ? [...rest, address]
      : [leader, ...rest.filter((each) => each !== leader), address];
  }

  #gaveUp(failure: Refusal, waitedMs: number): Refusal {
    const tried = this.#addresses.join(", ");
    return new Refusal(
      "unavailable",
      `no master could be reached at ${tried} within ${waitedMs} ms ` +
        `(last: ${failure.message}); is one running there?`,
      { cause: failure },
    );
  }
}

/** How long a call has been without a connection to anybody. */
class Reach {
  readonly waitMs: number;
  #sinceMs: number | undefined;

  constructor(waitMs = Number.POSITIVE_INFINITY) {
    this.waitMs = waitMs;
  }

  /** Until when it may go on so; for ever while a connection stands. */
  get untilMs(): number {
    return this.#sinceMs === undefined ? Number.POSITIVE_INFINITY : this.#sinceMs + this.waitMs;
  }

  seeks(): void {
    this.#sinceMs ??= Date.now();
  }

  found(): void {
    this.#sinceMs = undefined;
  }
}

/** The call may not have been carried out because of which master it went to. */
function isAboutTheMaster(refusal: Refusal): boolean {
  return refusal.reason === "unavailable" || refusal.reason === "not_leader";
}

function closedChannel(): Refusal {
  return new Refusal("cancelled", "the connections to the cluster were closed");
}

function asRefusal(failure: unknown): Refusal | undefined {
  if (failure instanceof Refusal) return failure;
  const isStatus = failure instanceof Error && "code" in failure && "details" in failure;
  return isStatus ? fromServiceError(failure as ServiceError) : undefined;
}
