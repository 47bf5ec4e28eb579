/**
 * Knows a gRPC server's connections: keeps GOAWAY frames and headers without bounds away from them (see `goaway_filter.ts`) and
 * ends them without a farewell, once no call is under way. A connection that simply breaks is
 * something that every client must handle anyway. It lets much come at once (see `flow_control.ts`), and
 * hands on each stream.
 *
 * grpc-js offers no such hook, so this overrides its private `createHttp2Server`. Should a later
 * version rename it, the constructor throws; should it stop calling it, `listen` fails.
 *
 * @module
 */

import type { Server, ServerCredentials } from "@grpc/grpc-js";
import type { Http2Server, IncomingHttpHeaders, ServerHttp2Stream } from "node:http2";
import { Server as NetServer, type Socket } from "node:net";
import { widenWindow } from "./flow_control.ts";
import { type Excess, filterGoaway } from "./goaway_filter.ts";

interface GrpcServerInternals {
  createHttp2Server?: (credentials: ServerCredentials) => Http2Server;
}

/** Of a call's headers, where nobody says. */
const HEADER_BYTES_MAX = 32 * 1024;
/** Lengths are overestimated by less; and whose headers are somewhat too long is told so in an answer, by `limitServer`. */
const UNPACKED_FACTOR = 2;

/** What a registry may be told. */
export interface SocketRegistryOptions {
  /** Told of each stream and its path, when grpc-js has seen it. */
  readonly onStream?: (stream: ServerHttp2Stream, path: string) => void;
  /** Of one call; a connection that brings twice as much is broken. */
  readonly headerBytesMax?: number | undefined;
  /** Told of each connection that is broken for what it brings. */
  readonly onExcess?: ((of: Excess, address: string) => void) | undefined;
}

export class SocketRegistry {
  readonly #sockets = new Set<Socket>();
  readonly #listeners: NetServer[] = [];

  /** Call before `bindAsync`. */
  constructor(
    server: Server,
    { onStream = () => {}, headerBytesMax = HEADER_BYTES_MAX, onExcess = () => {} }:
      SocketRegistryOptions = {},
  ) {
    const internals = server as unknown as GrpcServerInternals;
    const createHttp2Server = internals.createHttp2Server;
    if (typeof createHttp2Server !== "function") {
      throw new Error(
        "this version of @grpc/grpc-js has no Server.createHttp2Server, through which its " +
          "connections are ended: pin a version that has it, or teach socket_registry.ts its name",
      );
    }
    internals.createHttp2Server = (credentials) => {
      const listener = createHttp2Server.call(server, credentials);
      const filter = (socket: Socket) =>
        filterGoaway(
          socket,
          headerBytesMax * UNPACKED_FACTOR,
          (of) => onExcess(of, socket.remoteAddress ?? "unknown"),
        );
      this.#listeners.push(listener);
      widenWindow(listener);
      listener.prependListener("connection", (socket: Socket) => {
        this.#sockets.add(socket);
        socket.once("close", () => this.#sockets.delete(socket));
        if (!credentials._isSecure()) filter(socket);
      });
      listener.prependListener("secureConnection", filter);
      listener.on("stream", (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => {
        onStream(stream, headers[":path"] ?? "");
      });
      return listener;
    };
  }

  /** Whether a listener was made since the registry was. */
  get isArmed(): boolean {
    return this.#listeners.length > 0;
  }

  /** Takes no more connections; those that stand go on. */
  stopListening(): void {
    // Http2Server.close would say GOAWAY on idle connections.
    for (const listener of this.#listeners) NetServer.prototype.close.call(listener);
  }

  /** Breaks every connection. */
  destroyAll(): void {
    for (const socket of this.#sockets) socket.destroy();
  }
}
