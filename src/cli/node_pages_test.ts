import assert from "node:assert/strict";
import { createMasterMetrics, createMetricsRegistry } from "../observability/mod.ts";
import type { PageCall, PageRefusal } from "../security/mod.ts";
import { countedPages } from "./node_pages.ts";

Deno.test("who is let in to a page, turned away, or asks too often, is counted as at the gRPC port", async () => {
  const registry = await createMetricsRegistry({ enabled: true });
  const refusals = [undefined, 401, 401, 403, 429] as const;
  let asked = 0;
  const admit = countedPages(() => {
    const status = refusals[asked++];
    return Promise.resolve(
      status === undefined ? undefined : { status, message: "no" } as PageRefusal,
    );
  }, createMasterMetrics(registry));
  const call = { peerAddress: "10.0.0.7", permission: "metrics:view" } as PageCall;
  const answers = await Promise.all(refusals.map(() => admit(call)));
  assert.deepEqual(answers.map((each) => each?.status), [...refusals]);
  const { text } = await registry.expose();
  assert.match(text, /^conductor_auth_attempts_total\{result="success"\} 1$/m);
  assert.match(text, /^conductor_auth_attempts_total\{result="failure"\} 2$/m);
  assert.match(text, /^conductor_rate_limit_hits_total\{client="10\.0\.0\.7"\} 1$/m);
});
