/** Calls that come together and are alike. */

import assert from "node:assert/strict";
import { AuditLog } from "./audit.ts";
import { CallLimits } from "./call_limits.ts";
import { createGate } from "./gate.ts";
import {
  call,
  codeOf,
  DEVELOPMENT,
  HEALTH,
  HEARTBEAT,
  LIMITS,
  productionGate,
  tokenFor,
  tokenVerifier,
} from "./gate_test_support.ts";
import { ANONYMOUS } from "./principal.ts";

const TRACE = "4bf92f3577b34da6a3ce929d0e0e4736";

Deno.test("calls that are alike are let in as each would be, and two lines say how many they are", async () => {
  const { gate, audit } = await productionGate();
  const authorizationHeader = await tokenFor("alice", "operator");
  const one = await gate.check(call({ authorizationHeader }));
  assert.ok(one.ok);
  const before = audit.events.length;
  const traceparent = `00-${TRACE}-00f067aa0ba902b7-00`;
  const asked = call({ authorizationHeader, requestId: "r1", traceparent });
  assert.equal(gate.checkAlike({ ...asked, calls: 64 }), one.principal);
  const [authentication, authorization, ...more] = audit.events.slice(before);
  assert.equal(authentication?.kind, "authentication_succeeded");
  assert.equal(authorization?.kind, "authorization_succeeded");
  assert.deepEqual(more, []);
  for (const each of [authentication, authorization]) {
    assert.ok(each !== undefined && "call" in each && each.call !== undefined);
    assert.deepEqual({ ...each.call, latencyMs: 0 }, {
      method: asked.method,
      client: "10.0.0.1",
      latencyMs: 0,
      requestId: "r1",
      traceId: TRACE,
      calls: 64,
    });
  }
});

Deno.test("each of calls that are alike counts against the limit, and what does not fit takes nothing", async () => {
  const { gate, audit } = await productionGate({ limits: new CallLimits(LIMITS) });
  const authorizationHeader = await tokenFor("alice", "operator");
  const asked = call({ authorizationHeader });
  assert.equal(codeOf(await gate.check(asked)), "OK");
  assert.equal(gate.checkAlike({ ...asked, calls: 2 })?.userId, "alice");
  const before = audit.events.length;
  assert.equal(gate.checkAlike({ ...asked, calls: 3 }), undefined);
  assert.equal(audit.events.length, before);
  const left = [await gate.check(asked), await gate.check(asked), await gate.check(asked)];
  assert.deepEqual(left.map(codeOf), ["OK", "OK", "RESOURCE_EXHAUSTED"]);
});

Deno.test("whoever would be refused, or is not known yet, has to ask for each call", async () => {
  let isRevoked = false;
  const { gate, audit } = await productionGate({ tokens: await tokenVerifier(() => isRevoked) });
  const operator = await tokenFor("alice", "operator");
  const asked = call({ authorizationHeader: operator });
  assert.equal(gate.checkAlike({ ...asked, calls: 2 }), undefined, "a token never seen before");
  assert.equal(codeOf(await gate.check(asked)), "OK");
  assert.equal(gate.checkAlike({ ...asked, calls: 2 })?.userId, "alice");
  const viewer = await tokenFor("bob", "viewer");
  assert.equal(
    codeOf(await gate.check(call({ authorizationHeader: viewer }))),
    "PERMISSION_DENIED",
  );
  const before = audit.events.length;
  for (
    const [why, refused] of Object.entries({
      "no token": call(),
      "two tokens": call({ authorizationHeader: [operator, operator] }),
      "a wrong token": call({ authorizationHeader: "Bearer not.a.token" }),
      "no permission": call({ authorizationHeader: viewer }),
      "a method for workers": call({ authorizationHeader: operator, method: HEARTBEAT }),
      "a method that asks nobody": call({ authorizationHeader: operator, method: HEALTH }),
    })
  ) {
    assert.equal(gate.checkAlike({ ...refused, calls: 2 }), undefined, why);
  }
  isRevoked = true;
  assert.equal(gate.checkAlike({ ...asked, calls: 2 }), undefined, "a token that was revoked");
  assert.equal(audit.events.length, before);
});

Deno.test("a lone one of calls that could be more is told of as any other call", async () => {
  const { gate, audit } = await productionGate();
  const asked = call({ authorizationHeader: await tokenFor("alice", "operator") });
  assert.equal(codeOf(await gate.check(asked)), "OK");
  const [single] = audit.events.slice(-2);
  assert.ok(gate.checkAlike({ ...asked, calls: 1 }) !== undefined);
  const [lone] = audit.events.slice(-2);
  const fields = (event: unknown) => Object.keys((event as { call: object }).call);
  assert.deepEqual(fields(lone), fields(single));
});

Deno.test("in development with everything off calls that are alike pass at once, too", () => {
  assert.equal(createGate(DEVELOPMENT).checkAlike({ ...call(), calls: 3 }), ANONYMOUS);
});

Deno.test("a line says of how many calls it is, if it is of several", () => {
  const lines: string[] = [];
  const sink = { write: (text: string) => void lines.push(text), close() {} };
  const log = new AuditLog(sink, undefined);
  const of = { method: "/proto.MasterService/SubmitJob", client: "10.0.0.1" };
  for (const each of [{ ...of, calls: 64 }, of]) {
    log.record({ kind: "authentication_succeeded", userId: "a", roles: [], call: each }, 0);
  }
  log.close();
  const written = lines.join("").trimEnd().split("\n").map((line) => JSON.parse(line).calls);
  assert.deepEqual(written, [64, undefined]);
});
