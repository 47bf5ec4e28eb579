import assert from "node:assert/strict";
import { ConfigError } from "./faults.ts";
import { examineConfig, type FlagValue, loadConfig, type LoadOptions } from "./load.ts";
import { shippedFile } from "./profile_files.ts";

const SECRET = "correct horse battery staple, at length";

/** Files by name; any other is not there. */
function reading(files: Record<string, string>): (path: string) => string {
  return (path) => {
    const text = files[path];
    if (text === undefined) throw new Error(`No such file or directory: ${path}`);
    return text;
  };
}

interface Given {
  flags?: Record<string, FlagValue>;
  env?: Record<string, string>;
  files?: Record<string, string>;
  role?: LoadOptions["role"];
}

function options({ flags = {}, env = {}, files = {}, role = "master" }: Given): LoadOptions {
  return { flags, env, readTextFile: reading(files), role };
}

const load = (given: Given) => loadConfig(options(given));

/** The message of the refusal, by lines without their indentation. */
function refusal(given: Given): string[] {
  try {
    load(given);
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error));
    assert.ok(error.faults.length > 0);
    return error.message.split("\n").map((line) => line.trim());
  }
  throw new assert.AssertionError({ message: "the configuration should be refused" });
}

Deno.test("of two sources the stronger holds, at each step", () => {
  const path = "raft.apply_timeout";
  const file = "raft: {apply_timeout: 3s}\n";
  const steps: [Given, number, string][] = [
    // No file of one's own: the shipped one.
    [{}, 5_000, "file"],
    // A file that leaves the key out: first the common default, then a profile's.
    [{ files: { f: "" }, flags: { config: "f" } }, 5_000, "default"],
    [{ files: { f: "" }, flags: { config: "f", profile: "staging" } }, 10_000, "profile"],
    [{ files: { f: file }, flags: { config: "f", profile: "staging" } }, 3_000, "file"],
    [
      { files: { f: file }, flags: { config: "f" }, env: { RAFT_APPLY_TIMEOUT: "2s" } },
      2_000,
      "environment",
    ],
    [
      {
        files: { f: file },
        flags: { config: "f" },
        env: { RAFT_APPLY_TIMEOUT: "2s", CONDUCTOR_RAFT_APPLY_TIMEOUT: "1500ms" },
      },
      1_500,
      "environment",
    ],
    [
      {
        files: { f: file },
        flags: { config: "f", [path]: "1s" },
        env: { RAFT_APPLY_TIMEOUT: "2s", CONDUCTOR_RAFT_APPLY_TIMEOUT: "1500ms" },
      },
      1_000,
      "flag",
    ],
  ];
  for (const [given, ms, kind] of steps) {
    const env = { CONDUCTOR_JWT_SECRET: SECRET, ...given.env };
    const { config, sources } = load({ ...given, env });
    assert.equal(config.raft.applyTimeoutMs, ms);
    assert.equal(sources[path]?.kind, kind);
  }
});

Deno.test("an empty variable counts as one that is not set, an empty flag is empty", () => {
  const { config } = load({ env: { HTTP_PORT: "", CONDUCTOR_LOG_LEVEL: "", LOG_LEVEL: "warn" } });
  assert.equal(config.cluster.httpPort, 8080);
  assert.equal(config.log.level, "warn");
  const worker = load({
    role: "worker",
    env: { CONDUCTOR_TOKEN: "t" },
    flags: { "security.token": "" },
  });
  assert.equal(worker.config.security.token, "");
});

Deno.test("a flag that is undefined was not given", () => {
  const { config } = load({ flags: { "cluster.http_port": undefined, config: undefined } });
  assert.equal(config.cluster.httpPort, 8080);
});

Deno.test("flags come as text, numbers, booleans or several times", () => {
  const { config } = load({
    role: "worker",
    flags: {
      "worker.max_concurrent_jobs": 3,
      "tracing.enabled": true,
      "worker.master_addrs": ["a:1,b:2", "c:3"],
      "worker.tags": ["gpu=true", "zone=eu"],
      "jobs.pixels_max": "7",
    },
  });
  assert.equal(config.worker.maxConcurrentJobs, 3);
  assert.equal(config.tracing.enabled, true);
  assert.deepEqual(config.worker.masterAddrs, ["a:1", "b:2", "c:3"]);
  assert.deepEqual(config.worker.tags, { gpu: "true", zone: "eu" });
  assert.equal(config.jobs.pixelsMax, 7);
});

Deno.test("the master's earlier name for its address is read from flag, variable and file", () => {
  const ways: Given[] = [
    { flags: { "worker.master_addr": "m:1" } },
    { env: { CONDUCTOR_WORKER_MASTER_ADDR: "m:1" } },
    { env: { MASTER_ADDR: "m:1" } },
    { files: { f: "worker: {master_addr: 'm:1'}" }, flags: { config: "f" } },
  ];
  for (const given of ways) {
    assert.deepEqual(load({ ...given, role: "worker" }).config.worker.masterAddrs, ["m:1"]);
  }
});

Deno.test("the profile is chosen by flag, environment or a file of one's own, in this order", () => {
  const env = { CONDUCTOR_JWT_SECRET: SECRET };
  const file = { files: { f: "profile: staging" } };
  assert.equal(load({}).profile, "development");
  assert.equal(load({ env: { ...env, CONDUCTOR_PROFILE: "staging" } }).profile, "staging");
  assert.equal(load({ ...file, env: { ...env, CONDUCTOR_CONFIG: "f" } }).profile, "staging");
  assert.equal(
    load({ ...file, env: { CONDUCTOR_CONFIG: "f", CONDUCTOR_PROFILE: "development" } }).profile,
    "development",
  );
  assert.equal(
    load({ env: { ...env, CONDUCTOR_PROFILE: "development" }, flags: { profile: "staging" } })
      .config
      .profile,
    "staging",
  );
});

Deno.test("an unknown profile is refused with the one that was meant", () => {
  assert.deepEqual(refusal({ env: { CONDUCTOR_PROFILE: "prod" } }), [
    "There is no such profile:",
    'profile is not one of them: "prod" from environment variable CONDUCTOR_PROFILE. Allowed: one ' +
    "of development, staging, production (did you mean production?).",
  ]);
});

Deno.test("a file that is named replaces the shipped one, and one that is not there is refused", () => {
  const loaded = load({
    files: { "my.yaml": "cluster: {http_port: 8099}" },
    flags: { config: "my.yaml" },
  });
  assert.deepEqual(loaded.file, { name: "my.yaml", shipped: false });
  assert.equal(loaded.config.cluster.httpPort, 8099);
  assert.deepEqual(loaded.sources["cluster.http_port"], {
    kind: "file",
    file: "my.yaml",
    line: 1,
    shipped: false,
    unset: [],
  });
  const [heading, fault] = refusal({ env: { CONDUCTOR_CONFIG: "gone.yaml" } });
  assert.equal(heading, "Cannot read the configuration file:");
  assert.match(fault ?? "", /^gone\.yaml cannot be read: No such file.*CONDUCTOR_CONFIG/);
});

Deno.test("a file that is not YAML is refused by itself, without faults that follow from it", () => {
  const lines = refusal({
    files: { f: "cluster: [\n" },
    flags: { config: "f", profile: "production" },
  });
  assert.equal(lines.length, 2);
  assert.match(lines[1] ?? "", /^f is not valid YAML \(f:2\)/);
});

Deno.test("a profile's file in the working directory is not read, and said so where it differs", () => {
  const name = "config/dev.yaml";
  const edited = load({ files: { [name]: "cluster: {http_port: 1}" } });
  assert.equal(edited.config.cluster.httpPort, 8080);
  assert.deepEqual(edited.warnings, [
    "./config/dev.yaml differs from the file inside the program, and is not read; to use it, pass " +
    "--config config/dev.yaml.",
  ]);
  assert.deepEqual(load({ files: { [name]: shippedFile("development").text } }).warnings, []);
  assert.deepEqual(load({ files: { [name]: "" }, role: "client" }).warnings, []);
});

Deno.test("all faults are told at once, each with its path, value, source and what is allowed", () => {
  const lines = refusal({
    files: {
      "my.yaml": "cluster:\n  http_port: 80800\n  htpp_port: 1\nscheduler: {job_timeout: soon}\n",
    },
    flags: { config: "my.yaml", "scheduler.scheduling_policy": "least-loadd", "raft.x": "1" },
    env: { RAFT_HEARTBEAT_TIMEOUT: "500", CONDUCTOR_PROFILE: "production" },
  });
  assert.deepEqual(lines, [
    "The configuration has 8 faults (profile production, master):",
    "cluster.htpp_port is not a key (my.yaml:3). Did you mean cluster.http_port?",
    'cluster.node_id is empty: "" from default of profile production. Set NODE_ID or ' +
    'cluster.node_id in a --config file: a name of 1 to 63 letters, digits, ".", "_" or "-" that ' +
    "starts with a letter or digit.",
    'cluster.http_port is more than 65535: "80800" from my.yaml:2. Allowed: a port from 1 to 65535.',
    'raft.heartbeat_timeout has no unit (500ms? 500s?): "500" from environment variable ' +
    "RAFT_HEARTBEAT_TIMEOUT. Allowed: a duration from 5ms to 1m, such as 500ms or 1m30s.",
    'scheduler.scheduling_policy is not one of them: "least-loadd" from flag --policy. Allowed: one ' +
    "of round-robin, least-loaded, capacity-aware, priority, random (did you mean least-loaded?).",
    'scheduler.job_timeout is not a duration: "soon" from my.yaml:4. Allowed: a duration from 1ms ' +
    "to 576h, such as 500ms or 1m30s.",
    "raft.x is not a key (flag --set raft.x). `conductor config show` lists every key.",
    'security.jwt.secret_key is not set: "" from default. Set JWT_SECRET_KEY (or ' +
    "CONDUCTOR_JWT_SECRET) to at least 32 random bytes, such as the output of " +
    "`openssl rand -base64 48`.",
  ]);
});

Deno.test("what --set gave is told as --set gave it, and wins over the key's own flag", () => {
  const set = { "cluster.http_port": "9777", "worker.master_addr": "a:1" };
  const { config, sources } = load({ flags: { "cluster.http_port": "8099", set } });
  assert.equal(config.cluster.httpPort, 9777);
  assert.deepEqual(sources["cluster.http_port"], { kind: "flag", name: "--set cluster.http_port" });
  assert.deepEqual(config.worker.masterAddrs, ["a:1"]);
  const [, fault, unknown] = refusal({
    flags: { set: { "cluster.http_port": "80800", "raft.x": "1" } },
  });
  assert.equal(
    fault,
    'cluster.http_port is more than 65535: "80800" from flag --set cluster.http_port. Allowed: a ' +
      "port from 1 to 65535.",
  );
  assert.match(unknown!, /^raft\.x is not a key \(flag --set raft\.x\)/);
});

Deno.test("a fault of a shipped file's variable names the variable to set", () => {
  const lines = refusal({ flags: { profile: "production" } });
  assert.equal(lines.length, 3);
  assert.match(
    lines[1] ?? "",
    /^cluster\.node_id is empty: "" from config\/prod\.yaml:\d+ \(built in\), where \$\{NODE_ID\} is not set\. Set NODE_ID:/,
  );
  assert.match(lines[2] ?? "", /^security\.jwt\.secret_key is not set: .*Set JWT_SECRET_KEY/);
});

Deno.test("a secret is in no fault and no source, whatever is wrong with it", () => {
  for (
    const secret of ["hunter2", `${"x".repeat(40)}\n`, "a".repeat(40), "change-this-secret-key"]
  ) {
    const given = { flags: { profile: "staging" }, env: { JWT_SECRET_KEY: secret } };
    const text = refusal(given).join("\n");
    assert.ok(!text.includes(secret.trim()), text);
    assert.match(
      text,
      /security\.jwt\.secret_key .*\*{8} from environment variable JWT_SECRET_KEY/,
    );
    assert.ok(!JSON.stringify(examineConfig(options(given)).faults).includes(secret.trim()));
  }
});

Deno.test("a password in an address is in no fault", () => {
  const endpoint = "https://me:hunter2@otel.example.com";
  const text = refusal({ flags: {}, env: { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint } }).join("\n");
  assert.match(
    text,
    /otlp_endpoint holds a user or password: "https:\/\/\*{8}@otel\.example\.com"/,
  );
});

Deno.test("a role is held only to the keys that it uses", () => {
  const env = { CONDUCTOR_PROFILE: "production" };
  assert.deepEqual(load({ role: "client", env }).warnings, []);
  const worker = load({ role: "worker", env: { ...env, WORKER_ID: "w1" } });
  assert.equal(worker.config.worker.workerId, "w1");
  assert.deepEqual(worker.warnings, []);
  assert.match(refusal({ role: "worker", env }).join(), /worker\.worker_id is empty/);

  const client = load({ role: "client", env: { HTTP_PORT: "eighty" } });
  assert.equal(client.config.cluster.httpPort, 8080);
  assert.deepEqual(client.warnings, [
    "cluster.http_port is not a whole number (environment variable HTTP_PORT); a client does not " +
    "use it.",
  ]);
});

Deno.test("an unknown CONDUCTOR_ variable is a warning with what was meant", () => {
  const { warnings } = load({
    env: {
      CONDUCTOR_RAFT_HEARTBEAT_TIMOUT: "1s",
      CONDUCTOR_HOMEPAGE: "x",
      CONDUCTOR_EMPTY: "",
      CONDUCTOR_CACHE_DIR: "/cache",
      OTHER: "x",
    },
  });
  assert.deepEqual(warnings, [
    "CONDUCTOR_RAFT_HEARTBEAT_TIMOUT is set, but is not a variable that Conductor reads. Did you " +
    "mean CONDUCTOR_RAFT_HEARTBEAT_TIMEOUT?",
    "CONDUCTOR_HOMEPAGE is set, but is not a variable that Conductor reads.",
  ]);
});

Deno.test("a variable that the file names is known, and a warning survives a refusal", () => {
  const given: Given = {
    files: { f: "cluster: {node_id: '${CONDUCTOR_WHERE}-1'}" },
    flags: { config: "f" },
    env: { CONDUCTOR_WHERE: "eu" },
  };
  assert.deepEqual(load(given).warnings, []);
  const lines = refusal({ env: { HTTP_PORT: "x", CONDUCTOR_HTTP_PORT: "8099" } });
  assert.match(
    lines.at(-1) ?? "",
    /^Note: CONDUCTOR_HTTP_PORT is set, but .* Did you mean HTTP_PORT\?$/,
  );
});

Deno.test("what Kubernetes says of services named like a port is not taken for one", () => {
  const { config, warnings } = load({
    env: {
      CONDUCTOR_METRICS_PORT: "tcp://10.0.0.1:9090",
      METRICS_PORT: "9191",
      CONDUCTOR_METRICS_SERVICE_HOST: "10.0.0.1",
      CONDUCTOR_METRICS_SERVICE_PORT: "9090",
      CONDUCTOR_METRICS_PORT_9090_TCP_ADDR: "10.0.0.1",
      CONDUCTOR_PORT: "tcp://10.0.0.1:9090",
    },
  });
  assert.equal(config.metrics.port, 9191);
  assert.equal(warnings.length, 1);
  assert.match(warnings[0] ?? "", /^CONDUCTOR_METRICS_PORT=tcp:.*enableServiceLinks: false/);
});

Deno.test("a configuration is frozen through and through, and nothing that was given is", () => {
  const masterAddrs = ["a:1"];
  const { config, sources } = load({ flags: { "worker.master_addrs": masterAddrs } });
  const seen: unknown[] = [config];
  for (const value of seen) {
    if (typeof value !== "object" || value === null) continue;
    assert.ok(Object.isFrozen(value));
    seen.push(...Object.values(value));
  }
  assert.ok(Object.isFrozen(sources));
  assert.ok(!Object.isFrozen(masterAddrs));
});

Deno.test("what has faults can be examined, with defaults where values are refused", () => {
  const examined = examineConfig(
    options({ env: { HTTP_PORT: "x", CONDUCTOR_PROFILE: "staging" } }),
  );
  assert.deepEqual(examined.faults.map(({ path }) => path), [
    "cluster.http_port",
    "security.jwt.secret_key",
  ]);
  assert.equal(examined.config.cluster.httpPort, 8080);
  assert.deepEqual(examined.sources["cluster.http_port"], { kind: "default" });
});

Deno.test("what a master or a server would refuse at each try is refused at the start", () => {
  const refusedOf = (set: Record<string, string>) =>
    examineConfig({ ...options({ role: "worker" }), flags: { set } }).faults.map(({ path }) =>
      path
    );
  assert.deepEqual(refusedOf({ "jobs.namespaces": "red,team a" }), ["jobs.namespaces"]);
  assert.deepEqual(refusedOf({ "jobs.user_agent": "Büro" }), ["jobs.user_agent"]);
  assert.deepEqual(refusedOf({ "jobs.namespaces": "red", "jobs.user_agent": "Us/1 (+https)" }), []);
});

Deno.test("a name from a prototype is neither flag nor variable", () => {
  assert.match(refusal({ flags: { constructor: "x" } })[1] ?? "", /^constructor is not a key/);
  const path = "scheduler.type_defaults.noop";
  assert.match(
    refusal({ flags: { [path]: "max_retries=0" } })[1] ?? "",
    /Write it as --set 'scheduler\.type_defaults=noop=max_retries=0'/,
  );
  assert.equal(
    load({ flags: Object.create({ "cluster.http_port": "1" }) }).config.cluster.httpPort,
    8080,
  );
});
