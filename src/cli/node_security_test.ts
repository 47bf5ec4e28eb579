import assert from "node:assert/strict";
import { join } from "node:path";
import { loadConfig } from "../config/mod.ts";
import { createLogger, createMetricsRegistry, createWorkerMetrics } from "../observability/mod.ts";
import { CertificateAuthority, SecurityConfigurationError } from "../security/mod.ts";
import { workerPages, workerSecurity } from "./node_security.ts";
import { openNodeTls } from "./node_tls.ts";

/** A worker of production with a certificate, and whatever else the flags say. */
async function withWorker(
  flags: Record<string, string>,
  test: (
    setup: Parameters<typeof workerSecurity>,
    exposed: () => Promise<string>,
  ) => Promise<void>,
): Promise<void> {
  const directory = await Deno.makeTempDir();
  try {
    const authority = await CertificateAuthority.create(join(directory, "ca"), {
      commonName: "CA",
      lifeMs: 3_600_000,
      keyType: "ecdsa-p256",
      nowMs: Date.now(),
    });
    const issued = await authority.issue({
      name: "w1",
      role: "worker",
      sans: [],
      lifeMs: 3_600_000,
      keyType: "ecdsa-p256",
      directory,
      nowMs: Date.now(),
    });
    const loaded = loadConfig({
      flags: {
        profile: "production",
        "worker.worker_id": "w1",
        "security.tls.cert_file": issued.cert_file,
        "security.tls.key_file": issued.key_file,
        "security.tls.ca_file": authority.certificateFile,
        "log.audit_enabled": "false",
        ...flags,
      },
      env: {},
      readTextFile: (path) => Deno.readTextFileSync(path),
      role: "worker",
    });
    const log = await createLogger({
      name: "worker",
      nodeId: "w1",
      level: "error",
      format: "json",
      output: () => {},
    });
    const registry = await createMetricsRegistry({ enabled: true });
    const metrics = createWorkerMetrics(registry);
    const tls = await openNodeTls(loaded, "worker", { log, metrics });
    const exposed = async () => (await registry.expose()).text;
    await test([loaded, tls, { warn: () => {}, metrics }], exposed);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

Deno.test("a worker of production whose callers show certificates needs no key of tokens", () =>
  withWorker({}, async (setup) => {
    const { peers, gate } = await workerSecurity(...setup);
    assert.ok(peers !== null);
    const stranger = await gate.check({
      method: "/proto.WorkerService/AssignJob",
      peerAddress: "127.0.0.1:1",
      nowMs: Date.now(),
    });
    assert.ok(!stranger.ok && stranger.code === "UNAUTHENTICATED");
    const [loaded, tls, { warn }] = setup;
    const pages = await workerPages(loaded, tls, warn);
    assert.ok(pages.peers !== null && pages.pages !== undefined);
  }));

Deno.test("without TLS it needs one, since nothing else tells who calls", () =>
  withWorker({ "security.tls.enabled": "false" }, async (setup) => {
    await assert.rejects(workerSecurity(...setup), (failure) => {
      assert.ok(failure instanceof SecurityConfigurationError);
      assert.match(failure.message, /without a key no token can be checked/);
      return true;
    });
  }));

Deno.test({
  name: "a metric tells that the audit log cannot be written, and how many lines are lost",
  ignore: Deno.build.os !== "linux",
  fn: () =>
    withWorker(
      { "log.audit_enabled": "true", "log.audit_output": "/dev/full" },
      async (setup, exposed) => {
        const { audit } = await workerSecurity(...setup);
        assert.match(await exposed(), /^conductor_audit_log_failing 0$/m);
        assert.match(await exposed(), /^conductor_audit_lines_lost_total 0$/m);
        for (let index = 0; index < 10_003; index++) {
          audit?.record({ kind: "token_revoked", userId: `${index}` }, Date.now());
        }
        audit?.flush();
        assert.match(await exposed(), /^conductor_audit_log_failing 1$/m);
        assert.match(await exposed(), /^conductor_audit_lines_lost_total 3$/m);
        audit?.close();
      },
    ),
});
