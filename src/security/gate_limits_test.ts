import assert from "node:assert/strict";
import { CallLimits } from "./call_limits.ts";
import { createGate } from "./gate.ts";
import type { GateDecision } from "./gate_call.ts";
import {
  call,
  codeOf,
  DEVELOPMENT,
  HEARTBEAT,
  LIMITS,
  NOW_MS,
  productionGate,
  tokenFor,
  tokenOf,
} from "./gate_test_support.ts";

async function times(count: number, ask: () => GateDecision | Promise<GateDecision>) {
  const codes: string[] = [];
  for (let index = 0; index < count; index++) codes.push(codeOf(await ask()));
  return codes;
}

Deno.test("an identity's calls are limited whatever address and port they come from", async () => {
  const { gate, audit } = await productionGate({ limits: new CallLimits(LIMITS) });
  const authorizationHeader = await tokenFor("alice", "operator");
  let port = 0;
  const codes = await times(8, () => {
    port++;
    return gate.check(call({ authorizationHeader, peerAddress: `10.0.0.${port}:${port}` }));
  });
  assert.deepEqual(codes, [
    ...Array(5).fill("OK"),
    ...Array(3).fill("RESOURCE_EXHAUSTED"),
  ]);
  const other = await tokenFor("bob", "operator");
  assert.equal(codeOf(await gate.check(call({ authorizationHeader: other }))), "OK");
  assert.equal(audit.kinds.filter((kind) => kind === "rate_limited").length, 1);
  const later = await gate.check(call({ authorizationHeader, nowMs: NOW_MS + 100 }));
  assert.equal(codeOf(later), "OK");
});

Deno.test("whoever bears a user's name for other namespaces does not use up what that user may", async () => {
  const { gate, audit } = await productionGate({ limits: new CallLimits(LIMITS) });
  const of = (...namespaces: string[]) =>
    tokenOf({ subject: "alice", roles: ["operator"], namespaces });
  const blue = await of("blue");
  const both = await of("blue", "red");
  const flood = await times(6, () => gate.check(call({ authorizationHeader: blue })));
  assert.deepEqual(flood, [...Array(5).fill("OK"), "RESOURCE_EXHAUSTED"]);
  const limited = audit.events.find(({ kind }) => kind === "rate_limited");
  assert.ok(limited !== undefined && "call" in limited && limited.call !== undefined);
  assert.deepEqual("namespaces" in limited.call && limited.call.namespaces, ["blue"]);
  for (const authorizationHeader of [await tokenFor("alice", "operator"), both]) {
    assert.equal(codeOf(await gate.check(call({ authorizationHeader }))), "OK");
  }
  const again = await times(
    5,
    async () => gate.check(call({ authorizationHeader: await of("red", "blue", "red") })),
  );
  assert.equal(again.at(-1), "RESOURCE_EXHAUSTED", "in whichever order they are named");
});

Deno.test("a refusal says when to try again", async () => {
  const { gate } = await productionGate({ limits: new CallLimits(LIMITS) });
  const authorizationHeader = await tokenFor("alice", "operator");
  await times(5, () => gate.check(call({ authorizationHeader })));
  const decision = await gate.check(call({ authorizationHeader }));
  assert.ok(!decision.ok);
  assert.equal(decision.retryAfterMs, 100);
  assert.match(decision.message, /too many calls from "alice": try again in 100 ms/);
});

Deno.test("guessing tokens is limited by address, and known good ones from there still pass", async () => {
  const { gate } = await productionGate({ limits: new CallLimits(LIMITS) });
  const authorizationHeader = await tokenFor("alice", "operator");
  await gate.check(call({ authorizationHeader }));
  let guess = 0;
  const codes = await times(10, () =>
    gate.check(call({
      authorizationHeader: `Bearer a.b.${guess++}`,
      peerAddress: `10.0.0.1:${guess}`,
    })));
  assert.deepEqual(codes.slice(0, 4), Array(4).fill("UNAUTHENTICATED"));
  assert.deepEqual(codes.slice(4), Array(6).fill("RESOURCE_EXHAUSTED"));
  assert.equal(codeOf(await gate.check(call({ authorizationHeader }))), "OK");
});

Deno.test("calls without a token are limited by address too, so that they cannot flood the audit log", async () => {
  const { gate, audit } = await productionGate({ limits: new CallLimits(LIMITS) });
  const codes = await times(100, () => gate.check(call()));
  assert.equal(codes.filter((code) => code === "UNAUTHENTICATED").length, 5);
  assert.equal(audit.events.length, 6);
});

Deno.test("refusals passed over in silence are counted in the next line", async () => {
  const { gate, audit } = await productionGate({ limits: new CallLimits(LIMITS) });
  await times(20, () => gate.check(call()));
  await times(20, () => gate.check(call({ nowMs: NOW_MS + 1000 })));
  const counts = audit.events.flatMap((event) =>
    event.kind === "rate_limited" ? [event.refused] : []
  );
  assert.deepEqual(counts, [1, 15]);
});

Deno.test("heartbeats go on while the same identity's other calls are exhausted", async () => {
  const { gate } = await productionGate({ limits: new CallLimits(LIMITS) });
  const authorizationHeader = await tokenFor("worker-1", "worker", "operator");
  await times(20, () => gate.check(call({ authorizationHeader })));
  assert.equal(codeOf(await gate.check(call({ authorizationHeader }))), "RESOURCE_EXHAUSTED");
  const codes = await times(
    100,
    () => gate.check(call({ method: HEARTBEAT, authorizationHeader })),
  );
  assert.deepEqual(new Set(codes), new Set(["OK"]));
});

Deno.test("who may not call a worker's method gets no worker's allowance for trying", async () => {
  const { gate } = await productionGate({ limits: new CallLimits(LIMITS) });
  const authorizationHeader = await tokenFor("bob", "viewer");
  const codes = await times(
    10,
    () => gate.check(call({ method: HEARTBEAT, authorizationHeader })),
  );
  assert.equal(codes.filter((code) => code === "PERMISSION_DENIED").length, 5);
});

Deno.test("anonymous callers are limited by address, when limits are on", async () => {
  const gate = createGate({ ...DEVELOPMENT, limits: new CallLimits(LIMITS) });
  let port = 0;
  const codes = await times(8, () => gate.check(call({ peerAddress: `10.0.0.1:${++port}` })));
  assert.equal(codes.filter((code) => code === "OK").length, 5);
  assert.equal(codeOf(await gate.check(call({ peerAddress: "10.0.0.2:1" }))), "OK");
});

Deno.test("a refresh token's own call needs no other, and is counted by address", async () => {
  const limits = new CallLimits(LIMITS);
  const { gate } = await productionGate({ limits });
  const refresh = () => gate.check(call({ method: "/proto.MasterService/RefreshToken" }));
  const decisions = [];
  for (let at = 0; at < 200; at++) decisions.push(codeOf(await refresh()));
  assert.equal(decisions[0], "OK");
  assert.equal(decisions.at(-1), "RESOURCE_EXHAUSTED");
});
