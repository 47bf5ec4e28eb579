/**
 * The API over HTTP: each route of the table goes through the gate, becomes the message of its call,
 * and is answered by the same handlers as a call over gRPC.
 *
 * @module
 */

import {
  create,
  type DescMessage,
  type DescMethod,
  type JsonObject,
  type MessageInitShape,
} from "@bufbuild/protobuf";
import { type Exchange, jsonAnswer, type Route } from "../http/mod.ts";
import type { Logger } from "../observability/mod.ts";
import {
  type CallContext,
  type CallObserver,
  codeNameOf,
  type GetJobStatusResponse,
  MasterService,
  methodPath,
  plainly,
  Refusal,
  requestIdOf,
  type ServiceHandlers,
} from "../rpc/mod.ts";
import type { AuditReader, Principal, WebGate } from "../security/mod.ts";
import { admit, type Ask } from "./admission.ts";
import { jsonBody } from "./body.ts";
import { bytesAnswer } from "./bytes_answer.ts";
import { type Credentials, credentialsOf, refuseForeignPages } from "./credentials.ts";
import { refusalAnswer, statusOf } from "./faults.ts";
import { tellingOf } from "./call_streams.ts";
import { downloadAnswer, type PieceSource } from "./download.ts";
import {
  EventStreams,
  type EventStreamsOptions,
  LAST_ID,
  type StreamOwner,
} from "./event_stream.ts";
import type { LiveSource } from "./live_feed.ts";
import { ownHandlers } from "./own.ts";
import { jsonOf } from "./proto_json.ts";
import { hasQuery, inWordsOfQuery, requestOf } from "./request.ts";
import {
  API_ROOT,
  API_ROUTES,
  type ApiRow,
  type CallRow,
  routeName,
  type StreamRow,
  type View,
} from "./routes.ts";

/** What the API needs of a master that has started. */
export interface ApiMaster {
  readonly nodeId: string;
  readonly clusterId: string;
  readonly version: string;
  /** As they answer gRPC: here, or by whoever leads. */
  readonly handlers: ServiceHandlers<typeof MasterService>;
  readonly live: LiveSource;
  /** The types inside the program, described. */
  jobTypes(): readonly object[];
}

export interface ApiOptions {
  /** Undefined: it has not started yet. */
  readonly master: () => ApiMaster | undefined;
  readonly gate: WebGate;
  /** Names under which pages may ask for changes where everybody is let in; absent: private ones. */
  readonly takesHost?: (host: string) => boolean;
  readonly observer: CallObserver;
  /** Undefined: none is written. */
  readonly audit: AuditReader | undefined;
  /** Longest message of a call, in bytes; a body may be longer by what base64 takes. */
  readonly messageBytesMax: number;
  readonly log: Logger;
  readonly streams?: Omit<EventStreamsOptions, "stillValid">;
  readonly now?: () => number;
}

/** A call of the API on its way to its answer. */
export interface ApiCall {
  readonly row: ApiRow;
  readonly request: Request;
  readonly exchange: Exchange;
  readonly credentials: Credentials;
  readonly requestId: string;
}

/** Time allowed to a call, in ms. */
const CALL_TIMEOUT_MS = 30_000;
const LATE = new Refusal("outcome_unknown", "the call took too long, and may be carried out yet");
const HUNG_UP = new Refusal("cancelled", "whoever asked has gone");
const OK_STATUS = 200;
/** Room in a body for what is not payload. */
const BODY_MARGIN_BYTES = 64 * 1024;

/** The routes of the API. */
export function apiRoutes(options: ApiOptions): Route[] {
  const gateway = new Gateway(options);
  return API_ROUTES.map((row): Route => ({
    path: `${API_ROOT}${row.path}`,
    methods: [row.verb],
    access: "judged",
    // The others are told of by this one.
    ...(row.path === "/openapi.json" ? {} : { isUnlisted: true }),
    handle: (request, exchange) => gateway.answer(row, request, exchange),
  }));
}

/** Answers the routes of the table. */
export class Gateway {
  readonly #options: ApiOptions;
  readonly #own: ReturnType<typeof ownHandlers>;
  readonly streams: EventStreams;
  /** Faults of ours that are in the log. */
  readonly #told = new WeakSet<Refusal>();

  constructor(options: ApiOptions) {
    this.#options = options;
    this.streams = new EventStreams({
      stillValid: (principal) => options.gate.stillValid(principal, Date.now()),
      ...options.streams,
    });
    this.#own = ownHandlers(this, options);
  }

  async answer(row: ApiRow, request: Request, exchange: Exchange): Promise<Response> {
    const { gate, takesHost } = this.#options;
    try {
      const credentials = credentialsOf(request, exchange, !gate.isOpen);
      if (row.verb !== "GET") {
        const { login } = credentials;
        refuseForeignPages(request, { login, isOpen: gate.isOpen, takesHost });
      }
      const requestId = requestIdOf(
        request.headers.get("x-request-id") ?? undefined,
        () => crypto.randomUUID(),
      );
      const call = { row, request, exchange, credentials, requestId };
      switch (row.kind) {
        case "call":
          return await this.#call(row, call);
        case "stream":
          return await this.#stream(row, call);
        case "own":
          return await this.#own[row.own](row, call);
      }
    } catch (failure) {
      const refusal = Refusal.of(failure);
      if (refusal.reason === "internal") this.#tellOfOurFault(row, refusal);
      return refusalAnswer(refusal);
    }
  }

  /** Once for each, though it passes here twice: where its trace is known, and where it is answered. */
  #tellOfOurFault(row: ApiRow, refusal: Refusal): void {
    if (this.#told.has(refusal)) return;
    this.#told.add(refusal);
    this.#options.log.error("a call of the HTTP API failed with an internal error", {
      route: routeName(row),
      error: refusal.cause ?? refusal,
    });
  }

  /** Who calls. @throws Refusal when they may not */
  admit(call: ApiCall, ask: Ask, traceparent?: string): Promise<Principal> {
    return admit(this.#options.gate, call, ask, traceparent);
  }

  /** Of a stream that somebody was let in to by `ask`. */
  ownerOf(principal: Principal, ask: Ask): StreamOwner {
    const { gate } = this.#options;
    return { principal, stillMay: () => gate.may(principal, ask) };
  }

  /** The master. @throws Refusal `unavailable` while it starts */
  get master(): ApiMaster {
    const master = this.#options.master();
    if (master !== undefined) return master;
    throw new Refusal("unavailable", "this master is starting, or waits to join a cluster");
  }

  /** The body as JSON. @throws Refusal when it is none, or too long */
  body({ row, request, exchange }: ApiCall): Promise<JsonObject> {
    const { messageBytesMax } = this.#options;
    const own = row.kind === "own" ? row.bodyBytesMax : undefined;
    const bound = own === undefined
      ? {
        bytesMax: Math.ceil(messageBytesMax * 4 / 3) + BODY_MARGIN_BYTES,
        allowedBy: "grpc.max_msg_size allows",
      }
      : { bytesMax: own, allowedBy: "this route takes" };
    return jsonBody(request, exchange, bound);
  }

  async #call(row: CallRow, call: ApiCall): Promise<Response> {
    const method: DescMethod = MasterService.method[row.rpc];
    const { request, exchange } = call;
    const query = new URL(request.url).searchParams;
    const isDownload = isBytes(row.view) && takeFlag(query, "download");
    const over = new AbortController();
    const timer = setTimeout(() => over.abort(LATE), CALL_TIMEOUT_MS);
    exchange.gone.addEventListener("abort", () => over.abort(HUNG_UP), { once: true });
    const { context, settled } = await this.#begin(method, call, over.signal)
      .catch((refusal) => {
        clearTimeout(timer);
        throw refusal;
      });
    const answer = await settled(async () => {
      const message = requestOf(row, method.input, {
        params: exchange.params,
        query,
        ...(hasQuery(row) ? {} : { body: await this.body(call) }),
      });
      const handler = this.master.handlers[row.rpc] as unknown as UnaryHandler;
      return await handler(message, context);
    }).catch((failure) => {
      throw hasQuery(row) ? inWordsOfQuery(failure) : failure;
    }).finally(() => clearTimeout(timer));
    return answerOf(row.view, method.output, answer, isDownload);
  }

  async #stream(row: StreamRow, call: ApiCall): Promise<Response> {
    const method: DescMethod = MasterService.method[row.rpc];
    const { request, exchange } = call;
    const over = new AbortController();
    const { principal, context, settled } = await this.#begin(method, call, over.signal);
    const source = (write: (message: MessageInitShape<DescMessage>) => Promise<void>) =>
      settled(async () => {
        const message = requestOf(row, method.input, {
          params: exchange.params,
          query: new URL(request.url).searchParams,
        });
        const handler = this.master.handlers[row.rpc] as unknown as StreamHandler;
        await handler(message, context, { write });
      }, () => undefined); // by then it has begun with another
    const owner = this.ownerOf(principal, { method: methodPath(method) });
    if (row.events === "file") {
      exchange.gone.addEventListener("abort", () => over.abort(HUNG_UP), { once: true });
      const unwatch = this.streams.watch(owner, (why) => over.abort(why));
      const pieces: PieceSource = ({ write }) => source(write).finally(unwatch);
      return await downloadAnswer(row.rpc, pieces, over.signal);
    }
    const lastEventId = request.headers.get("last-event-id");
    if (lastEventId === LAST_ID) return await settled(() => Promise.resolve(nothingMore()));
    const telling = tellingOf(row.events, method.output, lastEventId);
    return await this.streams.start(owner, exchange, (out, signal) => {
      signal.addEventListener("abort", () => over.abort(signal.reason), { once: true });
      return source(async (answer) => {
        const event = telling(answer);
        if (event === undefined) out.open();
        else await out.write(event);
      });
    });
  }

  /** Lets a call in, as metrics, traces and the audit log see it from there to its end. */
  async #begin(method: DescMethod, call: ApiCall, signal: AbortSignal): Promise<Begun> {
    const { observer, now = Date.now } = this.#options;
    const path = methodPath(method);
    const { row, request } = call;
    const observed = observer.started(path, request.headers.get("traceparent") ?? undefined, {
      verb: row.verb,
      route: `${API_ROOT}${row.path}`,
    });
    const { within = plainly } = observed;
    const settled: Begun["settled"] = async (work, statusOfFailure = statusOf) => {
      try {
        const answer = await within(work);
        observed.ended("OK", undefined, OK_STATUS);
        return answer;
      } catch (failure) {
        const refusal = Refusal.of(failure);
        if (refusal.reason === "internal") within(() => this.#tellOfOurFault(row, refusal));
        observed.ended(codeNameOf(refusal.reason), failure, statusOfFailure(refusal));
        throw refusal;
      }
    };
    const ask = { method: path };
    const principal = await this.admit(call, ask, observed.traceparent).catch((refusal) =>
      settled(() => Promise.reject(refusal))
    );
    return {
      principal,
      settled,
      context: {
        method: path,
        caller: principal,
        requestId: call.requestId,
        traceparent: observed.traceparent,
        note: observed.note,
        peerAddress: call.exchange.peerAddress,
        deadlineMs: method.methodKind === "unary" ? now() + CALL_TIMEOUT_MS : Infinity,
        signal,
      },
    };
  }
}

function nothingMore(): Response {
  return new Response(null, { status: 204, headers: { "cache-control": "no-store" } });
}

interface Begun {
  readonly principal: Principal;
  readonly context: CallContext;
  /** Does the work of the call, and notes how it ended; by default a failure is answered with its status. */
  settled<Answer>(
    work: () => Promise<Answer>,
    statusOfFailure?: (refusal: Refusal) => number | undefined,
  ): Promise<Answer>;
}

type UnaryHandler = (request: unknown, context: CallContext) => unknown;
type StreamHandler = (
  request: unknown,
  context: CallContext,
  out: { write(message: MessageInitShape<DescMessage>): Promise<void> },
) => Promise<void>;

function answerOf(
  view: View | undefined,
  output: DescMessage,
  answer: unknown,
  isDownload: boolean,
): Response {
  const init = answer as MessageInitShape<DescMessage>;
  if (isBytes(view)) {
    const { job } = create(output, init) as GetJobStatusResponse;
    if (job === undefined) throw new Error("invariant: the status of a job has the job");
    return bytesAnswer(view.bytes, job, isDownload);
  }
  const json = jsonOf(output, init);
  return jsonAnswer(200, view === undefined ? json : fieldsOf(view, json));
}

function isBytes(view: View | undefined): view is Extract<View, { readonly bytes: unknown }> {
  return view !== undefined && "bytes" in view;
}

function fieldsOf(view: Extract<View, { readonly fields: unknown }>, json: JsonObject): JsonObject {
  const job = json.job as JsonObject;
  const shown = view.fields.map((name) => [view.as ?? name, json[name] ?? null]);
  return { job_id: job.id ?? "", status: job.status ?? "", ...Object.fromEntries(shown) };
}

/** Whether a flag of the route's own is set; it is taken out, for the call does not know it. */
function takeFlag(query: URLSearchParams, name: string): boolean {
  const value = query.get(name);
  query.delete(name);
  return value !== null && value !== "false";
}
