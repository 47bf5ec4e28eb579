import assert from "node:assert/strict";
import { createTokenVerifier } from "./tokens.ts";
import { workerAudience, WorkerTokens } from "./worker_tokens.ts";

const NOW_MS = 1_700_000_000_000;
const KEY = {
  profile: "production",
  secret: "mFhHbzy1cNxqHrGCWEqgB5C5qVKj1xj0pQ2xw4yJ8uE=",
  issuer: "conductor-production",
} as const;

function verifier(alsoFor: readonly string[]) {
  return createTokenVerifier({
    ...KEY,
    publicKeyPath: "",
    audience: "conductor-api",
    alsoFor,
    skipExpiry: false,
  });
}

Deno.test("a master's token opens the worker that it is for, and neither another nor a master", async () => {
  const tokens = new WorkerTokens({ ...KEY, subject: "node-1", ttlMs: 60_000 });
  const token = await tokens.tokenFor("w1", NOW_MS);
  const verdictAt = async (alsoFor: readonly string[]) =>
    await (await verifier(alsoFor))!.verify(token, NOW_MS);
  const atHome = await verdictAt([workerAudience("w1")]);
  assert.ok(atHome.ok);
  assert.deepEqual([atHome.claims.subject, atHome.claims.roles], ["node-1", ["master"]]);
  for (const elsewhere of [[workerAudience("w2")], []]) {
    const verdict = await verdictAt(elsewhere);
    assert.equal(verdict.ok ? "" : verdict.reason, "audience");
  }
});

Deno.test("a master's token is kept while it is good for long, and renewed before it ends", async () => {
  const tokens = new WorkerTokens({ ...KEY, subject: "node-1", ttlMs: 60_000 });
  const first = await tokens.tokenFor("w1", NOW_MS);
  assert.equal(await tokens.tokenFor("w1", NOW_MS + 40_000), first);
  assert.notEqual(await tokens.tokenFor("w2", NOW_MS), first);
  const renewed = await tokens.tokenFor("w1", NOW_MS + 50_000);
  assert.notEqual(renewed, first);
  const verdict = await (await verifier([workerAudience("w1")]))!.verify(renewed, NOW_MS + 100_000);
  assert.ok(verdict.ok, "it lives on when the first has ended");
});

Deno.test("with another key, no token of the former one is presented", async () => {
  const secret = "nW7!zX3@cV6#bN1$mQ8%wE4^rT2&yU9*";
  const tokens = new WorkerTokens({ ...KEY, subject: "node-1", ttlMs: 60_000 });
  await tokens.tokenFor("w1", NOW_MS);
  tokens.adoptKeys({ secret });
  const checking = await createTokenVerifier({
    ...KEY,
    secret,
    publicKeyPath: "",
    audience: workerAudience("w1"),
    skipExpiry: false,
  });
  assert.ok((await checking!.verify(await tokens.tokenFor("w1", NOW_MS), NOW_MS)).ok);
});
