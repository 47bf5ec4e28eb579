import assert from "node:assert/strict";
import { describeFault } from "./faults.ts";
import type { Profile, Role } from "./key.ts";
import { examineConfig, type FlagValue } from "./load.ts";

const SECRET = "correct horse battery staple, at length";

/** What production needs beside its file. */
const NAMED = { NODE_ID: "n1", WORKER_ID: "w1", JWT_SECRET_KEY: SECRET };

function examine(profile: Profile, role: Role, flags: Record<string, FlagValue>) {
  const { faults, warnings } = examineConfig({
    flags: { profile, ...flags },
    env: NAMED,
    readTextFile() {
      throw new Error("no such file");
    },
    role,
  });
  return { faults: faults.map(({ path }) => path), told: faults.map(describeFault), warnings };
}

/** Flags without their profile and role that break one rule, and the path that is told of it. */
type Row = readonly [Profile, Role, Record<string, FlagValue>, readonly string[]];

function table(rows: readonly Row[]): void {
  for (const [profile, role, flags, paths] of rows) {
    const { faults, told } = examine(profile, role, flags);
    assert.deepEqual(faults, paths, `${profile} ${role} ${JSON.stringify(flags)}: ${told}`);
  }
}

Deno.test("the shipped files break no rule in any role", () => {
  for (const profile of ["development", "staging", "production"] as const) {
    for (const role of ["master", "worker", "client"] as const) {
      assert.deepEqual(examine(profile, role, {}).told, []);
    }
  }
});

Deno.test("timeouts are longer than what they wait for", () => {
  table([
    ["development", "master", { "raft.election_timeout": "500ms" }, ["raft.election_timeout"]],
    ["development", "master", { "raft.election_timeout": "501ms" }, []],
    ["development", "worker", { "raft.election_timeout": "500ms" }, []],
    ["development", "worker", { "tracing.export_batch": 9000 }, ["tracing.export_batch"]],
    ["development", "client", { "tracing.export_batch": 9000, "tracing.export_queue": 9000 }, []],
    ["development", "worker", { "worker.heartbeat_timeout": "3s" }, ["worker.heartbeat_timeout"]],
    ["development", "master", { "worker.heartbeat_interval": "10s" }, ["worker.heartbeat_timeout"]],
    ["development", "client", { "worker.heartbeat_timeout": "3s" }, []],
    [
      "development",
      "master",
      { "security.jwt.refresh_token_ttl": "15m" },
      ["security.jwt.refresh_token_ttl"],
    ],
  ]);
});

Deno.test("a rule is not asked about a value that has a fault of its own", () => {
  table([
    [
      "development",
      "master",
      { "raft.election_timeout": "1s", "raft.heartbeat_timeout": "soon" },
      ["raft.heartbeat_timeout"],
    ],
  ]);
});

Deno.test("keys of tokens come over https, or in development over http", () => {
  const from = (url: string) => ({ "security.jwt.jwks_url": url });
  const fault = ["security.jwt.jwks_url"];
  table([
    ["production", "master", from("https://issuer/keys"), []],
    ["production", "master", from("http://issuer/keys"), fault],
    ["production", "worker", from("http://issuer/keys"), fault],
    ["development", "master", from("http://issuer/keys"), []],
    ["development", "master", from("file:///keys"), fault],
    ["development", "master", from("issuer/keys"), fault],
    ["production", "client", from("issuer/keys"), []],
  ]);
});

Deno.test("messages and entries hold what payloads and results may be", () => {
  const atMost = 4_194_304 - 1_048_576 - 65_536;
  table([
    ["development", "master", { "jobs.payload_bytes_max": atMost }, []],
    ["development", "master", { "jobs.payload_bytes_max": atMost + 1 }, ["grpc.max_msg_size"]],
    [
      "development",
      "master",
      { "jobs.payload_bytes_max": "8MiB", "grpc.max_msg_size": "32MiB" },
      ["raft.entry_bytes_max"],
    ],
    ["development", "worker", { "jobs.stream_bytes_max": "1MiB" }, ["jobs.stream_bytes_max"]],
  ]);
});

Deno.test("one process does not listen twice on a port", () => {
  table([
    ["development", "master", { "cluster.http_port": 9000 }, ["cluster.http_port"]],
    ["development", "master", { "metrics.port": 8080 }, ["cluster.http_port"]],
    ["development", "master", { "metrics.port": 8080, "metrics.enabled": false }, []],
    ["development", "master", { "cluster.bind_addr": "127.0.0.1:9090" }, ["cluster.http_port"]],
    ["development", "worker", { "worker.http_port": 9001 }, ["worker.http_port"]],
    ["development", "worker", { "worker.http_port": 0, "grpc.worker_port": 0 }, []],
    ["development", "worker", { "cluster.http_port": 9000 }, []],
  ]);
  const { told } = examine("development", "master", { "metrics.port": 7000 });
  assert.match(told[0] ?? "", /metrics\.port and cluster\.bind_addr are both 7000/);
});

Deno.test("a static cluster names the master that is started", () => {
  table([
    ["development", "master", { "cluster.initial_cluster": "n1=a:1,n2=b:1" }, []],
    [
      "development",
      "master",
      { "cluster.initial_cluster": "n2=a:1,n3=b:1" },
      ["cluster.initial_cluster"],
    ],
  ]);
});

Deno.test("a token comes from one place, and so do payload keys", () => {
  table([
    ["development", "client", { "security.token": "t" }, []],
    ["development", "client", { "security.token_file": "f" }, []],
    [
      "development",
      "client",
      { "security.payload_key": "k", "security.payload_key_file": "f" },
      ["security.payload_key"],
    ],
    [
      "development",
      "client",
      { "security.token": "t", "security.token_file": "f" },
      ["security.token"],
    ],
  ]);
});

Deno.test("staging and production refuse a secret that is absent, published, short or dull", () => {
  const rows: [string, RegExp][] = [
    ["", /is not set/],
    ["change-this-secret-key", /published default/],
    ["production-jwt-secret-key-safe", /published default/],
    ["x".repeat(31), /has only 31 bytes/],
    ["x".repeat(32), /has only 1 different characters/],
    ["abcdefg".repeat(5), /has only 7 different characters/],
  ];
  const path = "security.jwt.secret_key";
  for (const [secret, problem] of rows) {
    for (const profile of ["staging", "production"] as const) {
      const { told, faults } = examine(profile, "master", { [path]: secret });
      assert.deepEqual(faults, [path]);
      assert.match(told[0] ?? "", problem);
      assert.match(told[0] ?? "", /openssl rand/);
    }
    table([
      ["development", "master", { [path]: secret }, []],
      ["production", "worker", { [path]: secret }, []],
      ["production", "client", { [path]: secret }, []],
    ]);
  }
  // Bytes count, not characters.
  table([["staging", "master", { [path]: "äöüéèàçñ".repeat(2) }, []]]);
});

Deno.test("a public key does without a secret, but not with a weak one", () => {
  const publicKey = { "security.jwt.public_key_path": "jwt.pub" };
  table([
    ["production", "master", { ...publicKey, "security.jwt.secret_key": "" }, []],
    [
      "production",
      "master",
      { ...publicKey, "security.jwt.secret_key": "short" },
      ["security.jwt.secret_key"],
    ],
  ]);
});

Deno.test("TLS needs its files, unless it may make them", () => {
  const noFiles = (name: string) => ({
    [`security.${name}.cert_file`]: "",
    [`security.${name}.key_file`]: "",
    [`security.${name}.ca_file`]: "",
  });
  const all = (name: string) => Object.keys(noFiles(name));
  table([
    ["staging", "master", noFiles("tls"), all("tls")],
    ["staging", "master", noFiles("raft_tls"), all("raft_tls")],
    ["staging", "worker", noFiles("tls"), all("tls").slice(0, 2)],
    ["staging", "worker", noFiles("raft_tls"), []],
    ["staging", "client", noFiles("tls"), []],
    ["staging", "client", { "security.tls.key_file": "" }, ["security.tls.cert_file"]],
    ["staging", "master", { ...noFiles("tls"), "security.tls.auto_generate": true }, []],
    [
      "staging",
      "master",
      { "security.tls.ca_file": "", "security.tls.skip_verify": true },
      [],
    ],
    ["development", "master", { "security.tls.enabled": true }, []],
    [
      "development",
      "master",
      { "security.raft_tls.enabled": true },
      ["security.raft_tls.cert_file", "security.raft_tls.key_file"],
    ],
    ["staging", "master", { ...noFiles("tls"), "security.tls.enabled": false }, []],
  ]);
});

Deno.test("production switches no safeguard off, and staging may", () => {
  const masters = [
    "security.tls.auto_generate",
    "security.tls.skip_verify",
    "security.raft_tls.auto_generate",
    "security.raft_tls.skip_verify",
    "security.jwt.skip_expiry",
  ];
  for (const path of masters) {
    table([
      ["production", "master", { [path]: true }, [path]],
      ["staging", "master", { [path]: true }, []],
    ]);
  }
  table([
    ["production", "master", { "security.rbac.enabled": false }, ["security.rbac.enabled"]],
    ["staging", "master", { "security.rbac.enabled": false }, []],
    ["production", "client", { "security.tls.skip_verify": true }, ["security.tls.skip_verify"]],
    ["production", "worker", { "security.jwt.skip_expiry": true }, []],
  ]);
});

Deno.test("what staging and production allow to be off is a warning", () => {
  const off = { "security.tls.enabled": false, "security.raft_tls.enabled": false };
  assert.deepEqual(examine("production", "master", off).warnings, [
    "security.tls.enabled is false: tokens and jobs travel in clear text (profile production).",
    "security.raft_tls.enabled is false: the log travels in clear text (profile production).",
  ]);
  assert.equal(examine("production", "client", off).warnings.length, 1);
  assert.equal(examine("staging", "master", { "security.rbac.enabled": false }).warnings.length, 1);
  assert.deepEqual(examine("development", "master", off).warnings, []);
});
