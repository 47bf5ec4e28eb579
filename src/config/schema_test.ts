import assert from "node:assert/strict";
import { PROFILES } from "./key.ts";
import { loadConfig } from "./load.ts";
import { type Config, describeConfig, KEY_BY_PATH, KEYS, SECTIONS } from "./schema.ts";

Deno.test("no environment variable, path or field means two keys", () => {
  const paths = KEYS.flatMap(({ path, key }) => [path, ...key.about.formerPaths ?? []]);
  const variables = KEYS.flatMap(({ environment }) => environment);
  const fields = KEYS.map(({ fields }) => fields.join("."));
  for (const names of [paths, variables, fields]) {
    assert.deepEqual(names.filter((name, index) => names.indexOf(name) !== index), []);
  }
  assert.deepEqual(paths.filter((path) => SECTIONS.has(path)), []);
});

Deno.test("no flag means two keys to the same role", () => {
  for (const role of ["master", "worker", "client"] as const) {
    const flags = KEYS.flatMap(({ key }) => key.about.flags?.[role] ?? []);
    assert.deepEqual(flags.filter((flag, index) => flags.indexOf(flag) !== index), [], role);
  }
});

Deno.test("a flag is only offered to roles that use its key", () => {
  for (const { path, key } of KEYS) {
    for (const role of ["master", "worker", "client"] as const) {
      const isOffered = key.about.flags?.[role] !== undefined;
      assert.ok(!isOffered || key.about.usedBy.includes(role), `${path} ${role}`);
    }
  }
});

Deno.test("every key is documented in sentences and used by someone", () => {
  for (const { path, key } of KEYS) {
    assert.match(key.about.doc, /^\S.*[.]$/, path);
    assert.ok(key.about.usedBy.length > 0, path);
    assert.ok(key.kind.allowed.length > 0, path);
  }
});

Deno.test("every default is one that its kind accepts, but for names that production demands", () => {
  const demanded: string[] = [];
  for (const { path, key } of KEYS) {
    for (const profile of PROFILES) {
      const parsed = key.kind.parse(key.defaultUnder(profile).raw);
      if ("problem" in parsed) demanded.push(`${path} ${profile}`);
    }
  }
  assert.deepEqual(demanded, ["cluster.node_id production", "worker.worker_id production"]);
});

Deno.test("every kind reads what it writes", () => {
  for (const { path, key } of KEYS) {
    for (const profile of PROFILES) {
      const parsed = key.kind.parse(key.defaultUnder(profile).raw);
      if ("problem" in parsed) continue;
      assert.deepEqual(key.kind.parse(key.kind.write(parsed.value)), parsed, path);
    }
  }
});

Deno.test("fields are the keys' names in camel case, with their unit last", () => {
  const fieldOf = (path: string) => KEY_BY_PATH.get(path)?.fields.join(".");
  assert.equal(fieldOf("raft.heartbeat_timeout"), "raft.heartbeatTimeoutMs");
  assert.equal(fieldOf("grpc.max_msg_size"), "grpc.maxMsgSizeBytes");
  assert.equal(fieldOf("jobs.payload_bytes_max"), "jobs.payloadBytesMax");
  assert.equal(fieldOf("security.raft_tls.ca_file"), "security.raftTls.caFile");
});

Deno.test("the type of a configuration says what its values are", () => {
  const noFiles = () => {
    throw new Error("no such file");
  };
  const { config } = loadConfig({ flags: {}, env: {}, readTextFile: noFiles, role: "master" });
  // Compiling is the test; the assertions hold the values to the types.
  const heartbeatTimeoutMs: number = config.raft.heartbeatTimeoutMs;
  const policy: "round-robin" | "least-loaded" | "capacity-aware" | "priority" | "random" =
    config.scheduler.schedulingPolicy;
  const masterAddrs: readonly string[] = config.worker.masterAddrs;
  const tags: Readonly<Record<string, string>> = config.worker.tags;
  const isEnabled: boolean = config.security.raftTls.enabled;
  const payloadBytesMax: Config["jobs"]["payloadBytesMax"] = config.jobs.payloadBytesMax;
  assert.deepEqual(
    [heartbeatTimeoutMs, policy, masterAddrs, tags, isEnabled, payloadBytesMax],
    [500, "least-loaded", ["localhost:9000"], {}, false, 2 * 1024 * 1024],
  );
});

Deno.test("the schema as data has all that a reference page and a completion need", () => {
  const described = describeConfig();
  assert.equal(described.length, KEYS.length);
  const policy = described.find(({ path }) => path === "scheduler.scheduling_policy");
  assert.deepEqual(policy, {
    path: "scheduler.scheduling_policy",
    field: "config.scheduler.schedulingPolicy",
    kind: "choice",
    allowed: "one of round-robin, least-loaded, capacity-aware, priority, random",
    values: ["round-robin", "least-loaded", "capacity-aware", "priority", "random"],
    doc: "How the leader chooses among workers; with priority also: jobs strictly by priority, " +
      "whatever queue they are in.",
    environment: ["CONDUCTOR_SCHEDULER_SCHEDULING_POLICY", "SCHEDULER_POLICY"],
    flags: { master: "policy" },
    usedBy: ["master"],
    secret: false,
    live: true,
    formerPaths: [],
    defaults: {
      development: "least-loaded",
      staging: "capacity-aware",
      production: "capacity-aware",
    },
  });
  assert.equal(JSON.parse(JSON.stringify(described)).length, KEYS.length);
});
