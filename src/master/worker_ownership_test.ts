import assert from "node:assert/strict";
import {
  type CallContext,
  type Caller,
  type DuplexCall,
  type MasterService,
  Refusal,
  type ServiceHandlers,
} from "../rpc/mod.ts";
import { type AuditEvent, LivePolicies, loadPolicies, NOTHING_REVOKED } from "../security/mod.ts";
import { ownWorkersOnly } from "./worker_ownership.ts";

type Handlers = ServiceHandlers<typeof MasterService>;
type Stream = DuplexCall<{ hello?: { workerId: string } }, unknown>;

const CALLS = [
  "registerWorker",
  "heartbeat",
  "reportResult",
  "deregisterWorker",
  "getParentResult",
];
const WORKER: Caller = { userId: "w1", roles: ["worker"], source: "token" };

async function guarded(
  rolesAreEnforced = true,
  audit: (event: AuditEvent) => void = () => {},
  workerOf: Parameters<typeof ownWorkersOnly>[2] = () => undefined,
): Promise<Handlers> {
  const policies = new LivePolicies(NOTHING_REVOKED, await loadPolicies(), () => {});
  const unary = Object.fromEntries(CALLS.map((name) => [name, () => "passed"]));
  const handlers = {
    ...unary,
    workerSession: (stream: Stream) => stream.onMessage(() => {}),
  } as unknown as Handlers;
  return ownWorkersOnly(handlers, { policies, rolesAreEnforced, audit }, workerOf);
}

/** What each call about `workerId`, and a session of it, comes to. */
function words(handlers: Handlers, caller: Caller, workerId: string): string[] {
  const call = { caller, method: "/x/Y", peerAddress: "10.0.0.7:1", requestId: "r" } as CallContext;
  const word = (attempt: () => unknown) => {
    try {
      attempt();
      return "passed";
    } catch (failure) {
      return failure instanceof Refusal ? failure.reason : String(failure);
    }
  };
  const all = handlers as unknown as Record<string, (...args: unknown[]) => unknown>;
  const stream = {
    onMessage: (listener: (message: unknown) => void) => {
      listener({ hello: { workerId } });
      listener({ reports: [] });
    },
  };
  return [
    ...CALLS.map((name) => word(() => all[name]!({ workerId }, call))),
    word(() => all.workerSession!(stream, call)),
  ];
}

Deno.test("a worker speaks for itself, and for no other", async () => {
  const handlers = await guarded();
  assert.deepEqual(new Set(words(handlers, WORKER, "w1")), new Set(["passed"]));
  assert.deepEqual(new Set(words(handlers, WORKER, "w2")), new Set(["permission_denied"]));
});

Deno.test("a worker that speaks for another is in the audit log, with each call", async () => {
  const events: AuditEvent[] = [];
  const handlers = await guarded(true, (event) => events.push(event));
  words(handlers, WORKER, "w1");
  assert.equal(events.length, 0);
  words(handlers, WORKER, "w2");
  assert.equal(events.length, CALLS.length + 1);
  const [first] = events;
  assert.ok(first?.kind === "authorization_failed");
  assert.match(first.reason, /"w1" is not the worker "w2"/);
  assert.deepEqual(first.call, { method: "/x/Y", client: "10.0.0.7", requestId: "r" });
});

Deno.test("the name of its certificate will do, and so will the right to manage workers", async () => {
  const handlers = await guarded();
  const certificate = {
    commonName: "w2",
    fingerprint256: "",
    roles: ["worker"],
    names: [],
    notBeforeMs: 0,
    notAfterMs: 1,
  };
  assert.deepEqual(
    new Set(words(handlers, { ...WORKER, certificate }, "w2")),
    new Set(["passed"]),
  );
  const ofPerson = { ...certificate, roles: ["client"] };
  assert.deepEqual(
    new Set(words(handlers, { ...WORKER, certificate: ofPerson }, "w2")),
    new Set(["permission_denied"]),
    "a person's certificate, in whose name the worker's is by chance",
  );
  for (const roles of [["operator"], ["admin"]]) {
    const words2 = words(handlers, { userId: "ann", roles }, "w2");
    assert.deepEqual(new Set(words2), new Set(["passed"]), roles.join());
  }
  assert.deepEqual(
    new Set(words(handlers, { userId: "ann", roles: ["viewer"] }, "w2")),
    new Set(["permission_denied"]),
  );
});

Deno.test("where roles are not enforced, nobody is asked who it is", async () => {
  const handlers = await guarded(false);
  assert.deepEqual(
    new Set(words(handlers, { userId: "anonymous", roles: [] }, "w9")),
    new Set(["passed"]),
  );
});

Deno.test("whoever is confined speaks for itself alone, and not for a worker of others", async () => {
  const confined: Caller = { ...WORKER, roles: ["admin"], namespaces: ["red"] };
  const workers: Record<string, { status: "active" | "disconnected"; namespaces?: string[] }> = {
    red: { status: "active", namespaces: ["red"] },
    wide: { status: "active", namespaces: ["red", "blue"] },
    all: { status: "active" },
    gone: { status: "disconnected", namespaces: ["red"] },
    "gone wide": { status: "disconnected", namespaces: ["red", "blue"] },
    "gone blue": { status: "disconnected", namespaces: ["blue"] },
    "gone all": { status: "disconnected" },
  };
  for (const rolesAreEnforced of [true, false]) {
    const handlers = await guarded(rolesAreEnforced, () => {}, (id) => workers[id]);
    for (
      const [id, isLet] of [
        ["red", true],
        ["new", true],
        ["wide", false],
        ["all", false],
        ["gone", true],
        ["gone wide", false],
        ["gone blue", false],
        ["gone all", false],
      ] as const
    ) {
      const said = words(handlers, { ...confined, userId: id }, id);
      assert.ok(said.every((word) => (word === "passed") === isLet), `${id}: ${said.join()}`);
    }
    assert.ok(words(handlers, confined, "red").every((word) => word !== "passed"));
  }
});

Deno.test("the name of a worker that is gone for a moment is kept for whoever has its namespaces", async () => {
  const handlers = await guarded(true, () => {}, () => ({ status: "disconnected" }));
  const squatter: Caller = { ...WORKER, roles: ["admin"], namespaces: ["blue"] };
  const said = words(handlers, squatter, "w1");
  assert.deepEqual(new Set(said), new Set(["permission_denied"]));
  assert.deepEqual(new Set(words(handlers, WORKER, "w1")), new Set(["passed"]), "itself");
  const wider: Caller = { ...WORKER, namespaces: ["red", "blue"] };
  const blue = await guarded(true, () => {}, () => ({
    status: "disconnected",
    namespaces: ["blue"],
  }));
  assert.deepEqual(
    new Set(words(blue, wider, "w1")),
    new Set(["passed"]),
    "one of more namespaces",
  );
});
