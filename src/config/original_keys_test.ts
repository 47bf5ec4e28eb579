import assert from "node:assert/strict";
import type { Profile } from "./key.ts";
import { type FlagValue, loadConfig } from "./load.ts";
import { KEY_BY_PATH, type SchemaKey, valueAt } from "./schema.ts";

/**
 * The original's table of keys: path, bare variable, value under development, staging and
 * production (`"="`: as under development), and another value with what it must become.
 */
type Row = readonly [
  path: string,
  bareVariable: string,
  development: unknown,
  staging: unknown,
  production: unknown,
  written: string,
  value: unknown,
];

const SECRET = "correct horse battery staple, at length";
const CERTS = "/etc/conductor/certs";

const ROWS: readonly Row[] = [
  ["cluster.node_id", "NODE_ID", "dev-node-1", "staging-node-1", "n1", "n9", "n9"],
  [
    "cluster.bind_addr",
    "BIND_ADDR",
    "127.0.0.1:7000",
    "0.0.0.0:7000",
    "0.0.0.0:7000",
    "h:71",
    "h:71",
  ],
  ["cluster.http_port", "HTTP_PORT", 8080, "=", "=", "8099", 8099],
  [
    "cluster.raft_dir",
    "RAFT_DIR",
    "/tmp/conductor/raft",
    "/var/lib/conductor/raft",
    "/var/lib/conductor/raft",
    "r",
    "r",
  ],
  [
    "cluster.data_dir",
    "DATA_DIR",
    "/tmp/conductor/data",
    "/var/lib/conductor/data",
    "/var/lib/conductor/data",
    "d",
    "d",
  ],
  ["cluster.bootstrap", "BOOTSTRAP", true, false, false, "TRUE", true],
  // Staging's was Raft's port, which speaks no gRPC; production's is ${CLUSTER_JOIN_ADDR}.
  [
    "cluster.join_addr",
    "JOIN_ADDR",
    [],
    ["staging-master-1.conductor.svc:9000"],
    ["join:9000"],
    "j:9",
    ["j:9"],
  ],
  ["raft.heartbeat_timeout", "RAFT_HEARTBEAT_TIMEOUT", 500, 1_000, 1_000, "700ms", 700],
  ["raft.election_timeout", "RAFT_ELECTION_TIMEOUT", 1_000, 3_000, 5_000, "9s", 9_000],
  ["raft.barrier_timeout", "RAFT_BARRIER_TIMEOUT", 5_000, 7_000, 10_000, "1s", 1_000],
  ["raft.snapshot_interval", "RAFT_SNAPSHOT_INTERVAL", 30_000, 120_000, 300_000, "1m", 60_000],
  ["raft.snapshot_threshold", "RAFT_SNAPSHOT_THRESHOLD", 100, 8192, 16384, "7", 7],
  // Production's was 0, without end, by a slip.
  ["raft.apply_timeout", "RAFT_APPLY_TIMEOUT", 5_000, 10_000, 15_000, "1s", 1_000],
  ["grpc.master_port", "GRPC_MASTER_PORT", 9000, "=", "=", "9002", 9002],
  ["grpc.worker_port", "GRPC_WORKER_PORT", 9001, "=", "=", "9003", 9003],
  ["grpc.max_msg_size", "GRPC_MAX_MSG_SIZE", 4194304, "=", "=", "8388608", 8388608],
  ["grpc.dial_timeout", "GRPC_DIAL_TIMEOUT", 2_000, 3_000, 5_000, "1s", 1_000],
  ["grpc.connection_wait", "GRPC_CONNECTION_WAIT", 2_000, 3_000, 5_000, "1s", 1_000],
  ["worker.worker_id", "WORKER_ID", "dev-worker-1", "staging-worker-1", "w1", "w9", "w9"],
  [
    "worker.master_addr",
    "MASTER_ADDR",
    ["localhost:9000"],
    ["staging-master.conductor.svc:9000"],
    ["conductor-master.production.svc:9000"],
    "m:9000",
    ["m:9000"],
  ],
  ["worker.heartbeat_interval", "WORKER_HEARTBEAT_INTERVAL", 3_000, "=", "=", "1s", 1_000],
  ["worker.heartbeat_timeout", "WORKER_HEARTBEAT_TIMEOUT", 10_000, "=", "=", "9s", 9_000],
  ["worker.result_timeout", "WORKER_RESULT_TIMEOUT", 10_000, 15_000, 30_000, "1s", 1_000],
  ["worker.max_concurrent_jobs", "WORKER_MAX_CONCURRENT_JOBS", 5, 20, 50, "7", 7],
  ["worker.shutdown_delay", "WORKER_SHUTDOWN_DELAY", 2_000, "=", "=", "0s", 0],
  [
    "scheduler.scheduling_policy",
    "SCHEDULER_POLICY",
    "least-loaded",
    "capacity-aware",
    "capacity-aware",
    "random",
    "random",
  ],
  ["scheduler.job_timeout", "SCHEDULER_JOB_TIMEOUT", 120_000, 300_000, 600_000, "1s", 1_000],
  [
    "scheduler.assignment_timeout",
    "SCHEDULER_ASSIGNMENT_TIMEOUT",
    5_000,
    7_000,
    10_000,
    "1s",
    1_000,
  ],
  ["scheduler.max_retries", "SCHEDULER_MAX_RETRIES", 3, 3, 5, "0", 0],
  ["scheduler.retry_delay", "SCHEDULER_RETRY_DELAY", 10_000, 30_000, 60_000, "1s", 1_000],
  [
    "scheduler.rebalance_interval",
    "SCHEDULER_REBALANCE_INTERVAL",
    30_000,
    120_000,
    300_000,
    "1s",
    1_000,
  ],
  ["scheduler.max_pending_jobs", "SCHEDULER_MAX_PENDING_JOBS", 10_000, "=", "=", "5", 5],
  ["log.level", "LOG_LEVEL", "debug", "info", "warn", "error", "error"],
  // json in the original, which read it nowhere; auto is json but on a terminal.
  ["log.format", "LOG_FORMAT", "auto", "json", "json", "pretty", "pretty"],
  [
    "log.output",
    "LOG_OUTPUT",
    "stdout",
    "/var/log/conductor/master.log",
    "/var/log/conductor/master.log",
    "stderr",
    "stderr",
  ],
  ["log.audit_enabled", "LOG_AUDIT_ENABLED", true, "=", "=", "false", false],
  [
    "log.audit_output",
    "LOG_AUDIT_OUTPUT",
    "stdout",
    "/var/log/conductor/audit.log",
    "/var/log/conductor/audit.log",
    "a.log",
    "a.log",
  ],
  ["metrics.enabled", "METRICS_ENABLED", true, "=", "=", "false", false],
  ["metrics.port", "METRICS_PORT", 9090, "=", "=", "9191", 9191],
  ["metrics.path", "METRICS_PATH", "/metrics", "=", "=", "/m", "/m"],
  ["metrics.collect_interval", "METRICS_COLLECT_INTERVAL", 15_000, 20_000, 30_000, "1s", 1_000],
  ["security.tls.enabled", "SECURITY_TLS_ENABLED", false, true, true, "1", true],
  [
    "security.tls.cert_file",
    "SECURITY_TLS_CERT_FILE",
    "",
    `${CERTS}/server.crt`,
    `${CERTS}/server.crt`,
    "c",
    "c",
  ],
  [
    "security.tls.key_file",
    "SECURITY_TLS_KEY_FILE",
    "",
    `${CERTS}/server.key`,
    `${CERTS}/server.key`,
    "k",
    "k",
  ],
  [
    "security.tls.ca_file",
    "SECURITY_TLS_CA_FILE",
    "",
    `${CERTS}/ca.crt`,
    `${CERTS}/ca.crt`,
    "a",
    "a",
  ],
  [
    "security.tls.server_name",
    "SECURITY_TLS_SERVER_NAME",
    "",
    "conductor-staging.svc",
    "conductor.production.svc",
    "s.n",
    "s.n",
  ],
  ["security.tls.skip_verify", "SECURITY_TLS_SKIP_VERIFY", true, false, false, "false", false],
  ["security.tls.auto_generate", "SECURITY_TLS_AUTO_GENERATE", true, false, false, "false", false],
  ["security.jwt.secret_key", "JWT_SECRET_KEY", SECRET, SECRET, SECRET, `${SECRET}!`, `${SECRET}!`],
  ["security.jwt.public_key_path", "JWT_PUBLIC_KEY_PATH", "", "=", "=", "p", "p"],
  [
    "security.jwt.issuer",
    "JWT_ISSUER",
    "conductor-dev",
    "conductor-staging",
    "conductor-production",
    "i",
    "i",
  ],
  ["security.jwt.audience", "JWT_AUDIENCE", "conductor-api", "=", "=", "a", "a"],
  ["security.jwt.access_token_ttl", "JWT_ACCESS_TOKEN_TTL", 900_000, "=", "=", "1m", 60_000],
  [
    "security.jwt.refresh_token_ttl",
    "JWT_REFRESH_TOKEN_TTL",
    604_800_000,
    "=",
    "=",
    "1h",
    3_600_000,
  ],
  ["security.jwt.skip_expiry", "JWT_SKIP_EXPIRY", true, false, false, "false", false],
  ["security.rbac.enabled", "RBAC_ENABLED", false, true, true, "true", true],
  // A path from one working directory in the original; empty is the file inside the program.
  ["security.rbac.policy_file", "RBAC_POLICY_FILE", "", "=", "=", "p", "p"],
  [ // Alone, true asks for certificate files, which development has none of.
    "security.raft_tls.enabled",
    "SECURITY_RAFT_TLS_ENABLED",
    false,
    true,
    true,
    "false",
    false,
  ],
  [
    "security.raft_tls.auto_generate",
    "SECURITY_RAFT_TLS_AUTO_GENERATE",
    false,
    false,
    false,
    "false",
    false,
  ],
  [
    "security.raft_tls.skip_verify",
    "SECURITY_RAFT_TLS_SKIP_VERIFY",
    true,
    false,
    false,
    "false",
    false,
  ],
  [
    "security.raft_tls.cert_file",
    "SECURITY_RAFT_TLS_CERT_FILE",
    "",
    `${CERTS}/raft.crt`,
    `${CERTS}/raft.crt`,
    "c",
    "c",
  ],
  [
    "security.raft_tls.key_file",
    "SECURITY_RAFT_TLS_KEY_FILE",
    "",
    `${CERTS}/raft.key`,
    `${CERTS}/raft.key`,
    "k",
    "k",
  ],
  [
    "security.raft_tls.ca_file",
    "SECURITY_RAFT_TLS_CA_FILE",
    "",
    `${CERTS}/ca.crt`,
    `${CERTS}/ca.crt`,
    "a",
    "a",
  ],
  ["security.rate_limit.enabled", "SECURITY_RATE_LIMIT_ENABLED", false, true, true, "true", true],
  [
    "security.rate_limit.requests_per_sec",
    "SECURITY_RATE_LIMIT_REQUESTS_PER_SEC",
    100,
    50,
    100,
    "2.5",
    2.5,
  ],
  ["security.rate_limit.burst", "SECURITY_RATE_LIMIT_BURST", 50, 25, 50, "7", 7],
  [
    "security.rate_limit.cleanup_interval",
    "SECURITY_RATE_LIMIT_CLEANUP_INTERVAL",
    300_000,
    300_000,
    600_000,
    "1m",
    60_000,
  ],
  [
    "security.rate_limit.client_ttl",
    "SECURITY_RATE_LIMIT_CLIENT_TTL",
    1_800_000,
    1_800_000,
    3_600_000,
    "1h",
    3_600_000,
  ],
  [
    "tracing.otlp_endpoint",
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "localhost:4318",
    "=",
    "=",
    "http://o:4318",
    "http://o:4318",
  ],
  ["tracing.otlp_insecure", "OTEL_EXPORTER_OTLP_INSECURE", true, false, false, "true", true],
  ["tracing.otlp_certificate", "OTEL_EXPORTER_OTLP_CERTIFICATE", "", "=", "=", "o.crt", "o.crt"],
  ["tracing.enabled", "OTEL_TRACE_ENABLED", false, "=", "=", "true", true],
  ["tracing.sample_ratio", "OTEL_TRACES_SAMPLER_ARG", 1, 1, 0.1, "0.5", 0.5],
  ["tracing.environment", "CONDUCTOR_ENV", "", "=", "=", "blue", "blue"],
];

/** What the shipped files ask of their surroundings. */
const SURROUNDINGS = {
  CONDUCTOR_JWT_SECRET: SECRET,
  CLUSTER_JOIN_ADDR: "join:9000",
  NODE_ID: "n1",
  WORKER_ID: "w1",
};

const noFiles = (): never => {
  throw new Error("no such file");
};

/** Loads in the role that uses the key, since the others are not held to it. */
function load(
  entry: SchemaKey,
  env: Record<string, string>,
  flags: Record<string, FlagValue> = {},
) {
  const role = entry.key.about.usedBy.includes("master") ? "master" : "worker";
  return loadConfig({ flags, env, readTextFile: noFiles, role });
}

function entryAt(path: string): SchemaKey {
  const entry = KEY_BY_PATH.get(path);
  assert.ok(entry, `${path} is not a key`);
  return entry;
}

for (const profile of ["development", "staging", "production"] as const satisfies Profile[]) {
  Deno.test(`the shipped ${profile} file gives every key of the original the value it had`, () => {
    for (const [path, , development, staging, production] of ROWS) {
      const entry = entryAt(path);
      const own = { development, staging, production }[profile];
      // The names that production takes from the environment are its own.
      const env = profile === "production"
        ? SURROUNDINGS
        : { CONDUCTOR_JWT_SECRET: SURROUNDINGS.CONDUCTOR_JWT_SECRET };
      const { config } = load(entry, { ...env, CONDUCTOR_PROFILE: profile });
      assert.deepEqual(valueAt(config, entry.fields), own === "=" ? development : own, path);
    }
  });
}

for (const [path, bareVariable, , , , written, value] of ROWS) {
  const systematic = `CONDUCTOR_${path.replaceAll(".", "_").toUpperCase()}`;

  Deno.test(`${path} is set by ${systematic} and by ${bareVariable}, the first before the second`, () => {
    const entry = entryAt(path);
    for (const name of [systematic, bareVariable]) {
      const { config, sources, warnings } = load(entry, { [name]: written });
      assert.deepEqual(valueAt(config, entry.fields), value, name);
      assert.deepEqual(sources[entry.path], { kind: "environment", name });
      assert.deepEqual(warnings, []);
    }
    const both = load(entry, { [bareVariable]: "never read", [systematic]: written });
    assert.deepEqual(valueAt(both.config, entry.fields), value);
    assert.deepEqual(both.sources[entry.path], { kind: "environment", name: systematic });
  });
}
