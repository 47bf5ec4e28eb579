/**
 * A small HTTP server for a node's own pages: exact paths, GET and HEAD, and answers that say what
 * to do when the question was wrong.
 *
 * On `Deno.serve`, not on node:http: a TLS listener of the node compatibility layer shares its
 * session tickets with the gRPC listeners of the process (see the security guide).
 *
 * @module
 */

import type { Logger } from "../observability/mod.ts";
import { jsonAnswer } from "./answer.ts";

/** One path. */
export interface Route {
  /** Exact, from the first slash: `/health`. */
  readonly path: string;
  /** Default GET; whoever takes GET takes HEAD. */
  readonly methods?: readonly string[];
  /** May throw: the caller gets a 500 that tells nothing, the log tells all. */
  handle(request: Request): Response | Promise<Response>;
}

export interface HttpServerOptions {
  /** Name or address to bind. */
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  /** How a person changes the port, for errors: `cluster.http_port (--http-port, HTTP_PORT)`. */
  readonly setting: string;
  readonly routes: readonly Route[];
  /** PEM. */
  readonly tls?: { readonly cert: string; readonly key: string };
  readonly log: Logger;
}

export interface HttpServer {
  readonly port: number;
  /** Without a path: `http://127.0.0.1:8080`. */
  readonly url: string;
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

/**
 * Listens.
 *
 * @throws ListenError
 */
export function startHttpServer(options: HttpServerOptions): HttpServer {
  const routes = routesByPath(options);
  const cutOff = new AbortController();
  const state = { isStopping: false };
  const listen = {
    hostname: options.host,
    port: options.port,
    onListen() {},
    onError: (failure: unknown) => failed(options.log, "?", failure),
  };
  const handle = async (request: Request) => {
    const response = await endingWith(cutOff.signal, answer(routes, request, options.log));
    // Kept-alive connections would otherwise bring the next request to a server that is leaving.
    if (state.isStopping) response.headers.set("connection", "close");
    return response;
  };
  const server = open(options, () => Deno.serve({ ...listen, ...options.tls }, handle));
  return {
    port: server.addr.port,
    url: urlOf(options, server.addr.port),
    async stop(graceMs = STOP_GRACE_MS) {
      state.isStopping = true;
      const { promise: abandoned, resolve: abandon } = Promise.withResolvers<void>();
      const timers = [
        setTimeout(() => cutOff.abort(), graceMs),
        // Someone who asks and does not read cannot be cut off; the end of the process does it.
        setTimeout(abandon, graceMs + CUT_OFF_MS),
      ];
      await Promise.race([server.shutdown(), abandoned]);
      for (const timer of timers) clearTimeout(timer);
    },
  };
}

function routesByPath({ routes, setting }: HttpServerOptions): ReadonlyMap<string, Route> {
  const byPath = new Map<string, Route>();
  for (const route of routes) {
    if (byPath.has(route.path)) {
      throw new ListenError(
        `${route.path} is served twice on the port of ${setting}: choose another metrics.path, ` +
          "or a port of its own for the metrics",
      );
    }
    byPath.set(route.path, route);
  }
  return byPath;
}

function urlOf({ host, tls }: HttpServerOptions, port: number): string {
  const shown = host.includes(":") ? `[${host}]` : host;
  return `${tls === undefined ? "http" : "https"}://${shown}:${port}`;
}

async function answer(
  routes: ReadonlyMap<string, Route>,
  request: Request,
  log: Logger,
): Promise<Response> {
  // A Host header that is no host makes a URL that is none.
  const path = URL.parse(request.url)?.pathname;
  if (path === undefined) {
    return jsonAnswer(400, { error: "bad_request", message: "the Host header names no host" });
  }
  const route = routes.get(path);
  if (route === undefined) return notFound(routes, path);
  const methods = methodsOf(route);
  if (!methods.includes(request.method)) {
    const message = `${path} takes ${methods.join(" and ")}, not ${request.method}`;
    return jsonAnswer(405, { error: "method_not_allowed", message }, { allow: methods.join(", ") });
  }
  try {
    const response = await route.handle(request);
    return request.method === "HEAD" ? await withoutBody(response) : response;
  } catch (failure) {
    return failed(log, path, failure);
  }
}

function methodsOf(route: Route): string[] {
  const methods = [...route.methods ?? ["GET"]];
  if (methods.includes("GET")) methods.push("HEAD");
  return methods;
}

function notFound(routes: ReadonlyMap<string, Route>, path: string): Response {
  const shown = path.slice(0, SHOWN_PATH_LENGTH_MAX);
  return jsonAnswer(404, {
    error: "not_found",
    message: `there is nothing at ${shown}`,
    paths: [...routes.keys()].sort(),
  });
}

/**
 * The answer, which ends when `cutOff` is aborted. `Deno.serve` itself cannot be made to hurry once
 * it has been asked to finish.
 */
async function endingWith(cutOff: AbortSignal, answering: Promise<Response>): Promise<Response> {
  const { promise: late, resolve: giveUp } = Promise.withResolvers<Response>();
  const whenCutOff = () => {
    giveUp(jsonAnswer(503, { error: "stopping", message: "this node is stopping" }));
  };
  cutOff.addEventListener("abort", whenCutOff);
  try {
    const response = await Promise.race([answering, late]);
    const isStream = response.body !== null && !response.headers.has("content-length");
    if (!isStream) return response;
    const body = response.body.pipeThrough(new TransformStream(), { signal: cutOff });
    return new Response(body, response);
  } finally {
    cutOff.removeEventListener("abort", whenCutOff);
  }
}

async function withoutBody(response: Response): Promise<Response> {
  await response.body?.cancel();
  return new Response(null, { status: response.status, headers: response.headers });
}

function failed(log: Logger, path: string, failure: unknown): Response {
  log.error("an HTTP page failed", { path, error: failure });
  const message = "this page cannot be shown; the log of the node says why";
  return jsonAnswer(500, { error: "internal", message });
}

function open<Server>(options: HttpServerOptions, listen: () => Server): Server {
  const { host, port, setting } = options;
  try {
    return listen();
  } catch (cause) {
    const [problem, remedy] = whatToDo(cause, setting);
    throw new ListenError(`cannot listen on ${host}:${port} for HTTP: ${problem}; ${remedy}`, {
      cause,
    });
  }
}

function whatToDo(cause: unknown, setting: string): [problem: string, remedy: string] {
  if (cause instanceof Deno.errors.AddrInUse) {
    return ["another process uses the port", `stop it, or choose another port with ${setting}`];
  }
  if (cause instanceof Deno.errors.PermissionDenied) {
    return [
      "this user may not use the port",
      `choose one above 1023 with ${setting}, or grant CAP_NET_BIND_SERVICE`,
    ];
  }
  if (cause instanceof Deno.errors.AddrNotAvailable) {
    return ["the address is not one of this machine", "bind to one that is, or to 0.0.0.0"];
  }
  const message = cause instanceof Error ? cause.message : String(cause);
  return [message, `check the host to bind, and ${setting}`];
}
