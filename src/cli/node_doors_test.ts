import { Metadata } from "@grpc/grpc-js";
import assert from "node:assert/strict";
import { createMasterMetrics, createMetricsRegistry } from "../observability/mod.ts";
import { type CallAttempt, Refusal } from "../rpc/mod.ts";
import { CallLimits } from "../security/call_limits.ts";
import { LIMITS, productionGate, SUBMIT, tokenFor } from "../security/gate_test_support.ts";
import { clientServerSetup } from "./node_doors.ts";
import type { NodeSecurity } from "./node_security.ts";

/** What callers of the original could add to their token, or without one, to be somebody else. */
const SAID = ["user_id", "user-id", "user_roles", "user-roles", "x-user-id", "x-forwarded-for"];

/** How a call with a token and such words is answered at the port of clients. */
async function door(): Promise<(token: string, said: string) => Promise<string>> {
  const { gate } = await productionGate({ limits: new CallLimits(LIMITS) });
  const security = {
    gate,
    tls: { section: null, bounds: {} },
    peers: null,
  } as unknown as NodeSecurity;
  const metrics = createMasterMetrics(await createMetricsRegistry({ enabled: false }));
  const { gatekeeper } = clientServerSetup(
    security,
    {} as Parameters<typeof clientServerSetup>[1],
    metrics,
    "grpc",
  );
  return async (token, said) => {
    const metadata = new Metadata();
    if (token !== "") metadata.set("authorization", token);
    for (const name of SAID) metadata.set(name, said);
    const attempt: CallAttempt = {
      method: SUBMIT,
      metadata,
      peerAddress: "10.0.0.1:50000",
      peerCertificate: undefined,
      requestId: "",
      traceparent: "",
    };
    try {
      return (await gatekeeper(attempt)).userId;
    } catch (failure) {
      assert.ok(failure instanceof Refusal);
      return failure.reason;
    }
  };
}

Deno.test("what a caller says of itself beside its token gives it neither name nor right", async () => {
  const answer = await door();
  assert.equal(await answer(await tokenFor("vera", "viewer"), "admin"), "permission_denied");
  assert.equal(await answer(await tokenFor("nobody"), "admin"), "permission_denied");
  assert.equal(await answer("", "admin"), "unauthenticated");
  assert.equal(await answer(await tokenFor("oscar", "operator"), "admin"), "oscar");
});

Deno.test("nor another allowance: a new word for each call does not lift the rate limit", async () => {
  const answer = await door();
  const token = await tokenFor("oscar", "operator");
  const answers: string[] = [];
  for (let at = 0; at <= LIMITS.burst; at++) answers.push(await answer(token, `caller-${at}`));
  assert.deepEqual(answers, [...Array(LIMITS.burst).fill("oscar"), "overloaded"]);
});
