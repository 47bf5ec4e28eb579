/**
 * Ends a gRPC server's connections without a farewell.
 *
 * An HTTP/2 server says GOAWAY when it closes. A client on Deno 2.9.6 that has made many calls is
 * killed by that frame (nghttp2: `find_stream_on_goaway_func: Assertion stream->closed_next == NULL`;
 * `rpc_test.ts` has a client survive thousands of calls and a stop). A connection that simply breaks
 * is something every client must handle anyway, so that is how ours end: once no call is under way.
 *
 * grpc-js offers no such hook, so this overrides its private `createHttp2Server`. Should a later
 * version rename it, the constructor throws; should it stop calling it, `listen` fails.
 *
 * @module
 */

import type { Server, ServerCredentials } from "@grpc/grpc-js";
import { Server as NetServer, type Socket } from "node:net";

interface GrpcServerInternals {
  createHttp2Server?: (credentials: ServerCredentials) => NetServer;
}

export class SocketRegistry {
  readonly #sockets = new Set<Socket>();
  readonly #listeners: NetServer[] = [];

  /** Call before `bindAsync`. */
  constructor(server: Server) {
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
      this.#listeners.push(listener);
      listener.on("connection", (socket: Socket) => {
        this.#sockets.add(socket);
        socket.once("close", () => this.#sockets.delete(socket));
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
