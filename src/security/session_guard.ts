import type { Server, ServerCredentials } from "@grpc/grpc-js";
import type { TLSSocket } from "node:tls";
import { type OnHandshakeRefused, watchHandshakes } from "./handshake_refusals.ts";

/** The part of Node's secure HTTP/2 server that is needed here. */
type SecureServer = Parameters<typeof watchHandshakes>[0] & {
  prependListener(event: "secureConnection", listener: (socket: TLSSocket) => void): unknown;
};

/** What {@linkcode guardServer} relies on inside grpc-js, which keeps it private. */
interface GrpcServerInternals {
  createHttp2Server?: (credentials: ServerCredentials) => SecureServer;
  bindAsync: Server["bindAsync"];
}

/** How strict the guard is. */
export interface SessionGuardOptions {
  /** Also end connections whose client certificate the TLS layer did not accept. */
  readonly clientCertificateRequired: boolean;
  /** Told of each connection ended, and of each handshake that failed. */
  readonly onRefused?: OnHandshakeRefused;
  /** Told of each connection that is let through. */
  readonly onAccepted?: (socket: TLSSocket) => void;
}

/**
 * Makes a gRPC server end every connection that resumes an earlier TLS session, before a byte of
 * HTTP/2 is read: a resumed session skips the check of the client's certificate (see
 * `peer_verification.ts`). Clients of ours always make full handshakes and are not affected.
 *
 * grpc-js offers no such hook, so this overrides its private `createHttp2Server`. Should a later
 * version rename it, this throws at once; should it stop calling it, binding fails.
 *
 * Call it before `bindAsync`.
 *
 * @throws {Error} when this version of grpc-js has no `createHttp2Server`
 */
export function guardServer(server: Server, options: SessionGuardOptions): void {
  const internals = server as unknown as GrpcServerInternals;
  const createHttp2Server = internals.createHttp2Server;
  if (typeof createHttp2Server !== "function") {
    throw new Error(
      "this version of @grpc/grpc-js has no Server.createHttp2Server, through which resumed TLS " +
        "sessions are refused: pin a version that has it, or teach session_guard.ts the new name",
    );
  }
  let guarded = 0;
  internals.createHttp2Server = (credentials) => {
    const http2Server = createHttp2Server.call(server, credentials);
    if (credentials._isSecure()) {
      http2Server.prependListener("secureConnection", (socket) => inspect(socket, options));
      if (options.onRefused !== undefined) watchHandshakes(http2Server, options.onRefused);
      guarded++;
    }
    return http2Server;
  };
  const bindAsync = server.bindAsync;
  internals.bindAsync = (address, credentials, callback) => {
    const guardedBefore = guarded;
    bindAsync.call(server, address, credentials, (failure, port) => {
      if (failure === null && credentials._isSecure() && guarded === guardedBefore) {
        server.forceShutdown();
        callback(
          new Error(
            "@grpc/grpc-js bound a TLS port without calling createHttp2Server, so resumed TLS " +
              "sessions would not be refused on it: the port was closed; see session_guard.ts",
          ),
          0,
        );
        return;
      }
      callback(failure, port);
    });
  };
}

function inspect(socket: TLSSocket, options: SessionGuardOptions): void {
  const reason = socket.isSessionReused()
    ? "resumed"
    : options.clientCertificateRequired && !socket.authorized
    ? "unauthorized"
    : undefined;
  if (reason === undefined) {
    rememberCertificate(socket);
    return options.onAccepted?.(socket);
  }
  const peerAddress = socket.remoteAddress ?? "unknown";
  socket.destroy();
  options.onRefused?.(peerAddress, reason);
}

/**
 * grpc-js asks for the peer's certificate at each call, and this runtime takes it apart each time, which
 * was a third of a call's cost. The bytes of a connection are settled by its handshake, since TLS 1.3 has
 * no renegotiation; whether they are still good is asked at each call, as before.
 */
function rememberCertificate(socket: TLSSocket): void {
  const certificate = socket.getPeerCertificate();
  Object.defineProperty(socket, "getPeerCertificate", { value: () => certificate });
}
