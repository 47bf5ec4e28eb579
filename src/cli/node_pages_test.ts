import assert from "node:assert/strict";
import { loadConfig } from "../config/mod.ts";
import { createMasterMetrics, createMetricsRegistry } from "../observability/mod.ts";
import type { PageCall, PageRefusal } from "../security/mod.ts";
import { countedPages, hostsOf } from "./node_pages.ts";

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

Deno.test("only a node on loopback that lets everybody in asks by which name it is called", () => {
  const loaded = (flags: Record<string, string>) =>
    loadConfig({
      flags,
      env: {},
      role: "master",
      readTextFile: (path) => {
        throw new Deno.errors.NotFound(path);
      },
    });
  const open = loaded({
    "security.http_hosts": "jobs.example.com",
    "cluster.grpc_advertise_addr": "m1.example.com:9000",
  });
  const { takesHost } = hostsOf(open, "127.0.0.1");
  assert.ok(takesHost !== undefined);
  assert.ok(
    takesHost("localhost:8080") && takesHost("jobs.example.com") &&
      takesHost("m1.example.com:8080"),
  );
  assert.ok(!takesHost("evil.example.com:8080"));
  assert.deepEqual(hostsOf(open, "0.0.0.0"), {});
  const guarded = loaded({
    "security.rbac.enabled": "true",
    "security.jwt.secret_key": "kJ8#vQ2!pL5@xR9$mN3%wT7^yB1&zC4*",
  });
  assert.deepEqual(hostsOf(guarded, "127.0.0.1"), {});
});
