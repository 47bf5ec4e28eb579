import assert from "node:assert/strict";
import { join } from "node:path";
import { unusedPorts } from "../ha/ports.ts";
import denoConfig from "../../deno.json" with { type: "json" };
import { describeConfig } from "../../src/config/mod.ts";
import { issueTokens } from "../../src/security/mod.ts";
import { end, Host, type Program } from "../e2e/support.ts";

const ROOT = new URL("../../", import.meta.url);

const SECRET = "mFhHbzy1cNxqHrGCWEqgB5C5qVKj1xj0pQ2xw4yJ8uE=";

/** The program from source, with a configuration that tells which of its keys are read. */
async function recordingProgram(directory: string): Promise<Program> {
  const real = new URL("src/config/mod.ts", ROOT).href;
  const { unstable, imports } = denoConfig;
  const config = join(directory, "deno.json");
  await Deno.writeTextFile(
    config,
    JSON.stringify({
      unstable,
      imports: { ...imports, [real]: new URL("tests/config/recording_config.ts", ROOT).href },
      scopes: { [new URL("tests/config/", ROOT).href]: { [real]: real } },
    }),
  );
  return {
    command: [
      Deno.execPath(),
      "run",
      "--quiet",
      "--no-check",
      "--no-lock",
      "--allow-all",
      `--config=${config}`,
      new URL("main.ts", ROOT).pathname,
    ],
    environment: {
      READ_KEYS_FILE: join(directory, "read_keys"),
      JWT_SECRET_KEY: SECRET,
      CONDUCTOR_TOKEN: await adminToken(),
    },
  };
}

async function adminToken(): Promise<string> {
  const { accessToken } = await issueTokens({
    profile: "development",
    secret: SECRET,
    issuer: "conductor-dev",
    audience: "conductor-api",
  }, {
    subject: "tester",
    roles: ["admin"],
    accessTtlMs: 600_000,
    refreshTtlMs: 600_000,
    nowMs: Date.now(),
  });
  return accessToken;
}

Deno.test("every key of the schema is read by every role that it says it is for", async () => {
  const directory = await Deno.makeTempDir({ prefix: "conductor-keys-" });
  const host = new Host(await recordingProgram(directory));
  try {
    const guarded = ["--set=security.rbac.enabled=true", "--set=security.rate_limit.enabled=true"];
    const [grpcPort, httpPort] = unusedPorts(2);
    const master = await host.startMaster(...guarded);
    const worker = host.startWorker(
      "w1",
      ...guarded,
      `--grpc-port=${grpcPort}`,
      `--http-port=${httpPort}`,
      `--set=log.audit_output=${join(directory, "worker-audit.log")}`,
    );
    const done = await host.client(
      "submit",
      "--type=test_sleep",
      '--payload={"duration":"1ms"}',
      "--wait",
    );
    assert.equal(done.code, 0, done.stderr);
    assert.equal(await end(worker, "SIGTERM"), 0);
    assert.equal(await end(master, "SIGTERM"), 0);
    const lines = await Deno.readTextFile(join(directory, "read_keys"));
    const read = new Set(lines.split("\n"));
    assert.ok(read.has("client jobs.payload_bytes_max"), "reads are recorded");
    const unread = describeConfig().flatMap(({ path, usedBy }) =>
      usedBy.map((role) => `${role} ${path}`).filter((line) => !read.has(line))
    );
    assert.deepEqual(unread, []);
  } finally {
    await host.stop();
    await Deno.remove(directory, { recursive: true });
  }
});
