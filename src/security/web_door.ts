/**
 * The server under a node's pages: node:http, or node:https with TLS that follows its files. Client
 * certificates are asked for where they could be checked, and nobody has to have one.
 *
 * TLS listeners of one process share the key of their session tickets on this runtime, and this one
 * lets in people without certificates. So neither side relies on the other: the gRPC listeners end
 * resumed sessions (`session_guard.ts`) and verify each call's certificate themselves, and here a
 * certificate that comes with a resumed session counts as none.
 */

import {
  createServer as createHttpServer,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from "node:http";
import { createServer as createHttpsServer } from "node:https";
import type { Socket } from "node:net";
import { TLSSocket } from "node:tls";
import {
  type ConnectionBounds,
  type ConnectionLimit,
  ConnectionLimits,
} from "./connection_limits.ts";
import { type OnHandshakeRefused, watchHandshakes } from "./handshake_refusals.ts";
import { followTls, materialOf, type TlsSource } from "./live_tls.ts";
import { PipelinedRequests } from "./pipelined_requests.ts";
import { contextOptionsOf, type ServerWatch } from "./tls_doors.ts";

/** How a web server is protected. */
export interface WebDoorOptions {
  /** Null: plain text. */
  readonly tls: TlsSource | null;
  readonly bounds?: WebBounds;
  readonly onLimit?: (limit: ConnectionLimit | "pipelined" | "stalled", address: string) => void;
  /** Told of each handshake that failed. */
  readonly onRefused?: OnHandshakeRefused;
  /** When given, connections end when their client's certificate does. */
  readonly watched?: ServerWatch;
}

/** Bounds of a web server. */
export interface WebBounds extends ConnectionBounds {
  /** Names and values of one request's headers, in bytes. */
  readonly headerBytesMax: number;
}

const MINUTE_MS = 60_000;
/** A request with its body may take so many times as long as the first one's headers. */
const WHOLE_REQUEST = 3;
/** How often requests are looked for that have taken too long, in ms. */
const CHECKS_MS_MAX = 5_000;
const USUAL_BOUNDS: WebBounds = {
  connectionsMax: 10_000,
  connectionsOfAddressMax: 1_024,
  handshakeTimeoutMs: 10_000,
  idleTimeoutMs: MINUTE_MS,
  headerBytesMax: 32 * 1024,
};

/** A server that is not listening yet, and its connections. */
export function createWebServer(
  { tls, bounds = USUAL_BOUNDS, onLimit, onRefused, watched }: WebDoorOptions,
  handle: (request: IncomingMessage, response: ServerResponse) => void,
): { readonly server: Server; readonly connections: ConnectionLimits } {
  const connections = new ConnectionLimits(bounds, onLimit);
  const pipelined = new PipelinedRequests((address) => onLimit?.("pipelined", address));
  const counted = (request: IncomingMessage, response: ServerResponse) => {
    if (!pipelined.take(request, response)) return;
    response.once("close", connections.requested(request.socket));
    handle(request, response);
  };
  const options = {
    maxHeaderSize: bounds.headerBytesMax,
    // Of the first request's headers ours come first.
    headersTimeout: bounds.handshakeTimeoutMs * WHOLE_REQUEST,
    requestTimeout: bounds.handshakeTimeoutMs * WHOLE_REQUEST,
    // The runtime looks every 30 seconds else: who had ten for a slow body, had forty as often.
    connectionsCheckingInterval: Math.min(CHECKS_MS_MAX, bounds.handshakeTimeoutMs),
    // Ours ends idle connections; the runtime's own default of five seconds would race with them.
    keepAliveTimeout: bounds.idleTimeoutMs,
  };
  const server = tls === null
    ? createHttpServer(options, counted)
    : secured(tls, options, counted, watched);
  // The runtime would answer these by itself, and count none.
  server.on("checkExpectation", (request: IncomingMessage, response: ServerResponse) => {
    if (pipelined.take(request, response)) response.writeHead(417).end();
  });
  if (tls !== null && onRefused !== undefined) watchHandshakes(server, onRefused);
  server.prependListener("connection", (socket: Socket) => connections.admit(socket));
  return { server, connections };
}

function secured(
  tls: TlsSource,
  options: object,
  handle: (request: IncomingMessage, response: ServerResponse) => void,
  watched: ServerWatch | undefined,
): Server {
  const { authoritiesPem, options: { skipVerify } } = materialOf(tls);
  const server = createHttpsServer({
    ...options,
    ...contextOptionsOf(materialOf(tls)),
    requestCert: authoritiesPem !== undefined && !skipVerify,
    rejectUnauthorized: false,
  }, handle);
  followTls(tls, (material) => server.setSecureContext(contextOptionsOf(material)));
  server.on("secureConnection", (socket: TLSSocket) => {
    const der = certificateOf(socket);
    const { verifier = null, watch } = watched ?? {};
    if (der === undefined || verifier === null || !verifier.verify(der, Date.now()).ok) return;
    watch?.add(socket, "incoming", (nowMs) => {
      const verdict = verifier.verify(der, nowMs);
      return verdict.ok ? undefined : verdict.message;
    });
  });
  return server;
}

/** DER of the certificate that a request's client proved to hold, by a full handshake. */
export function requestCertificate(request: IncomingMessage): Uint8Array | undefined {
  return request.socket instanceof TLSSocket ? certificateOf(request.socket) : undefined;
}

/**
 * Whether the client showed a certificate when the session began that this connection resumes: it counts
 * as none, and its holder should be told so.
 */
export function hasResumedCertificate({ socket }: IncomingMessage): boolean {
  return socket instanceof TLSSocket && socket.isSessionReused() &&
    (socket.getPeerCertificate()?.raw?.length ?? 0) > 0;
}

function certificateOf(socket: TLSSocket): Uint8Array | undefined {
  if (socket.isSessionReused()) return undefined;
  const der: Uint8Array | undefined = socket.getPeerCertificate()?.raw;
  return der === undefined || der.length === 0 ? undefined : der;
}
