/**
 * The limits of a gRPC server that grpc-js itself does not have: of connections (see
 * `connection_limits.ts`) and of headers.
 *
 * grpc-js offers no such hook, so this overrides its private `createHttp2Server`, as
 * `session_guard.ts` does.
 */

import type { Server, ServerCredentials } from "@grpc/grpc-js";
import type { Http2Server, IncomingHttpHeaders, ServerHttp2Stream } from "node:http2";
import type { Socket } from "node:net";
import {
  type ConnectionBounds,
  type ConnectionLimit,
  ConnectionLimits,
} from "./connection_limits.ts";

/** Bounds of a gRPC server. */
export interface ServerBounds extends ConnectionBounds {
  /** Names and values of one call's headers, in bytes. */
  readonly headerBytesMax: number;
}

/**
 * Told of each connection or call that a limit struck; of `stalled` ones by whoever counts those (`rpc/held_bytes.ts`,
 * `http/held_bodies.ts`), of `pipelined` ones by servers of HTTP/1.1.
 */
export type OnServerLimit = (
  limit: ConnectionLimit | "headers" | "frames" | "pipelined" | "stalled",
  address: string,
) => void;

interface GrpcServerInternals {
  createHttp2Server?: (credentials: ServerCredentials) => Http2Server;
}

type StreamHandler = (
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
  ...rest: unknown[]
) => void;

/** What RFC 9113 counts for each header beside its name and value. */
const HEADER_OVERHEAD_BYTES = 32;
const RESOURCE_EXHAUSTED = "8";
/** Calls of one connection that are refused for their headers, before it ends. */
const REFUSED_MAX = 16;

/**
 * Puts limits before a gRPC server. Call it before `bindAsync`.
 *
 * @throws {Error} when this version of grpc-js has no `createHttp2Server`
 */
export function limitServer(
  server: Server,
  bounds: ServerBounds,
  onLimit: OnServerLimit = () => {},
): void {
  const internals = server as unknown as GrpcServerInternals;
  const createHttp2Server = internals.createHttp2Server;
  if (typeof createHttp2Server !== "function") {
    throw new Error(
      "this version of @grpc/grpc-js has no Server.createHttp2Server, through which connections " +
        "are limited: pin a version that has it, or teach server_limits.ts the new name",
    );
  }
  // One count for the addresses of a host that resolves to several.
  const limits = new ConnectionLimits(bounds, onLimit);
  internals.createHttp2Server = (credentials) => {
    const http2Server = createHttp2Server.call(server, credentials);
    http2Server.prependListener("connection", (socket: Socket) => limits.admit(socket));
    http2Server.on("session", (session) =>
      // The first thing that a client of HTTP/2 says.
      session.once("remoteSettings", () => limits.proven(session.socket)));
    limitStreams(http2Server, limits, bounds, onLimit);
    return http2Server;
  };
}

function limitStreams(
  http2Server: Http2Server,
  limits: ConnectionLimits,
  { headerBytesMax }: ServerBounds,
  onLimit: OnServerLimit,
): void {
  const refusedOf = new WeakMap<object, number>();
  // Headers are judged before grpc-js makes anything of them, so its handlers come behind ours.
  const handlers = http2Server.listeners("stream") as StreamHandler[];
  http2Server.removeAllListeners("stream");
  http2Server.on("stream", (stream: ServerHttp2Stream, headers, ...rest) => {
    // What came behind it in one piece may have ended its connection by now (a ping that is too short, say). An
    // answer would be thrown back then, and end the process; grpc-js looks for that only in calls of methods that it knows.
    stream.on("error", () => {}); // whoever sent this may hang up on the answer
    if (stream.destroyed || stream.closed) return;
    const { session } = stream;
    const { socket } = session ?? {};
    if (socket !== undefined) stream.once("close", limits.requested(socket));
    const bytes = bytesOf(headers);
    if (bytes > headerBytesMax) {
      onLimit("headers", socket?.remoteAddress ?? "unknown");
      const refused = 1 + (session === undefined ? 0 : refusedOf.get(session) ?? 0);
      if (session !== undefined) refusedOf.set(session, refused);
      // Whoever does not hear it does it on purpose.
      if (refused > REFUSED_MAX) return session?.destroy();
      return refuse(
        stream,
        `the headers have ${bytes} bytes of ${headerBytesMax} that are allowed`,
      );
    }
    for (const handler of handlers) handler.call(http2Server, stream, headers, ...rest);
  });
}

/** @param message plain ASCII without a percent sign, which would need encoding */
function refuse(stream: ServerHttp2Stream, message: string): void {
  stream.respond({
    ":status": 200,
    "content-type": "application/grpc+proto",
    "grpc-status": RESOURCE_EXHAUSTED,
    "grpc-message": message,
  }, { endStream: true });
  stream.resume();
}

function bytesOf(headers: IncomingHttpHeaders): number {
  let bytes = 0;
  for (const [name, value] of Object.entries(headers)) {
    const values = Array.isArray(value) ? value : [value ?? ""];
    for (const each of values) {
      bytes += name.length + each.length + HEADER_OVERHEAD_BYTES; // on the wire a character is a byte
    }
  }
  return bytes;
}
