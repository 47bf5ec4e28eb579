import assert from "node:assert/strict";
import { MemoryJobStore } from "./memory_store.ts";
import { assertFields, Scene } from "./scene_test_support.ts";
import { type RevokedKind, SECURITY_LIMITS } from "./security_command.ts";

const DAY_MS = 24 * 60 * 60 * 1000;

function revoke(scene: Scene, what: RevokedKind, id: string, untilMs = 0) {
  return scene.apply({
    kind: "revoke",
    revocations: [{ what, id, untilMs }],
    by: "ann",
    reason: "lost laptop",
  });
}

function rotate(scene: Scene, generation: number, requestDigest = "", family = "f") {
  const outcome = scene.apply({
    kind: "rotate_token",
    family,
    subject: "bob",
    generation,
    requestDigest,
    untilMs: scene.nowMs + DAY_MS,
  });
  return outcome.status === "refused"
    ? outcome.reason
    : `${outcome.generation}${outcome.repeated ? " again" : ""}`;
}

function use(scene: Scene, tokenId: string, usedBy: string) {
  const untilMs = scene.nowMs + DAY_MS;
  const outcome = scene.apply({ kind: "use_token", tokenId, usedBy, untilMs });
  return outcome.status === "refused" ? outcome.reason : outcome.repeated ? "again" : "used";
}

function setPolicy(scene: Scene, text: string, expectedRevision: number) {
  return scene.apply({ kind: "set_policy", text, expectedRevision, by: "ann" });
}

/** Asked of a machine that has everything in memory, and of one that was loaded from its store. */
function onBoth(scene: Scene, question: () => unknown): unknown {
  const answer = question();
  scene.machine.flush();
  scene.crash();
  assert.deepEqual(question(), answer);
  return answer;
}

Deno.test("a token is revoked by its id, its family or its subject, and no other is", () => {
  const scene = new Scene();
  revoke(scene, "token", "t1");
  revoke(scene, "family", "f1");
  revoke(scene, "subject", "bob");
  const before = scene.nowMs - 1000;
  const after = scene.nowMs + 1000;
  const cases = [
    [{ subject: "ann", tokenId: "t1", issuedAtMs: after }, true],
    [{ subject: "ann", tokenId: "t2", issuedAtMs: after }, false],
    [{ subject: "ann", tokenId: "t2", family: "f1", issuedAtMs: after }, true],
    [{ subject: "ann", tokenId: "f1", family: "t1", issuedAtMs: after }, false],
    [{ subject: "bob", tokenId: "t3", issuedAtMs: before }, true],
    [{ subject: "bob", tokenId: "t3", issuedAtMs: scene.nowMs }, true],
    [{ subject: "bob", tokenId: "t3", issuedAtMs: after }, false],
    [{ subject: "bob" }, true],
    [{ subject: "ann" }, false],
  ] as const;
  for (const [facts, isRevoked] of cases) {
    const answer = onBoth(scene, () => scene.machine.trust.isTokenRevoked(facts));
    assert.equal(answer, isRevoked, JSON.stringify(facts));
  }
});

Deno.test("a subject that is revoked again loses what was issued since", () => {
  const scene = new Scene();
  revoke(scene, "subject", "bob");
  const facts = { subject: "bob", issuedAtMs: scene.nowMs + 5000 };
  assert.equal(scene.machine.trust.isTokenRevoked(facts), false);
  scene.sleep(10_000);
  assertFields(revoke(scene, "subject", "bob"), { status: "done", changed: 1 });
  assert.equal(onBoth(scene, () => scene.machine.trust.isTokenRevoked(facts)), true);
});

Deno.test("a revocation is forgotten when what it names has ended, and one for good is not", () => {
  const scene = new Scene();
  revoke(scene, "certificate", "aa", scene.nowMs + DAY_MS);
  revoke(scene, "certificate", "bb");
  assertFields(revoke(scene, "certificate", "aa", scene.nowMs + 1), { changed: 0 });
  assertFields(revoke(scene, "certificate", "aa", scene.nowMs + 2 * DAY_MS), { changed: 1 });
  scene.sleep(2 * DAY_MS - 1);
  assert.equal(scene.machine.trust.isCertificateRevoked("aa"), true);
  scene.machine.flush();
  scene.sleep(1);
  const both = () => ["aa", "bb"].map((each) => scene.machine.trust.isCertificateRevoked(each));
  assert.deepEqual(onBoth(scene, both), [false, true]);
  assert.equal(scene.machine.trust.sizes.revocations, 1);
});

Deno.test("each refresh token is good once, and a second use revokes all that came of it", () => {
  const scene = new Scene();
  assert.equal(rotate(scene, 0), "1");
  assert.equal(rotate(scene, 1), "2");
  scene.machine.flush();
  scene.crash();
  assert.equal(rotate(scene, 1), "reused");
  assert.equal(rotate(scene, 2), "revoked", "the thief may be the one who has the new one");
  const access = { subject: "bob", family: "f", issuedAtMs: scene.nowMs + DAY_MS };
  assert.equal(onBoth(scene, () => scene.machine.trust.isTokenRevoked(access)), true);
  assert.equal(rotate(scene, 0, "", "g"), "1", "another family is another matter");
});

Deno.test("who lost the answer and asks the same again gets the same generation", () => {
  const scene = new Scene();
  assert.equal(rotate(scene, 0, "r1"), "1");
  assert.equal(onBoth(scene, () => rotate(scene, 0, "r1")), "1 again");
  assert.equal(rotate(scene, 1, "r2"), "2");
  assert.equal(rotate(scene, 0, "r1"), "reused", "it has had the answer: it came back with it");
});

Deno.test("a generation that was never given out revokes the family", () => {
  const scene = new Scene();
  assert.equal(rotate(scene, 3), "reused");
  assert.equal(rotate(scene, 0), "revoked");
});

Deno.test("a join token lets one in, who may ask again, and nobody else", () => {
  const scene = new Scene();
  assert.equal(use(scene, "j", "master-2/1"), "used");
  assert.equal(onBoth(scene, () => use(scene, "j", "master-2/1")), "again");
  const outcome = scene.apply({
    kind: "use_token",
    tokenId: "j",
    usedBy: "master-3/1",
    untilMs: scene.nowMs + 1,
  });
  assertFields(outcome, { status: "refused", reason: "used" });
  revoke(scene, "token", "k");
  assert.equal(use(scene, "k", "master-4/1"), "revoked");
});

Deno.test("a policy is set from the revision that holds, and only from it", () => {
  const scene = new Scene();
  assertFields(scene.machine.trust.policy, { revision: 0, text: "" });
  assertFields(setPolicy(scene, "first", 0), { status: "done", revision: 1 });
  assertFields(setPolicy(scene, "file of another master", 0), { reason: "stale", revision: 1 });
  assertFields(setPolicy(scene, "second", 1), { status: "done", revision: 2 });
  assertFields(setPolicy(scene, "from what was read before", 1), { reason: "stale", revision: 2 });
  const { text, revision, by } = scene.machine.trust.policy;
  assert.deepEqual({ text, revision, by }, { text: "second", revision: 2, by: "ann" });
  assertFields(onBoth(scene, () => scene.machine.trust.policy) as object, { text: "second" });
});

Deno.test("what is no id, no time or too much is refused by name", () => {
  const scene = new Scene();
  const long = "x".repeat(SECURITY_LIMITS.idCharactersMax + 1);
  assertFields(revoke(scene, "token", ""), { reason: "invalid" });
  assertFields(revoke(scene, "token", long), { reason: "invalid" });
  assertFields(revoke(scene, "token", "t", 1.5), { reason: "invalid" });
  assert.equal(rotate(scene, -1), "invalid");
  assert.equal(rotate(scene, 0.5), "invalid");
  assert.equal(rotate(scene, 0, "", ""), "invalid");
  assert.equal(use(scene, "", "a"), "invalid");
  assert.equal(use(scene, "j", ""), "invalid");
  assertFields(setPolicy(scene, "", 0), { reason: "invalid" });
  const text = "x".repeat(SECURITY_LIMITS.policyCharactersMax + 1);
  assertFields(setPolicy(scene, text, 0), { reason: "invalid" });
  const revocations = Array.from(
    { length: SECURITY_LIMITS.revocationsPerCommandMax + 1 },
    (_, at) => ({ what: "token", id: `t${at}`, untilMs: 0 }) as const,
  );
  assertFields(scene.apply({ kind: "revoke", revocations, by: "ann", reason: "" }), {
    reason: "invalid",
  });
  assert.deepEqual(scene.machine.trust.sizes, { revocations: 0, families: 0, used: 0 });
});

Deno.test("replicas that forget at different flushes stay alike", () => {
  const scene = new Scene({}, new MemoryJobStore());
  const revocations = Array.from(
    { length: 1000 },
    (_, at) => ({ what: "token", id: `t${at}`, untilMs: scene.nowMs + 1 + at % 7 }) as const,
  );
  for (const part of ["a", "b"]) {
    scene.apply({
      kind: "revoke",
      revocations: revocations.map((each) => ({ ...each, id: `${part}${each.id}` })),
      by: "ann",
      reason: "",
    });
  }
  scene.machine.flush();
  scene.sleep(5);
  const hash = scene.machine.stateHash();
  const left = scene.machine.trust.sizes;
  assert.equal(left.revocations, 1000, "no more than a bound is forgotten with one command");
  scene.crash();
  assert.equal(scene.machine.stateHash(), hash);
  scene.sleep(DAY_MS);
  assert.equal(scene.machine.trust.sizes.revocations, 0);
});
