/**
 * A client's connections to masters, one for each address, made when first needed. One that hangs is
 * dropped, and whoever waits on it is told.
 *
 * @module
 */

import { create } from "@bufbuild/protobuf";
import {
  type ChannelCredentials,
  Client,
  type ClientOptions,
  Metadata,
  type ServiceError,
  status,
} from "@grpc/grpc-js";
import { setImmediate } from "node:timers";
import { Health } from "./gen/grpc/health/v1/health_pb.ts";
import { endingOnGoaway } from "./goaway_credentials.ts";
import { WIDE_WINDOW } from "./flow_control.ts";
import { keepaliveOptions } from "./keepalive.ts";
import { Pulse } from "./pulse.ts";
import { fromServiceError, Refusal } from "./status.ts";
import { type AnyMessage, methodDefinition } from "./wire.ts";

export interface ConnectionOptions {
  readonly credentials: ChannelCredentials;
  /** Extra gRPC options, such as the name to expect in a certificate. */
  readonly grpcOptions?: ClientOptions;
  /** Longest message taken or sent, in bytes. */
  readonly messageBytesMax: number;
  /** Silence after which a master that owes an answer is asked whether it lives, in ms. */
  readonly silenceMs?: number;
  /** The same for one that holds an open stream, in ms. */
  readonly streamSilenceMs?: number;
  /** How long a silent master may take to say that it lives, in ms. */
  readonly probeMs?: number;
}

/** One master. */
export interface Connection {
  readonly client: Client;
  /** For calls, and for streams, on which less is said. */
  readonly pulses: { readonly call: Pulse; readonly stream: Pulse };
}

const SILENCE_MS = 400;
const STREAM_SILENCE_MS = 2_000;
const PROBE_MS = 400;
/**
 * Of the silence on a stream after which a master is asked: it is pinged before, by HTTP/2 itself. That
 * costs it a fifth of a call, and a thousand workers that have nothing to do would ask all the time.
 */
const PING_PART = 0.8;

export class Connections {
  readonly #options: ConnectionOptions;
  readonly #byAddress = new Map<string, Connection>();

  constructor(options: ConnectionOptions) {
    this.#options = options;
  }

  /** @throws Refusal when the address can be none. */
  to(address: string): Connection {
    let connection = this.#byAddress.get(address);
    if (connection === undefined) {
      connection = this.#connect(address);
      this.#byAddress.set(address, connection);
    }
    return connection;
  }

  /**
   * The next call to `address` makes a new connection; who waits on this one is told `why`.
   *
   * @returns whether it was there still
   */
  drop(address: string, client: Client, why: Refusal): boolean {
    const connection = this.#byAddress.get(address);
    if (connection?.client !== client) return false;
    this.#byAddress.delete(address);
    close(client);
    connection.pulses.call.end(why);
    connection.pulses.stream.end(why);
    return true;
  }

  /** Drops all. */
  close(why: Refusal): void {
    for (const [address, { client }] of [...this.#byAddress]) this.drop(address, client, why);
  }

  #connect(address: string): Connection {
    const { silenceMs = SILENCE_MS, streamSilenceMs = STREAM_SILENCE_MS } = this.#options;
    const probe = () => isAlive(client, this.#options.probeMs ?? PROBE_MS);
    const pulses = {
      call: new Pulse({ address, silenceMs, probe }),
      stream: new Pulse({ address, silenceMs: streamSilenceMs, probe }),
    };
    // The question may stand in line behind megabytes of requests; that they are taken is an answer.
    const pingMs = Math.ceil(streamSilenceMs * PING_PART);
    const client = this.#newClient(address, pingMs, () => {
      pulses.call.heard();
      pulses.stream.heard();
    });
    return { client, pulses };
  }

  #newClient(address: string, pingMs: number, onBytes: () => void): Client {
    const { credentials, messageBytesMax, grpcOptions } = this.#options;
    try {
      return new Client(address, endingOnGoaway(credentials, onBytes), {
        "grpc.max_receive_message_length": messageBytesMax,
        "grpc.max_send_message_length": messageBytesMax,
        "grpc.initial_reconnect_backoff_ms": 100,
        "grpc.max_reconnect_backoff_ms": 500,
        "grpc.use_local_subchannel_pool": 1, // a silent connection must not be found again
        ...WIDE_WINDOW,
        ...keepaliveOptions({ timeMs: pingMs }), // what answers is heard; what does not, the pulse asks
        ...grpcOptions,
      });
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new Refusal("unavailable", `"${address}" cannot be an address: ${why}`, { cause });
    }
  }
}

/**
 * Closes a client, whatever it is at. One that has just been asked to connect is handed its addresses a moment later, also
 * when it is closed by then, and grpc-js 1.14.7 goes on to connect to them: to be closed once more ends that.
 */
function close(client: Client): void {
  client.close();
  setImmediate(() => client.close());
}

/** Asks a master whether it lives; whatever it answers says so. */
function isAlive(client: Client, probeMs: number): Promise<void> {
  const definition = methodDefinition(Health.method.check);
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(
      definition.path,
      definition.requestSerialize,
      definition.responseDeserialize,
      create(Health.method.check.input) as AnyMessage,
      new Metadata(),
      { deadline: Date.now() + probeMs },
      (failure: ServiceError | null) => {
        // A server that has no health service says that it has none.
        const isAnswer = failure === null || failure.code === status.UNIMPLEMENTED ||
          fromServiceError(failure).isAnswer;
        if (isAnswer) resolve();
        else reject(failure);
      },
    );
  });
}
