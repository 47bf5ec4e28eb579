/**
 * Calls to a cluster through whichever of its masters answers: learns who belongs to it, follows the
 * leader, goes on to the next address when one is lost, and tries again only what is safe to try
 * again.
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
  type Client,
  connectivityState,
  Metadata,
  type ServiceError,
  type StatusObject,
} from "@grpc/grpc-js";
import { AddressBook } from "./address_book.ts";
import {
  after,
  asRefusal,
  closedChannel,
  gaveUp,
  isAboutTheMaster,
  onceOnly,
} from "./call_failure.ts";
import { askForView, type ClusterView, toldView } from "./cluster_view.ts";
import { connected } from "./connection.ts";
import { DialPatience } from "./dial_patience.ts";
import { type Connection, type ConnectionOptions, Connections } from "./connections.ts";
import {
  MasterService,
  SubmitJobRequestSchema,
  type SubmitJobResponse,
} from "./gen/scheduler_pb.ts";
import { deadlineAt } from "./deadline.ts";
import { pause } from "./pause.ts";
import { Reach } from "./reach.ts";
import { fromServiceError, Refusal } from "./status.ts";
import { openSubmissions } from "./submit_lane.ts";
import { SubmitPipeline } from "./submit_pipeline.ts";
import { type AnyMessage, methodDefinition } from "./wire.ts";

/** How a client reaches its cluster. */
export interface ChannelOptions extends ConnectionOptions {
  /** `host:port` of one or more masters; a name may stand for several. The rest are found. */
  readonly addresses: readonly string[];
  /** Asked for at every call, so that a token can be renewed. */
  readonly token?: () => string | undefined;
  /** Time allowed to one call with all its tries, in ms. */
  readonly callTimeoutMs: number;
  /**
   * Time allowed to one attempt to connect to one address, its TLS handshake included, in ms; up to eight
   * times as much while no address can be connected to.
   */
  readonly dialTimeoutMs: number;
  /**
   * How long a call waits while none of the addresses can be connected to, in ms. Default: as long as
   * a call may take. A master that answers, though it be to say that it does not lead, was connected.
   */
  readonly connectionWaitMs?: number;
  /** Told before a call is repeated because no master takes it, with the time since its first try. */
  readonly onUnavailable?: (reason: string, sinceMs: number) => void;
  /** W3C trace context to send along, if any. */
  readonly traceparent?: () => string | undefined;
  /**
   * Learn of other members and go to whoever leads (the default), or ask the given addresses alone,
   * for one who wants a certain member's answer.
   */
  readonly followsLeader?: boolean;
}

/** What one call may say beside its request. */
export interface CallOptions {
  readonly requestId?: string;
  readonly signal?: AbortSignal;
  /** In place of the channel's own. */
  readonly traceparent?: string;
  /** Time allowed to the call with all its tries, in place of `callTimeoutMs`. */
  readonly timeoutMs?: number;
  /**
   * Time allowed to the master that takes the call, for work that may be long: `timeoutMs` is then for
   * finding one that does.
   */
  readonly workMs?: number;
  /** Leave `connectionWaitMs` aside: for one who was connected, and whose master comes back. */
  readonly patient?: boolean;
  /**
   * The call may be carried out twice without harm (the default), so it is made again when its
   * outcome is unknown. Otherwise that is what its caller is told.
   */
  readonly isRepeatable?: boolean;
}

const RETRY_PAUSE_MS_MIN = 50;
const RETRY_PAUSE_MS_MAX = 1_000;

/** Connections to the masters of one cluster. */
export class ClusterChannel {
  readonly #options: ChannelOptions;
  readonly #connections: Connections;
  readonly #book: AddressBook;
  readonly #patience: DialPatience;
  readonly #cancels = new Set<() => void>();
  readonly #submissions: SubmitPipeline;
  #view: ClusterView | undefined;
  #isClosed = false;

  constructor(options: ChannelOptions) {
    if (options.addresses.length === 0) throw new Error("a client needs the address of a master");
    this.#options = options;
    this.#connections = new Connections(options);
    this.#book = new AddressBook(options.addresses);
    this.#patience = new DialPatience(options.dialTimeoutMs);
    this.#submissions = new SubmitPipeline({
      messageBytesMax: options.messageBytesMax,
      callTimeoutMs: options.callTimeoutMs,
      token: () => options.token?.(),
      traceparent: () => options.traceparent?.(),
      address: () => this.#book.first,
      open: (address, listener) =>
        openSubmissions(
          this.clientFor(address),
          this.metadata(),
          listener,
          (onGone) => this.#watch(address, "call", onGone),
        ),
      told: (view) => options.followsLeader !== false && this.#told(view),
      turnFrom: (address) => this.turnFrom(address, undefined),
      call: (message, callOptions) =>
        this.call(MasterService.method.submitJob, message, callOptions),
    });
  }

  /** The addresses in the order in which they will be tried. */
  get addresses(): readonly string[] {
    return this.#book.all;
  }

  /** Longest message taken or sent, in bytes. */
  get messageBytesMax(): number {
    return this.#options.messageBytesMax;
  }

  /** Masters that were heard of elsewhere. */
  learn(addresses: readonly string[]): void {
    this.#book.learn(addresses);
  }

  /** The next call shall not begin at `address`, but at the leader that it named, or the next one. */
  turnFrom(address: string, leader: string | undefined): void {
    this.#view = undefined; // whose word on the leader counted most may be the one that is gone
    this.#book.turnFrom(address, leader);
  }

  /**
   * The connection to one address, made when first needed.
   *
   * @throws Refusal when the channel is closed, or the address can be none.
   */
  clientFor(address: string): Client {
    return this.#connectionTo(address).client;
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
   * One unary call. A master that cannot be reached, falls silent or does not lead is left for the
   * next one, until `callTimeoutMs` is over, or `connectionWaitMs` without a connection to any.
   *
   * @throws Refusal what the cluster answered, or `unavailable` with every address that was tried;
   * `outcome_unknown` when the call may have been carried out and may not be repeated.
   */
  async call<Input extends DescMessage, Output extends DescMessage>(
    method: DescMethodUnary<Input, Output>,
    request: MessageInitShape<Input>,
    options: CallOptions = {},
  ): Promise<MessageShape<Output>> {
    const startedMs = Date.now();
    const { isRepeatable = true, timeoutMs = this.#options.callTimeoutMs } = options;
    const deadlineMs = startedMs + timeoutMs;
    const message = create(method.input, request);
    const requestId = options.requestId ?? crypto.randomUUID();
    const reach = new Reach(options.patient === true ? undefined : this.#options.connectionWaitMs);
    let pauseMs = RETRY_PAUSE_MS_MIN;
    let failures = 0;
    let answered: Refusal | undefined;
    let mayBeDone = false;
    while (true) {
      options.signal?.throwIfAborted();
      reach.seeks();
      const untried = this.#book.all.length - failures % this.#book.all.length;
      if (reach.isTooShortFor(untried)) this.#dialAll();
      const address = this.#book.first;
      let isSent = false;
      try {
        await this.connected(address, Math.min(deadlineMs, reach.turnUntilMs(untried)));
        reach.found();
        const { workMs } = options;
        const endMs = workMs === undefined ? deadlineMs : Date.now() + workMs;
        isSent = true;
        return await this.#callOnce(address, method, message, endMs, {
          ...options,
          requestId,
          isRepeatable,
        });
      } catch (failure) {
        if (!(failure instanceof Refusal)) throw failure;
        const isUnknown = failure.reason === "outcome_unknown";
        if (!isAboutTheMaster(failure) && !(isUnknown && isRepeatable)) throw failure;
        failures++;
        if (failure.isAnswer) answered = failure;
        mayBeDone ||= isUnknown || (isSent && !failure.isAnswer);
        const tries = { answered, addresses: this.#book.all, mayBeDone };
        this.turnFrom(address, failure.leaderAddress);
        const hasTriedAll = failures % this.#book.all.length === 0;
        const waitMs = hasTriedAll ? pauseMs : 0;
        if (this.#isClosed) throw closedChannel();
        const nextTryMs = Date.now() + waitMs;
        if (nextTryMs >= reach.untilMs) {
          throw gaveUp(failure, { ...tries, waitedMs: reach.waitMs });
        }
        if (nextTryMs >= deadlineMs) {
          throw isUnknown
            ? after(answered, failure)
            : gaveUp(failure, { ...tries, waitedMs: timeoutMs });
        }
        this.#options.onUnavailable?.(failure.message, Date.now() - startedMs);
        if (waitMs > 0) await pause(waitMs, options.signal);
        if (hasTriedAll) pauseMs = Math.min(pauseMs * 2, RETRY_PAUSE_MS_MAX);
      }
    }
  }

  /**
   * Submits one job, which must have an idempotency key. Those that are on their way together share
   * messages of a stream; in all else it is a call like others.
   *
   * @throws Refusal as {@linkcode call} does
   */
  submit(
    request: MessageInitShape<typeof SubmitJobRequestSchema>,
    options: CallOptions = {},
  ): Promise<SubmitJobResponse> {
    return this.#submissions.submit(create(SubmitJobRequestSchema, request), options);
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
    const address = this.#book.first;
    try {
      await this.connected(address);
      signal?.throwIfAborted();
      yield* this.#streamFrom(address, method, request, signal);
    } catch (failure) {
      signal?.throwIfAborted();
      const refusal = asRefusal(failure);
      if (refusal !== undefined && isAboutTheMaster(refusal)) {
        this.turnFrom(address, refusal.leaderAddress);
      }
      throw refusal ?? failure;
    }
  }

  /**
   * Resolves when the connection to `address` stands. A refused one fails at once, a silent one
   * after `dialTimeoutMs`, so that a dead address costs no more than that; the next attempt dials anew, and
   * has more time when nobody at all was reached.
   *
   * @throws Refusal `unavailable`.
   */
  async connected(address: string, deadlineMs = Number.POSITIVE_INFINITY): Promise<void> {
    const client = this.clientFor(address);
    const dialUntilMs = Date.now() + this.#patience.timeoutMs(this.#book.all.length);
    try {
      const { credentials } = this.#options;
      await connected(client, address, Math.min(deadlineMs, dialUntilMs), { credentials });
      this.#patience.reached();
    } catch (failure) {
      if (this.#isClosed) throw closedChannel();
      // A handshake that hangs would hang for ever: whoever comes next shall begin another.
      const hangs = Date.now() >= dialUntilMs;
      if (hangs && this.#connections.drop(address, client, Refusal.of(failure))) {
        this.#patience.gaveUp();
      }
      // Another call may have dropped the connection that this one waited for.
      const isDropped = failure instanceof Refusal && failure.reason === "cancelled";
      throw isDropped ? new Refusal("unavailable", `${address} does not answer`) : failure;
    }
  }

  /**
   * Watches over an open stream with the master at `address`: `onGone` is called once if it falls
   * silent. Returns what to call when something is heard, and how to end the watch.
   */
  watchOver(
    address: string,
    onGone: (why: Refusal) => void,
  ): { heard(): void; end(): void } {
    return this.#watch(address, "stream", onGone);
  }

  #watch(
    address: string,
    kind: keyof Connection["pulses"],
    onGone: (why: Refusal) => void,
  ): { heard(): void; end(): void } {
    const { client, pulses } = this.#connectionTo(address);
    const pulse = pulses[kind];
    const end = pulse.watch((why) => {
      this.#connections.drop(address, client, why);
      onGone(why);
    });
    return { heard: () => pulse.heard(), end };
  }

  /** Closes every connection; calls under way fail, and so do later ones. */
  close(): void {
    this.#isClosed = true;
    this.#submissions.close(closedChannel());
    for (const cancel of this.#cancels) cancel();
    this.#connections.close(closedChannel());
  }

  /** Whoever has connected comes first. */
  #dialAll(): void {
    const ready = this.#book.all.find((address) => {
      try {
        const state = this.clientFor(address).getChannel().getConnectivityState(true);
        return state === connectivityState.READY;
      } catch (failure) {
        if (failure instanceof Refusal) return false; // it is met again, and told, at its own turn
        throw failure;
      }
    });
    if (ready !== undefined) this.#book.prefer(ready);
  }

  #connectionTo(address: string): Connection {
    if (this.#isClosed) throw closedChannel();
    return this.#connections.to(address);
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
    let gone: Refusal | undefined;
    const watch = this.watchOver(address, (why) => {
      gone = why;
      call.cancel();
    });
    try {
      for await (const message of call) {
        watch.heard();
        yield message as MessageShape<Output>;
      }
    } catch (failure) {
      throw gone ?? failure;
    } finally {
      watch.end();
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
    { requestId, signal, traceparent, isRepeatable }: CallOptions,
  ): Promise<MessageShape<Output>> {
    signal?.throwIfAborted();
    const definition = methodDefinition(method);
    const { client, pulses } = this.#connectionTo(address);
    const metadata = this.metadata(requestId, traceparent);
    if (this.#options.followsLeader !== false) askForView(metadata, this.#view);
    let gone: Refusal | undefined;
    return await new Promise((resolve, reject) => {
      const cancel = () => call.cancel();
      const settle = () => {
        signal?.removeEventListener("abort", cancel);
        this.#cancels.delete(cancel);
        endWatch();
      };
      const call = client.makeUnaryRequest(
        definition.path,
        definition.requestSerialize,
        definition.responseDeserialize,
        message as AnyMessage,
        metadata,
        { deadline: deadlineAt(deadlineMs) },
        (failure: ServiceError | null, answer?: AnyMessage) => {
          settle();
          if (failure === null) {
            pulses.call.heard();
            return resolve(answer as MessageShape<Output>);
          }
          if (signal?.aborted) return reject(signal.reason);
          const refusal = fromServiceError(failure);
          if (refusal.isAnswer) pulses.call.heard();
          reject(gone ?? (isRepeatable === false ? onceOnly(refusal) : refusal));
        },
      );
      call.on("status", ({ metadata }: StatusObject) => this.#told(toldView(metadata)));
      // A call that may not be repeated gains nothing by being given up early.
      const endWatch = isRepeatable === false ? () => {} : pulses.call.watch((why) => {
        gone = why;
        this.#connections.drop(address, client, why);
        call.cancel();
      });
      signal?.addEventListener("abort", cancel, { once: true });
      this.#cancels.add(cancel);
    });
  }

  /** Takes a master's word on the cluster, unless it is older than another's. */
  #told(view: ClusterView | undefined): void {
    if (view === undefined || view.term < (this.#view?.term ?? 0) || this.#isClosed) return;
    this.#view = view;
    this.#book.learn(view.members);
    const { leader } = view;
    if (leader === "" || leader === this.#book.first) return;
    // Not before it was reached: its members may know it by an address that leads nowhere from here.
    this.connected(leader).then(
      () => {
        if (this.#view?.leader === leader) this.#book.prefer(leader);
      },
      () => {}, // then its followers pass calls on to it, as they do now
    );
  }
}
