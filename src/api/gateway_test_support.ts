/**
 * The API on a port of this machine, over handlers that a test gives and a gate as production has it.
 *
 * @module
 */

import { startHttpServer } from "../http/mod.ts";
import { discardLogger } from "../observability/mod.ts";
import { type CallContext, type MasterService, Refusal, type ServiceHandlers } from "../rpc/mod.ts";
import {
  type AuditEvent,
  type CallLimits,
  createTokenVerifier,
  issueTokens,
  loadPolicies,
  type WebGate,
  webGate,
} from "../security/mod.ts";
import { type ApiOptions, apiRoutes } from "./gateway.ts";
import type { ClusterNow, JobChange, LiveSource } from "./live_feed.ts";

const SIGNER = {
  profile: "production",
  secret: "mFhHbzy1cNxqHrGCWEqgB5C5qVKj1xj0pQ2xw4yJ8uE=",
  issuer: "conductor",
  audience: "conductor-api",
} as const;

export async function tokenOf(role: string, namespaces?: readonly string[]): Promise<string> {
  const ttlMs = 600_000;
  const { accessToken } = await issueTokens(SIGNER, {
    subject: role,
    roles: [role],
    accessTtlMs: ttlMs,
    refreshTtlMs: ttlMs,
    nowMs: Date.now(),
    ...(namespaces === undefined ? {} : { namespaces }),
  });
  return accessToken;
}

/** Roles are enforced. What it writes down goes to `audited`. */
export async function strictGate(
  audited: AuditEvent[] = [],
  limits: CallLimits | null = null,
): Promise<WebGate> {
  return webGate({
    profile: "production",
    tokens: await createTokenVerifier({ ...SIGNER, publicKeyPath: "", skipExpiry: false }),
    peers: null,
    policies: await loadPolicies(),
    limits,
    audit: { record: (event: AuditEvent) => audited.push(event) } as never,
  });
}

/** As in development without roles. */
function openGate(): WebGate {
  return webGate({
    profile: "development",
    tokens: null,
    peers: null,
    policies: null,
    limits: null,
    audit: null,
  });
}

type Handler = (request: never, call: CallContext, ...more: never[]) => unknown;
/** Some of the handlers, by their calls. */
export type SomeHandlers = { readonly [Name in keyof typeof MasterService["method"]]?: Handler };

/** What happens, as a test says. */
export class LiveStub implements LiveSource {
  readonly #tell = new Set<(change: JobChange) => void>();
  term = 1;

  get watchers(): number {
    return this.#tell.size;
  }

  change(change: JobChange): void {
    for (const tell of this.#tell) tell(change);
  }

  onChange(tell: (change: JobChange) => void): () => void {
    this.#tell.add(tell);
    return () => this.#tell.delete(tell);
  }

  now(namespaces?: readonly string[]): ClusterNow {
    return {
      ...{ at: "2026-11-26T05:00:00.000Z", node_id: "node-1", cluster_id: "c", version: "1" },
      ...{ leader_id: "node-1", raft_state: "Leader", term: this.term, commit_index: 1 },
      ...{ applied_index: 1, last_log_index: 1, members: [{ node_id: "node-1" }] },
      workers: { total: 0, active: 0, draining: 0, disconnected: 0, slots: 0, busy: 0 },
      ...{
        jobs: { seen: namespaces?.length ?? -1 },
        types: [],
        queues: [],
        latency: {},
        point: {},
      },
    };
  }

  history() {
    return { interval_ms: 2_000, points: 0, columns: {} };
  }
}

/** What a test gives; the rest is usual. */
export interface Setup {
  readonly live?: LiveSource;
  readonly gate?: WebGate;
  readonly handlers?: SomeHandlers;
  readonly isStarting?: boolean;
  readonly more?: Partial<ApiOptions>;
}

/** Asks a route below `/api/v1`, with headers of its own. */
export type Ask = (route: string, init?: Omit<RequestInit, "method">) => Promise<Response>;

/** Serves while `work` goes on. */
export async function serving(
  { gate = openGate(), handlers = {}, live = new LiveStub(), isStarting = false, more = {} }: Setup,
  work: (ask: Ask, url: string) => Promise<void>,
): Promise<void> {
  const refusing = new Proxy(handlers, {
    get: (given, name) =>
      Reflect.get(given, name) ?? (() => {
        throw new Refusal("unimplemented", `this test has no ${String(name)}`);
      }),
  });
  const master = {
    nodeId: "node-1",
    clusterId: "cluster",
    version: "1.2.3",
    handlers: refusing as ServiceHandlers<typeof MasterService>,
    live,
    jobTypes: () => [],
  };
  const server = await startHttpServer({
    host: "127.0.0.1",
    port: 0,
    setting: "cluster.http_port",
    log: discardLogger,
    routes: apiRoutes({
      master: () => isStarting ? undefined : master,
      gate,
      observer: { started: () => ({ traceparent: "", ended: () => {} }) },
      audit: undefined,
      messageBytesMax: 4_096,
      log: discardLogger,
      ...more,
    }),
  });
  try {
    await work((route, init) => {
      const [method = "", path] = route.split(" ");
      return fetch(`${server.url}/api/v1${path}`, { ...init, method });
    }, server.url);
  } finally {
    await server.stop();
  }
}

/** A body of JSON, and that it is one. */
export function json(body: unknown, headers: Record<string, string> = {}) {
  return {
    body: JSON.stringify(body),
    headers: { "content-type": "application/json", ...headers },
  };
}
