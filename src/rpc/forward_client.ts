/**
 * A member's calls to the leader on behalf of its own callers.
 *
 * @module
 */

import { create, type DescMethod } from "@bufbuild/protobuf";
import {
  type ChannelCredentials,
  Client,
  type ClientOptions,
  connectivityState,
  Metadata,
  type ServiceError,
} from "@grpc/grpc-js";
import type { CallContext, DuplexCall } from "./call.ts";
import { connected } from "./connection.ts";
import {
  ForwardRequestSchema,
  type ForwardResponse,
  ForwardService,
  type ForwardStreamResponse,
} from "./gen/forward_pb.ts";
import { identityToWire } from "./forwarded_identity.ts";
import { endingOnGoaway } from "./goaway_credentials.ts";
import { WIDE_WINDOW } from "./flow_control.ts";
import { keepaliveOptions } from "./keepalive.ts";
import { fromServiceError, Refusal, UNKNOWN_ADVICE } from "./status.ts";
import { type AnyMessage, bytesOf, messageOf, methodDefinition } from "./wire.ts";

export interface ForwardClientOptions {
  readonly clusterId: string;
  readonly nodeId: string;
  readonly credentials: ChannelCredentials;
  readonly grpcOptions?: ClientOptions;
  /** Of the policy by which callers are let in here. Default 0. */
  readonly policyRevision?: () => number;
  /** Time allowed to a connection before the call is tried again, in ms. */
  readonly connectionWaitMs: number;
}

/** A leader that hangs, or a cable that is cut, closes nothing: only a ping tells. */
const KEEPALIVE_MS = 5_000;

export class ForwardClient {
  readonly #options: ForwardClientOptions;
  readonly #clients = new Map<string, Client>();

  constructor(options: ForwardClientOptions) {
    this.#options = options;
  }

  /**
   * Has the leader at `address` (its peers' one) carry out a unary call.
   *
   * @throws Refusal as the leader answered; `unavailable` when nothing was sent; `outcome_unknown`
   * when the request may have reached the leader and no answer came back
   */
  async forward(
    address: string,
    method: DescMethod,
    request: AnyMessage,
    call: CallContext,
    { ended, isRepeatable }: {
      /** The leader was passed over. */
      readonly ended: AbortSignal;
      /** Then give the call up even if it was sent: its outcome is unknown, and need not be known. */
      readonly isRepeatable: boolean;
    },
  ): Promise<AnyMessage> {
    const client = await this.#connectedTo(address, call, ended);
    const abandoned = isRepeatable ? ended : undefined;
    const definition = methodDefinition(ForwardService.method.forward);
    const answer = await new Promise<ForwardResponse>((resolve, reject) => {
      const abandon = () => underWay.cancel();
      const underWay = client.makeUnaryRequest(
        definition.path,
        definition.requestSerialize,
        definition.responseDeserialize,
        this.#requestOf(method, request, call),
        metadataOf(call),
        { deadline: call.deadlineMs },
        (failure: ServiceError | null, answered?: AnyMessage) => {
          abandoned?.removeEventListener("abort", abandon);
          if (failure === null) resolve(answered as ForwardResponse);
          else reject(asForwarded(failure));
        },
      );
      abandoned?.addEventListener("abort", abandon, { once: true });
      if (abandoned?.aborted) abandon();
    });
    return messageOf(method.output, answer.response);
  }

  /**
   * The same for a call that streams its answers; resolves when the leader has sent the last one.
   *
   * @throws Refusal as {@linkcode forward} does
   */
  async forwardStream(
    address: string,
    method: DescMethod,
    request: AnyMessage,
    call: CallContext,
    options: {
      readonly abandoned: AbortSignal;
      readonly onMessage: (message: AnyMessage) => Promise<void>;
    },
  ): Promise<void> {
    const client = await this.#connectedTo(address, call, options.abandoned);
    const definition = methodDefinition(ForwardService.method.forwardStream);
    const stream = client.makeServerStreamRequest(
      definition.path,
      definition.requestSerialize,
      definition.responseDeserialize,
      this.#requestOf(method, request, call),
      metadataOf(call),
      { deadline: call.deadlineMs },
    );
    const abandon = () => stream.cancel();
    options.abandoned.addEventListener("abort", abandon, { once: true });
    if (options.abandoned.aborted) abandon();
    try {
      for await (const message of stream) {
        const { response } = message as ForwardStreamResponse;
        await options.onMessage(messageOf(method.output, response));
      }
    } catch (failure) {
      throw isServiceError(failure) ? asForwarded(failure) : failure;
    } finally {
      options.abandoned.removeEventListener("abort", abandon);
      stream.on("error", () => {}); // whoever stopped reading does not care how the call ends
      stream.cancel();
    }
  }

  /**
   * Passes a session on to the leader, both ways, until either end closes it or the leader is passed
   * over. What waits for a slow reader is bounded by what a worker may hold.
   *
   * @param ended gives the session up
   * @throws Refusal `unavailable` when the leader cannot be reached
   */
  async forwardSession(
    address: string,
    method: DescMethod,
    session: DuplexCall<AnyMessage, AnyMessage>,
    call: CallContext,
    ended: AbortSignal,
  ): Promise<void> {
    const client = await this.#connectedTo(address, call, ended);
    const definition = methodDefinition(ForwardService.method.forwardSession);
    const leader = client.makeBidiStreamRequest(
      definition.path,
      definition.requestSerialize,
      definition.responseDeserialize,
      metadataOf(call),
    );
    const close = (failure?: Refusal) => {
      ended.removeEventListener("abort", abandon);
      session.end(failure);
      leader.cancel();
    };
    const abandon = () => close(lostLeader("another master leads, or none"));
    leader.on("data", ({ response }: ForwardStreamResponse) => {
      session.write(messageOf(method.output, response));
    });
    leader.on("end", () => close());
    leader.on("error", (failure: ServiceError) => {
      const refusal = fromServiceError(failure);
      close(refusal.isAnswer ? refusal : lostLeader(refusal.message));
    });
    let isFirst = true;
    session.onMessage((message) => {
      leader.write(
        isFirst
          ? this.#requestOf(method, message, call)
          : create(ForwardRequestSchema, { request: bytesOf(method.input, message) }),
      );
      isFirst = false;
    });
    session.onClosed(() => close());
    ended.addEventListener("abort", abandon, { once: true });
    if (ended.aborted) abandon();
  }

  close(): void {
    for (const client of this.#clients.values()) client.close();
    this.#clients.clear();
  }

  /** A leader that hangs accepts connections, and says nothing on them. */
  async #connectedTo(address: string, call: CallContext, ended: AbortSignal): Promise<Client> {
    const client = this.#clientFor(address);
    const patientUntilMs = Date.now() + this.#options.connectionWaitMs;
    const untilMs = Math.min(call.deadlineMs, patientUntilMs);
    try {
      await connected(client, address, untilMs, { unwanted: ended });
    } catch (failure) {
      if (this.#clients.get(address) !== client) {
        // Another call has found that this connection failed, and begun another.
        throw new Refusal("unavailable", `${address} does not answer`, { cause: failure });
      }
      // What a network drops TCP sends again at ever longer intervals: whoever comes next dials anew.
      if (Date.now() >= patientUntilMs) this.#drop(address, client);
      throw failure;
    }
    return client;
  }

  /** One that has failed is left for a new one, which dials at once; it would pause first. */
  #clientFor(address: string): Client {
    const known = this.#clients.get(address);
    const state = known?.getChannel().getConnectivityState(false);
    if (known !== undefined && state !== connectivityState.TRANSIENT_FAILURE) return known;
    if (known !== undefined) this.#drop(address, known);
    const client = new Client(address, endingOnGoaway(this.#options.credentials), {
      "grpc.max_receive_message_length": -1,
      "grpc.max_send_message_length": -1,
      ...WIDE_WINDOW,
      ...keepaliveOptions({ timeMs: KEEPALIVE_MS, timeoutMs: KEEPALIVE_MS }),
      // Not the connection of Raft's own stream: a large forwarded job must not delay heartbeats.
      "grpc.use_local_subchannel_pool": 1,
      ...this.#options.grpcOptions,
    });
    this.#clients.set(address, client);
    return client;
  }

  #drop(address: string, client: Client): void {
    this.#clients.delete(address);
    client.close();
  }

  #requestOf(method: DescMethod, request: AnyMessage, call: CallContext): AnyMessage {
    const { clusterId, nodeId } = this.#options;
    return create(ForwardService.method.forward.input, {
      clusterId,
      fromNode: nodeId,
      method: call.method,
      request: bytesOf(method.input, request),
      userId: call.caller.userId,
      roles: [...call.caller.roles],
      peerAddress: call.peerAddress,
      identity: identityToWire(call.caller, this.#options.policyRevision?.() ?? 0),
    });
  }
}

function metadataOf({ requestId, traceparent }: CallContext): Metadata {
  const metadata = new Metadata();
  metadata.set("x-request-id", requestId);
  if (traceparent !== "") metadata.set("traceparent", traceparent);
  return metadata;
}

function lostLeader(why: string): Refusal {
  return new Refusal("unavailable", `the leader was lost (${why}); ask again`);
}

function isServiceError(failure: unknown): failure is ServiceError {
  return failure instanceof Error && "code" in failure && "details" in failure;
}

function asForwarded(failure: ServiceError): Refusal {
  const refusal = fromServiceError(failure);
  if (refusal.isAnswer) return refusal;
  return new Refusal(
    "outcome_unknown",
    `the leader was lost before it answered (${refusal.message}); the call may have been carried ` +
      `out: ${UNKNOWN_ADVICE}`,
    { cause: failure },
  );
}
