/**
 * A worker touches only what is its own: whoever calls as a worker must be the one that it names, by
 * its token's subject or its certificate's name. So no worker's token opens another worker's session,
 * takes its attempts or reports for it. Those who may manage workers may speak for any.
 *
 * @module
 */

import type { Worker } from "../jobs/mod.ts";
import {
  type CallContext,
  type DuplexCall,
  type MasterService,
  Refusal,
  type ServiceHandlers,
} from "../rpc/mod.ts";
import { peerIp } from "../security/mod.ts";
import type { TokenParts } from "./options.ts";
import { confinement } from "./audited.ts";
import { isOwn } from "./sight.ts";
import { principalOf } from "./tokens_api.ts";

type Handlers = ServiceHandlers<typeof MasterService>;

/** The calls in whose request `worker_id` says who calls. */
const OWN_CALLS = [
  "registerWorker",
  "heartbeat",
  "reportResult",
  "deregisterWorker",
  "getParentResult",
] as const satisfies (keyof Handlers)[];

/** What lets somebody speak for workers that are not itself. */
const MANAGES_WORKERS = "worker:manage";

/**
 * Handlers that refuse a worker that names another one, and are otherwise `handlers`.
 *
 * Whoever is confined to namespaces speaks for no other worker, whatever its roles, and not for one of
 * its own name that works for others too. One that is gone counts as long as it is on record: it may be
 * out of reach for a moment, and whoever took its name meanwhile would keep it out.
 *
 * @param workerOf what the state knows of a worker
 */
export function ownWorkersOnly(
  handlers: Handlers,
  { policies, rolesAreEnforced, audit }: Pick<
    TokenParts,
    "policies" | "rolesAreEnforced" | "audit"
  >,
  workerOf: (workerId: string) => Pick<Worker, "status" | "namespaces"> | undefined,
): Handlers {
  const reasonAgainst = (workerId: string, call: CallContext): string | undefined => {
    const { userId, certificate, namespaces } = call.caller;
    const isConfined = namespaces !== undefined;
    // A certificate of role "client" names a person, who may be called as a worker is.
    const isNamed = certificate?.commonName === workerId && !certificate.roles.includes("client");
    const isItself = userId === workerId || isNamed;
    const mayBeAnother = !isConfined &&
      (!rolesAreEnforced || policies.current.grants(principalOf(call), MANAGES_WORKERS));
    if (!isItself && !mayBeAnother) {
      return `"${userId}" is not the worker ${
        JSON.stringify(workerId)
      }: a worker's token has its ` +
        "id as its subject (conductor token issue --subject ID --role worker)";
    }
    const worker = isConfined ? workerOf(workerId) : undefined;
    if (worker === undefined || isOwn(worker, call)) return;
    const isGone = worker.status === "disconnected";
    return `the worker ${JSON.stringify(workerId)} ${isGone ? "worked" : "works"} for other ` +
      `namespaces than the token of "${userId}" is for: give this one a name of its own, or ` +
      (isGone ? "let the other come back and stop in order" : "stop the other");
  };
  const check = (workerId: string, call: CallContext) => {
    const reason = reasonAgainst(workerId, call);
    if (reason === undefined) return;
    const { userId, roles } = call.caller;
    audit({
      kind: "authorization_failed",
      userId,
      roles,
      reason,
      call: {
        method: call.method,
        client: peerIp(call.peerAddress),
        requestId: call.requestId,
        ...confinement(call.caller),
      },
    });
    throw new Refusal("permission_denied", reason);
  };
  const guarded: Record<string, unknown> = { ...handlers };
  for (const name of OWN_CALLS) {
    const handler = handlers[name] as Unary;
    const own: Unary = (request, call) => {
      check(request.workerId, call);
      return handler(request, call);
    };
    guarded[name] = own;
  }
  const session: Handlers["workerSession"] = (stream, call) =>
    handlers.workerSession(
      firstSeenBy(stream, ({ hello }) => {
        if (hello !== undefined) check(hello.workerId, call);
      }),
      call,
    );
  return { ...guarded, workerSession: session } as unknown as Handlers;
}

type Unary = (request: { readonly workerId: string }, call: CallContext) => unknown;

/** The same stream; `look` sees each message before its listener does, and may throw. */
function firstSeenBy<Incoming, Outgoing>(
  stream: DuplexCall<Incoming, Outgoing>,
  look: (message: Incoming) => void,
): DuplexCall<Incoming, Outgoing> {
  return {
    onMessage: (listener) =>
      stream.onMessage((message) => {
        look(message);
        listener(message);
      }),
    onClosed: (listener) => stream.onClosed(listener),
    onHalfClosed: (listener) => stream.onHalfClosed(listener),
    write: (message) => stream.write(message),
    onceDrained: (listener) => stream.onceDrained(listener),
    end: (failure) => stream.end(failure),
  };
}
