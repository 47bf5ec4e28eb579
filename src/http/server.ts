/**
 * A small HTTP server for a node's own pages: exact paths, GET and HEAD, and answers that say what
 * to do when the question was wrong.
 *
 * On node:http, whose connections can be counted, timed and asked for certificates (see
 * `security/web_door.ts`).
 *
 * @module
 */

import type { IncomingMessage, Server, ServerResponse } from "node:http";
import { pipeline } from "node:stream/promises";
import type { Logger } from "../observability/mod.ts";
import {
  createWebServer,
  hasResumedCertificate,
  type PageCall,
  type PageGate,
  type PageRefusal,
  requestCertificate,
  type WebDoorOptions,
} from "../security/mod.ts";
import { faultAnswer, jsonAnswer } from "./answer.ts";
import { compressed } from "./compression.ts";
import { type Exchange, exchangeOf } from "./exchange.ts";
import { type BodyKeeper, HeldBodies } from "./held_bodies.ts";
import { type Routable, Router, RouteTaken } from "./routing.ts";

/**
 * Who may see a page: anybody, or holders of a permission where roles are enforced. `judged`: the
 * route asks the gate by itself, since it needs to know who calls.
 */
export type PageAccess = "open" | "judged" | { readonly permission: string };

/** One path. */
export interface Route extends Routable {
  /** Said of every page, so that none is open by mistake. */
  readonly access: PageAccess;
  /** Answered while the node stops, until the very end: what tells others that it does, and how it fares. */
  readonly isLast?: boolean;
  /** May throw: the caller gets a 500 that tells nothing, the log tells all. The request has no body. */
  handle(request: Request, exchange: Exchange): Response | Promise<Response>;
}

export interface HttpServerOptions {
  /** Name or address to bind. */
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  /** How a person changes the port, for errors: `cluster.http_port (--http-port, HTTP_PORT)`. */
  readonly setting: string;
  /** How a person changes the host. */
  readonly hostSetting?: string;
  readonly routes: readonly Route[];
  /** TLS, and limits before anybody is known; absent: plain text, without limits. */
  readonly door?: WebDoorOptions;
  /** Bounds what is kept of bodies that are on their way, in or out; absent: by the usual bound. */
  readonly bodies?: HeldBodies;
  /** Judges calls of pages that are not open; absent: all are let in. */
  readonly admit?: PageGate;
  /** Whether pages that are not open may be asked for by what a `Host` header says; absent: by all. */
  readonly takesHost?: (host: string) => boolean;
  readonly log: Logger;
}

export interface HttpServer {
  readonly port: number;
  /** Without a path: `http://127.0.0.1:8080`. */
  readonly url: string;
  /**
   * Answers nothing more but pages that are `isLast`, and lets what is under way finish for `graceMs`, then cuts
   * it off. Goes before `stop`, for what the other pages need to be taken away between the two.
   */
  quiet(graceMs?: number): Promise<void>;
  /** Takes no more, lets what is under way finish for `graceMs`, then cuts it off. */
  stop(graceMs?: number): Promise<void>;
}

/** An address cannot be listened on; the message says which setting to change. */
export class ListenError extends Error {
  override name = "ListenError";
}

const STOP_GRACE_MS = 2_000;
/** Time for answers that are cut off to leave, in ms. */
const CUT_OFF_MS = 250;
const SHOWN_PATH_LENGTH_MAX = 200;
/** What is said of a request that could not be read, by the runtime's word for why. */
const UNREAD: Readonly<Record<string, string>> = {
  HPE_HEADER_OVERFLOW: "431 Request Header Fields Too Large",
  ERR_HTTP_REQUEST_TIMEOUT: "408 Request Timeout",
};

/**
 * Listens.
 *
 * @throws ListenError
 */
export async function startHttpServer(options: HttpServerOptions): Promise<HttpServer> {
  const router = routerOf(options);
  const cutOff = new AbortController();
  const stopping = new AbortController();
  const underWay = new Set<Promise<void>>();
  const { bodies: held = new HeldBodies() } = options;
  const web = createWebServer(options.door ?? { tls: null }, (incoming, outgoing) => {
    incoming.on("error", () => {}); // whoever asked has hung up, which is nobody's fault
    const gone = new AbortController();
    outgoing.once("close", () => gone.abort());
    const ends = { gone: gone.signal, stopping: stopping.signal };
    const address = incoming.socket.remoteAddress ?? "unknown";
    const bodies: BodyKeeper = {
      begin: (bytesMax, giveUp) =>
        held.begin(address, bytesMax, () => {
          options.door?.onLimit?.("stalled", address);
          giveUp();
        }),
    };
    const answering = endingWith(
      cutOff.signal,
      answer(router, incoming, ends, { ...options, bodies }),
    )
      .then((response) => compressed(response, textOf(incoming.headers["accept-encoding"])))
      .then((response) => {
        // Kept-alive connections would otherwise bring the next request to a server that is leaving;
        // and what nobody wanted to read of a request cannot be told from the next one's beginning.
        const isUnread = !incoming.complete && incoming.readableLength > 0;
        const isTooLong = incoming.isPaused();
        if (stopping.signal.aborted || isUnread || isTooLong) {
          response.headers.set("connection", "close");
        }
        if (!isTooLong) incoming.resume();
        return send(response, incoming, outgoing, { cutOff: cutOff.signal, bodies });
      })
      .catch(() => void outgoing.destroy()) // it was cut off, or its reader has gone
      .finally(() => underWay.delete(answering));
    underWay.add(answering);
  });
  const { server, connections } = web;
  server.on("clientError", (failure: Error & { readonly code?: string }, socket) => {
    const status = UNREAD[failure.code ?? ""] ?? "400 Bad Request";
    if (socket.writable) socket.end(`HTTP/1.1 ${status}\r\nconnection: close\r\n\r\n`);
    else socket.destroy();
  });
  const port = await listening(server, options);
  return {
    port,
    url: urlOf(options, port),
    async quiet(graceMs = STOP_GRACE_MS) {
      stopping.abort();
      const { promise: late, resolve: giveUp } = Promise.withResolvers<void>();
      const timers = [
        setTimeout(() => cutOff.abort(), graceMs),
        // Who does not read that it was cut off is not waited for.
        setTimeout(giveUp, graceMs + CUT_OFF_MS),
      ];
      await Promise.race([Promise.all(underWay), late]);
      for (const timer of timers) clearTimeout(timer);
    },
    stop(graceMs = STOP_GRACE_MS) {
      stopping.abort();
      connections.endQuiet();
      return stopped(server, cutOff, graceMs);
    },
  };
}

async function stopped(server: Server, cutOff: AbortController, graceMs: number): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  const timers = [
    setTimeout(() => cutOff.abort(), graceMs),
    setTimeout(() => server.closeAllConnections(), graceMs + CUT_OFF_MS),
  ];
  await closed;
  for (const timer of timers) clearTimeout(timer);
}

/** Resolves to the port. */
function listening(server: Server, options: HttpServerOptions): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once("error", (cause) => reject(listenError(options, cause)));
    server.listen({ host: options.host, port: options.port }, () => {
      const address = server.address();
      if (address === null || typeof address === "string") {
        reject(new Error("invariant: a server that listens on TCP has a port"));
      } else resolve(address.port);
    });
  });
}

/** Writes an answer; resolves when it has left or its reader has gone. */
async function send(
  response: Response,
  { method, socket }: IncomingMessage,
  outgoing: ServerResponse,
  { cutOff, bodies }: { readonly cutOff: AbortSignal; readonly bodies: BodyKeeper },
): Promise<void> {
  const cookies = response.headers.getSetCookie();
  outgoing.writeHead(response.status, {
    ...Object.fromEntries(response.headers),
    ...(cookies.length === 0 ? {} : { "set-cookie": cookies }),
  });
  if (method === "HEAD" || response.body === null) {
    await response.body?.cancel();
    outgoing.end();
    return;
  }
  // That it was cut off is an answer too, and that one shall leave.
  const options = cutOff.aborted ? {} : { signal: cutOff };
  // Of an answer without a length only a piece is kept at a time.
  const bytes = Number(response.headers.get("content-length") ?? 0);
  const held = bodies.begin(bytes, () => socket.destroy());
  held.came(bytes);
  try {
    await pipeline(bytesOf(response.body), outgoing, options);
  } finally {
    held.over();
  }
}

async function* bytesOf(body: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield* body;
}

function routerOf({ routes, setting }: HttpServerOptions): Router<Route> {
  try {
    return new Router(routes);
  } catch (failure) {
    if (!(failure instanceof RouteTaken)) throw failure;
    throw new ListenError(
      `${failure.path} is served twice on the port of ${setting}: choose another metrics.path, ` +
        "or a port of its own for the metrics",
      { cause: failure },
    );
  }
}

function urlOf({ host, door }: HttpServerOptions, port: number): string {
  return `${(door?.tls ?? null) === null ? "http" : "https"}://${hostInUrl(host)}:${port}`;
}

function hostInUrl(host: string): string {
  return host.includes(":") ? `[${host}]` : host;
}

type AnswerOptions = Omit<HttpServerOptions, "bodies"> & { readonly bodies: BodyKeeper };

async function answer(
  router: Router<Route>,
  incoming: IncomingMessage,
  ends: Pick<Exchange, "gone" | "stopping">,
  { log, admit, takesHost, bodies }: AnswerOptions,
): Promise<Response> {
  const url = urlOfRequest(incoming);
  if (url === null) {
    return jsonAnswer(400, { error: "bad_request", message: "the Host header names no host" });
  }
  const path = url.pathname;
  const found = router.find(path);
  if (found === undefined) return notFound(router, path);
  const method = incoming.method ?? "GET";
  const route = found.byMethod.get(method);
  if (route === undefined) return methodNotAllowed(path, method, [...found.byMethod.keys()]);
  if (ends.stopping.aborted && route.isLast !== true) return stoppingAnswer(path);
  const { host } = incoming.headers;
  if (route.access !== "open" && host !== undefined && takesHost?.(host) === false) {
    return strangeHost(path, host);
  }
  try {
    const refusal = typeof route.access === "string"
      ? undefined
      : await admit?.(callOf(incoming, path, route.access.permission));
    if (refusal !== undefined) return refused(refusal);
    const request = new Request(url, { method, headers: headersOf(incoming) });
    const exchange = exchangeOf(incoming, { ...ends, params: found.params }, bodies);
    return await route.handle(request, exchange);
  } catch (failure) {
    return failed(log, path, failure);
  }
}

/**
 * What is asked for; null: the Host header is none. A target that begins with two slashes is a path like others:
 * taken for a host, `//x/metrics` would be `/metrics`, past a proxy that keeps that to itself.
 */
function urlOfRequest({ url: target = "", headers }: IncomingMessage): URL | null {
  const path = /^\/[/\\]/.test(target) ? `/.${target}` : target;
  return URL.parse(path, `http://${headers.host ?? "localhost"}`);
}

/** Without those that speak of the connection, which a Request refuses to have. */
function headersOf({ headers }: IncomingMessage): Headers {
  const kept = new Headers();
  for (const [name, value] of Object.entries(headers)) {
    if (value === undefined || name.startsWith(":")) continue;
    for (const each of Array.isArray(value) ? value : [value]) kept.append(name, each);
  }
  return kept;
}

function textOf(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value.join(", ") : value;
}

function callOf(incoming: IncomingMessage, path: string, permission: string): PageCall {
  const { authorization, traceparent } = incoming.headers;
  return {
    method: `GET ${path}`,
    permission,
    authorization,
    peerAddress: incoming.socket.remoteAddress ?? "unknown",
    certificate: requestCertificate(incoming),
    hasResumedCertificate: hasResumedCertificate(incoming),
    traceparent: typeof traceparent === "string" ? traceparent : undefined,
  };
}

function refused({ status, message, retryAfterMs }: PageRefusal): Response {
  const [error, headers] = status === 401
    ? ["unauthenticated", { "www-authenticate": "Bearer" }]
    : status === 403
    ? ["permission_denied", {}]
    : [
      status === 429 ? "resource_exhausted" : "unavailable",
      { "retry-after": String(Math.ceil((retryAfterMs ?? 1_000) / 1_000)) },
    ];
  return jsonAnswer(status, { error, message }, headers as Record<string, string>);
}

function strangeHost(path: string, host: string): Response {
  const message =
    `this node lets everybody in, and so is asked by an address, or by a name that no other site can have; ` +
    `"${
      host.slice(0, SHOWN_PATH_LENGTH_MAX)
    }" could be anybody's. Is it this node's, behind a proxy, say: put it into ` +
    "security.http_hosts, or enforce roles (security.rbac.enabled)";
  return faultAnswer(path, 403, { code: "PERMISSION_DENIED", message });
}

function methodNotAllowed(path: string, method: string, methods: readonly string[]): Response {
  const message = `${path} takes ${methods.join(" and ")}, not ${method}`;
  const fault = { code: "METHOD_NOT_ALLOWED", message };
  return faultAnswer(path, 405, fault, { allow: methods.join(", ") });
}

function notFound(router: Router<Route>, path: string): Response {
  const shown = path.slice(0, SHOWN_PATH_LENGTH_MAX);
  return faultAnswer(path, 404, {
    code: "NOT_FOUND",
    message: `there is nothing at ${shown}`,
    paths: router.listedPaths,
  });
}

function stoppingAnswer(path: string): Response {
  return faultAnswer(path, 503, { code: "UNAVAILABLE", message: "this node is stopping" });
}

/** The answer, or that this node is stopping when `cutOff` comes first. */
async function endingWith(cutOff: AbortSignal, answering: Promise<Response>): Promise<Response> {
  const { promise: late, resolve: giveUp } = Promise.withResolvers<Response>();
  const whenCutOff = () =>
    giveUp(jsonAnswer(503, { error: "stopping", message: "this node is stopping" }));
  cutOff.addEventListener("abort", whenCutOff);
  try {
    return await Promise.race([answering, late]);
  } finally {
    cutOff.removeEventListener("abort", whenCutOff);
  }
}

function failed(log: Logger, path: string, failure: unknown): Response {
  log.error("an HTTP page failed", { path, error: failure });
  const message = "this page cannot be shown; the log of the node says why";
  return faultAnswer(path, 500, { code: "INTERNAL", message });
}

function listenError(options: HttpServerOptions, cause: Error): ListenError {
  const [problem, remedy] = whatToDo(cause, options);
  const where = `${hostInUrl(options.host)}:${options.port}`;
  return new ListenError(`cannot listen on ${where} for HTTP: ${problem}; ${remedy}`, { cause });
}

function whatToDo(
  cause: Error,
  { host, setting, hostSetting = "the host to bind" }: HttpServerOptions,
): [problem: string, remedy: string] {
  switch ("code" in cause ? cause.code : undefined) {
    case "EADDRINUSE":
      return ["another process uses the port", `stop it, or choose another port with ${setting}`];
    case "EACCES":
      return [
        "this user may not use the port",
        `choose one above 1023 with ${setting}, or grant CAP_NET_BIND_SERVICE`,
      ];
    case "EADDRNOTAVAIL":
    case "EINVAL": // this runtime's word for it
      return [
        `${host} is no address of this host`,
        `choose one that it has, or 0.0.0.0 for all, with ${hostSetting}`,
      ];
    case "ENOTFOUND":
    case "EAI_AGAIN":
      return [
        `no address is known for ${host}`,
        `choose one of this host, or 0.0.0.0 for all, with ${hostSetting}`,
      ];
    default:
      return [cause.message, `check ${hostSetting}, and ${setting}`];
  }
}
