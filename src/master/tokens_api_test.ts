import assert from "node:assert/strict";
import {
  type Command,
  JobMachine,
  MemoryJobStore,
  type RegisterWorkerCommand,
} from "../jobs/mod.ts";
import { type CallContext, type Caller, Refusal, type TokenOrder } from "../rpc/mod.ts";
import {
  createTokenVerifier,
  LivePolicies,
  loadPolicies,
  type TokenVerifier,
} from "../security/mod.ts";
import type { MasterContext } from "./context.ts";
import type { AuditedAct, TokenEvent } from "./options.ts";
import { PolicyApi } from "./policy_api.ts";
import { useJoinToken } from "./join_tokens.ts";
import { TokensApi } from "./tokens_api.ts";

const KEY = {
  profile: "production",
  secret: "mFhHbzy1cNxqHrGCWEqgB5C5qVKj1xj0pQ2xw4yJ8uE=",
  issuer: "conductor-production",
  audience: "conductor-api",
} as const;
const ADMIN: Caller = { userId: "root", roles: ["admin"], source: "token" };
const ORDER: TokenOrder = {
  subject: "bob",
  roles: ["operator"],
  ttlMs: 0,
  refreshable: true,
  refreshTtlMs: 0,
  namespaces: [],
  joins: "",
};
const REQUEST_KEY = "0123456789abcdef";
const DAY_MS = 24 * 60 * 60 * 1000;

/** A leader that commits whatever it is told, with the cluster's own key and policies. */
class Leader {
  nowMs = 1_700_000_000_000;
  readonly machine = new JobMachine(new MemoryJobStore());
  readonly acts: AuditedAct[] = [];
  readonly events: TokenEvent[] = [];
  readonly context: MasterContext;
  readonly tokens: TokensApi;
  readonly policy: PolicyApi;
  readonly verifier: TokenVerifier;

  static async start(): Promise<Leader> {
    const verifier = await createTokenVerifier({
      ...KEY,
      publicKeyPath: "",
      skipExpiry: false,
      isRevoked: (token) => leader.machine.trust.isTokenRevoked(token),
    });
    const leader: Leader = new Leader(verifier!, await loadPolicies());
    return leader;
  }

  constructor(verifier: TokenVerifier, file: Awaited<ReturnType<typeof loadPolicies>>) {
    this.verifier = verifier;
    const { machine } = this;
    const trust = {
      isTokenRevoked: () => false,
      isCertificateRevoked: () => false,
      get policy() {
        return machine.trust.policy;
      },
    };
    this.context = {
      machine,
      duties: {},
      barrierTimeoutMs: 1,
      now: () => this.nowMs,
      log: { warn: () => {} },
      audit: (act: AuditedAct) => this.acts.push(act),
      proposer: {
        readBarrier: () => Promise.resolve(),
        propose: (command: Command) => {
          const position = { index: machine.applied.index + 1, term: 1 };
          return Promise.resolve(machine.apply({ ...command, atMs: this.nowMs }, position));
        },
      },
      security: {
        signer: KEY,
        verifier,
        policies: new LivePolicies(trust, file, () => {}),
        rolesAreEnforced: true,
        accessTtlMs: 900_000,
        refreshTtlMs: 604_800_000,
        audit: (event: TokenEvent) => this.events.push(event),
      },
    } as unknown as MasterContext;
    this.tokens = new TokensApi(this.context);
    this.policy = new PolicyApi(this.context);
  }

  /** The gate's word on a token: who comes with it, or why nobody does. */
  async caller(token: string): Promise<Caller | string> {
    const verdict = await this.verifier.verify(token, this.nowMs, "access", "join");
    if (!verdict.ok) return verdict.reason;
    const { claims } = verdict;
    const { subject: userId, roles, joins, namespaces } = claims;
    return {
      userId,
      roles,
      source: "token",
      token: claims,
      ...(joins && { joins }),
      ...(namespaces && { namespaces }),
    };
  }
}

function by(caller: Caller): CallContext {
  return { method: "/m", requestId: "r", caller } as CallContext;
}

function rejectsAs(reason: string, message: RegExp) {
  return (failure: unknown) => {
    assert.ok(failure instanceof Refusal, String(failure));
    assert.equal(failure.reason, reason);
    assert.match(failure.message, message);
    return true;
  };
}

Deno.test("a token is issued with the roles that were asked for, and known by its id", async () => {
  const leader = await Leader.start();
  const pair = await leader.tokens.issueToken(ORDER, by(ADMIN));
  assert.equal(pair.expiresAtMs, leader.nowMs + 900_000);
  assert.equal(pair.refreshExpiresAtMs, leader.nowMs + 604_800_000);
  const caller = await leader.caller(pair.accessToken) as Caller;
  assert.deepEqual([caller.userId, caller.roles], ["bob", ["operator"]]);
  assert.equal(caller.token?.tokenId, pair.tokenId);
  assert.equal(caller.token?.family, pair.family);
  assert.deepEqual(leader.acts.map(({ act, target, outcome }) => [act, target, outcome]), [
    ["issue a token", "bob", "done"],
  ]);
  assert.deepEqual(
    leader.events.map((event) => event.kind === "tokens_issued" && event.tokenId),
    [pair.tokenId],
    "the audit log says which token it is",
  );
});

Deno.test("nobody hands on more than it has: neither roles nor namespaces", async () => {
  const leader = await Leader.start();
  const operator = by({ userId: "op", roles: ["operator"] });
  await assert.rejects(
    leader.tokens.issueToken({ ...ORDER, roles: ["admin"] }, operator),
    rejectsAs("permission_denied", /may not hand on more than it has, which admin would/),
  );
  await leader.tokens.issueToken({ ...ORDER, roles: ["viewer"] }, operator);
  const tenant = by({ ...ADMIN, namespaces: ["red"] });
  await assert.rejects(
    leader.tokens.issueToken({ ...ORDER, namespaces: ["red", "blue"] }, tenant),
    rejectsAs("permission_denied", /the namespaces blue/),
  );
  const pair = await leader.tokens.issueToken(ORDER, tenant);
  const caller = await leader.caller(pair.accessToken) as Caller;
  assert.deepEqual(caller.namespaces, ["red"], "those of its issuer, when none are named");
  await assert.rejects(
    leader.tokens.issueToken({ ...ORDER, roles: ["operater"] }, by(ADMIN)),
    rejectsAs("invalid", /there is no role operater; there are admin, operator/),
  );
  const namespaces = Array.from({ length: 65 }, (_, at) => `team-${at}`);
  await assert.rejects(
    leader.tokens.issueToken({ ...ORDER, namespaces }, by(ADMIN)),
    rejectsAs("invalid", /^a token has at most 64 namespaces, not 65$/),
  );
});

Deno.test("a refresh token buys a pair once, and a second use ends all that came of it", async () => {
  const leader = await Leader.start();
  const first = await leader.tokens.issueToken(ORDER, by(ADMIN));
  leader.nowMs += 1000;
  const second = await leader.tokens.refreshToken(first.refreshToken, REQUEST_KEY);
  const again = await leader.tokens.refreshToken(first.refreshToken, REQUEST_KEY);
  assert.equal(again.family, first.family, "the answer was lost, and the same asks again");
  assert.deepEqual([second.roles, second.subject], [["operator"], "bob"]);
  const third = await leader.tokens.refreshToken(second.refreshToken, "");
  await assert.rejects(
    leader.tokens.refreshToken(first.refreshToken, "another key of a thief"),
    rejectsAs("unauthenticated", /used before: all that came of it is revoked/),
  );
  await assert.rejects(
    leader.tokens.refreshToken(third.refreshToken, ""),
    rejectsAs("unauthenticated", /has been revoked/),
  );
  for (const { accessToken } of [first, second, third]) {
    assert.equal(await leader.caller(accessToken), "revoked");
  }
  assert.equal(leader.events.at(-1)?.kind, "token_revoked");
});

Deno.test("an access token buys nothing, and neither does a refresh token of no family", async () => {
  const leader = await Leader.start();
  const { accessToken } = await leader.tokens.issueToken(ORDER, by(ADMIN));
  await assert.rejects(
    leader.tokens.refreshToken(accessToken, ""),
    rejectsAs("unauthenticated", /no refresh token/),
  );
});

Deno.test("a token, a family or a subject is revoked, by the token itself or by name", async () => {
  const leader = await Leader.start();
  const issue = () => leader.tokens.issueToken(ORDER, by(ADMIN));
  const [one, two, three, four] = [await issue(), await issue(), await issue(), await issue()];
  const reason = "lost";
  await leader.tokens.revoke({ what: "presented", token: one.accessToken, reason }, by(ADMIN));
  await leader.tokens.revoke({ what: "presented", token: two.refreshToken, reason }, by(ADMIN));
  const { revocation, changed } = await leader.tokens.revoke(
    { what: "token", id: three.tokenId, expiresAtMs: 0, reason },
    by(ADMIN),
  );
  assert.deepEqual({ ...revocation, atMs: 0 }, {
    what: "token",
    id: three.tokenId,
    atMs: 0,
    expiresAtMs: 0,
    by: "root",
    reason,
  });
  assert.ok(changed);
  for (const { accessToken } of [one, two, three]) {
    assert.equal(await leader.caller(accessToken), "revoked");
  }
  assert.notEqual(await leader.caller(four.accessToken), "revoked");
  await leader.tokens.revoke({ what: "subject", id: "bob", expiresAtMs: 0, reason }, by(ADMIN));
  assert.equal(await leader.caller(four.accessToken), "revoked");
  const { total, revocations } = await leader.tokens.listRevocations({ what: "", limit: 2 });
  assert.deepEqual([total, revocations.length], [4, 2]);
});

Deno.test("a join token enrols one worker, which may ask again, under the name that it is for", async () => {
  const leader = await Leader.start();
  const join = await leader.tokens.issueToken(
    { ...ORDER, subject: "", roles: [], refreshable: false, joins: "worker" },
    by(ADMIN),
  );
  const joiner = by(await leader.caller(join.accessToken) as Caller);
  const pair = await leader.tokens.enrolWorker("w1", REQUEST_KEY, joiner);
  await leader.tokens.enrolWorker("w1", REQUEST_KEY, joiner);
  assert.deepEqual([pair.subject, pair.roles], ["w1", ["worker"]]);
  for (const [workerId, key] of [["w1", `${REQUEST_KEY}!`], ["w2", REQUEST_KEY]] as const) {
    await assert.rejects(
      leader.tokens.enrolWorker(workerId, key, joiner),
      rejectsAs("permission_denied", /can be used once/),
    );
  }
  const named = await leader.tokens.issueToken(
    { ...ORDER, subject: "w3", roles: [], refreshable: false, joins: "worker" },
    by(ADMIN),
  );
  await assert.rejects(
    leader.tokens.enrolWorker(
      "w4",
      REQUEST_KEY,
      by(await leader.caller(named.accessToken) as Caller),
    ),
    rejectsAs("permission_denied", /is for "w3", not for "w4"/),
  );
  await assert.rejects(
    leader.tokens.enrolWorker("w5", REQUEST_KEY, by(ADMIN)),
    rejectsAs("failed_precondition", /with a join token/),
  );
});

Deno.test("a token for any name enrols no worker that there is", async () => {
  const leader = await Leader.start();
  await leader.context.proposer.propose<RegisterWorkerCommand>({
    kind: "register_worker",
    worker: {
      id: "w1",
      sessionId: "s",
      address: "",
      slots: 1,
      jobTypes: null,
      tags: {},
      version: "",
    },
  });
  const join = await leader.tokens.issueToken(
    { ...ORDER, subject: "", roles: [], refreshable: false, joins: "worker" },
    by(ADMIN),
  );
  const joiner = by(await leader.caller(join.accessToken) as Caller);
  await assert.rejects(
    leader.tokens.enrolWorker("w1", REQUEST_KEY, joiner),
    rejectsAs("already_exists", /issue a join token for its name/),
  );
});

Deno.test("a token for workers enrols as many as come until it ends, but none that there is", async () => {
  const leader = await Leader.start();
  const order = { ...ORDER, subject: "", roles: [], refreshable: false, joins: "workers" } as const;
  const join = await leader.tokens.issueToken({ ...order, ttlMs: 90 * DAY_MS }, by(ADMIN));
  const joiner = by(await leader.caller(join.accessToken) as Caller);
  for (const id of ["pool-a", "pool-b"]) {
    const pair = await leader.tokens.enrolWorker(id, `${REQUEST_KEY}-${id}`, joiner);
    assert.deepEqual([pair.subject, pair.roles], [id, ["worker"]]);
  }
  await leader.context.proposer.propose<RegisterWorkerCommand>({
    kind: "register_worker",
    worker: {
      id: "pool-a",
      sessionId: "s",
      address: "",
      slots: 1,
      jobTypes: null,
      tags: {},
      version: "",
    },
  });
  await assert.rejects(
    leader.tokens.enrolWorker("pool-a", REQUEST_KEY, joiner),
    rejectsAs("already_exists", /there is a worker "pool-a" already/),
  );
  await assert.rejects(
    leader.tokens.issueToken({ ...order, ttlMs: 367 * DAY_MS }, by(ADMIN)),
    rejectsAs("invalid", /at most 366 days/),
  );
  await assert.rejects(
    leader.tokens.issueToken({ ...order, subject: "pool-a" }, by(ADMIN)),
    rejectsAs("invalid", /leave the subject out/),
  );
});

Deno.test("a join token lets one master in, and the same one again", async () => {
  const leader = await Leader.start();
  const { accessToken } = await leader.tokens.issueToken(
    { ...ORDER, subject: "", roles: [], refreshable: false, joins: "master" },
    by(ADMIN),
  );
  const call = by(await leader.caller(accessToken) as Caller);
  const join = (usedBy: string) => useJoinToken(leader.context, call, { name: "m2", usedBy });
  await join("m2/1");
  await join("m2/1");
  await assert.rejects(join("m2/2"), rejectsAs("permission_denied", /can be used once/));
  await useJoinToken(leader.context, by(ADMIN), { name: "m2", usedBy: "m2/3" });
});

Deno.test("a policy is set by revision, and never so that its author is locked out", async () => {
  const leader = await Leader.start();
  const { revision, text } = await leader.policy.getPolicy();
  assert.equal(revision, 0);
  const file = JSON.parse(text);
  const withoutAdmin = JSON.stringify({
    ...file,
    roles: file.roles.map((role: { name: string }) =>
      role.name === "admin" ? { ...role, permissions: ["job:view"] } : role
    ),
  });
  await assert.rejects(
    leader.policy.setPolicy(withoutAdmin, 0, by(ADMIN)),
    rejectsAs("failed_precondition", /could not change it again/),
  );
  await assert.rejects(
    leader.policy.setPolicy("{", 0, by(ADMIN)),
    rejectsAs("invalid", /not JSON/),
  );
  const long = text + " ".repeat(300_000);
  const tooLong = rejectsAs("too_large", /it may have 262144$/);
  await assert.rejects(leader.policy.setPolicy(long, 0, by(ADMIN)), tooLong);
  const asked = { roles: ["viewer"], method: "SubmitJob", text: long };
  await assert.rejects(leader.policy.testPolicy(asked, by(ADMIN)), tooLong);
  const fewer = { ...file, policies: file.policies.filter((_: unknown, at: number) => at > 0) };
  const set = await leader.policy.setPolicy(JSON.stringify(fewer), 0, by(ADMIN));
  assert.equal(set.revision, 1);
  assert.deepEqual(set.methodsWithoutPolicy, [file.policies[0].method]);
  await assert.rejects(
    leader.policy.setPolicy(text, 0, by(ADMIN)),
    rejectsAs("conflict", /at revision 1 by now, not at 0/),
  );
  assert.equal((await leader.policy.getPolicy()).revision, 1);
});

Deno.test("a policy says who may call a method, and why not", async () => {
  const leader = await Leader.start();
  const ask = (roles: string[], method: string) =>
    leader.policy.testPolicy({ roles, method, text: "" }, by(ADMIN));
  const may = await ask(["operator"], "SubmitJob");
  assert.deepEqual([may.allowed, may.method], [true, "/proto.MasterService/SubmitJob"]);
  assert.deepEqual([may.needed, may.rolesThatMay], [["job:submit"], ["admin", "operator"]]);
  const mayNot = await ask(["viewer"], "SubmitJob");
  assert.equal(mayNot.allowed, false);
  assert.match(mayNot.reason, /it needs job:submit/);
  assert.equal((await ask([], "SetPolicy")).allowed, true, "the caller's own roles");
  assert.match((await ask(["viewer"], "NoSuchMethod")).reason, /no policy names this method/);
});
