import assert from "node:assert/strict";
import fc from "fast-check";
import { parse } from "yaml";
import { PROFILES } from "./key.ts";
import { examineConfig, type FlagValue, loadConfig, type LoadOptions } from "./load.ts";
import { renderConfig } from "./render.ts";
import { KEYS, type SchemaKey } from "./schema.ts";

const SECRET = "correct horse battery staple, at length";

function options(given: Partial<LoadOptions>): LoadOptions {
  return {
    flags: {},
    env: {},
    readTextFile() {
      throw new Error("no such file");
    },
    role: "master",
    ...given,
  };
}

/** Reads a rendered configuration back, with the secrets where it says that they are. */
function reloaded(yaml: string, given: Pick<LoadOptions, "role" | "env">) {
  return examineConfig(options({ ...given, flags: { config: "f" }, readTextFile: () => yaml }));
}

Deno.test("the table has a line for every key, with its value and source", () => {
  const loaded = loadConfig(options({
    flags: { "cluster.http_port": 8099 },
    env: { RAFT_APPLY_TIMEOUT: "90s", CONDUCTOR_WORKER_TAGS: "a=b,c=d" },
  }));
  const lines = renderConfig(loaded, "table").trimEnd().split("\n");
  assert.equal(lines.length, KEYS.length + 1);
  const line = (path: string) => lines.find((text) => text.startsWith(`${path} `))?.split(/ {2,}/);
  assert.deepEqual(line("cluster.http_port"), ["cluster.http_port", "8099", "flag --http-port"]);
  assert.deepEqual(line("raft.apply_timeout"), [
    "raft.apply_timeout",
    "1m30s",
    "environment variable RAFT_APPLY_TIMEOUT",
  ]);
  assert.deepEqual(line("worker.tags"), [
    "worker.tags",
    "a=b,c=d",
    "environment variable CONDUCTOR_WORKER_TAGS",
  ]);
  assert.match(line("jobs.file_read_roots")?.join("|") ?? "", /\|\(none\)\|config\/dev\.yaml:\d+/);
  assert.match(line("cluster.advertise_addr")?.[1] ?? "", /^""$/);
});

Deno.test("JSON has every key's value and source, and what they were made from", () => {
  const loaded = loadConfig(options({ env: { HTTP_PORT: "8099" } }));
  const shown = JSON.parse(renderConfig(loaded, "json"));
  assert.equal(Object.keys(shown.values).length, KEYS.length);
  assert.deepEqual(shown.values["cluster.http_port"], {
    value: 8099,
    source: "environment variable HTTP_PORT",
  });
  assert.equal(shown.profile, "development");
  assert.deepEqual(shown.file, { name: "config/dev.yaml", shipped: true });
});

Deno.test("YAML is plain YAML, with each value's source behind it", () => {
  const loaded = loadConfig(options({ flags: { "cluster.node_id": "on", "worker.tags": "a=1" } }));
  const yaml = renderConfig(loaded, "yaml");
  assert.match(yaml, /^ {2}node_id: "?on"? # flag --node-id$/m);
  assert.match(yaml, /^ {2}# flag --set worker\.tags\n {2}tags:\n {4}a: "1"$/m);
  assert.equal(parse(yaml).cluster.node_id, "on");
});

Deno.test("a secret is in none of the forms, and an unset one is empty in all", () => {
  const env = { JWT_SECRET_KEY: SECRET, CONDUCTOR_TOKEN: "tokentokentoken" };
  const loaded = loadConfig(options({ env }));
  for (const format of ["table", "json", "yaml"] as const) {
    const shown = renderConfig(loaded, format);
    for (const secret of Object.values(env)) assert.ok(!shown.includes(secret), format);
  }
  assert.match(renderConfig(loaded, "table"), /^security\.jwt\.secret_key +\*{8} /m);
  assert.match(renderConfig(loaded, "yaml"), /^ {4}secret_key: \$\{JWT_SECRET_KEY\} # /m);
  assert.match(renderConfig(loadConfig(options({})), "yaml"), /^ {4}secret_key: "" # /m);
  const table = renderConfig(loadConfig(options({})), "table");
  assert.match(table, /^security\.jwt\.secret_key +"" /m);
  assert.match(table, /^tracing\.otlp_headers +\(none\) /m);
});

/** Any value of a key, as it could be written; most, but not all, are accepted. */
function anyRaw({ key: { kind } }: SchemaKey): fc.Arbitrary<FlagValue> {
  const word = fc.stringMatching(/^[a-z][a-z0-9._-]{0,9}$/);
  // Text that YAML, the expansion of variables or a careless reader could take for something else.
  const odd = fc.oneof(
    fc.constantFrom("~", "null", "on", "0x10", "1e3", "- a", "a: b", "# c", "${A}", "$$", "'", '"'),
    fc.constantFrom(
      " lead",
      "trail ",
      "a #b",
      "*x",
      "&x",
      "!x",
      "@",
      "`",
      "%",
      "|",
      ">",
      "?",
      ",",
      "[]",
    ),
    fc.string({ unit: "grapheme", minLength: 1 }),
  );
  if (kind.values) return fc.constantFrom(...kind.values);
  switch (kind.name) {
    case "duration":
      return fc.integer({ min: 1, max: 200_000 }).map((ms) => `${ms}ms`);
    case "bytes":
      return fc.integer({ min: 1_024, max: 8 * 2 ** 20 });
    case "integer":
    case "port":
      return fc.integer({ min: 0, max: 65_535 });
    case "number":
      return fc.double({ min: 0, max: 1, noNaN: true });
    case "address":
      return fc.tuple(word, fc.integer({ min: 1, max: 65_535 })).map(([host, port]) =>
        `${host}:${port}`
      );
    case "map":
      return fc.dictionary(word, odd).map((entries) => ({ ...entries }));
    case "list":
      return fc.array(fc.oneof(word, word.map((host) => `${host}:1`)));
    default:
      return fc.oneof(odd, word);
  }
}

/** Drawn apart; and secrets that the environment cannot say in every form that a file can. */
const APART: ReadonlySet<string> = new Set(["profile", "tracing.otlp_headers"]);

/** Some keys with any value; the profile and the ways to begin are drawn apart. */
const anyFlags = fc.record(
  Object.fromEntries(
    KEYS.filter(({ path }) => !APART.has(path)).map((entry) => [entry.path, anyRaw(entry)]),
  ),
  { requiredKeys: [] },
);

Deno.test("any effective configuration is equal after it is rendered as YAML and read back", () => {
  fc.assert(
    fc.property(
      anyFlags,
      fc.constantFrom(...PROFILES),
      fc.constantFrom("master" as const, "worker" as const, "client" as const),
      (drawn, profile, role) => {
        // A refused value leaves its default: what is effective is what counts here.
        const flags = { ...drawn, profile };
        const loaded = examineConfig(options({ flags, role }));
        const { jwt, token, payloadKey } = loaded.config.security;
        const env = {
          JWT_SECRET_KEY: jwt.secretKey,
          CONDUCTOR_TOKEN: token,
          CONDUCTOR_PAYLOAD_KEY: payloadKey,
        };
        const yaml = renderConfig(loaded, "yaml");
        const again = reloaded(yaml, { role, env });
        assert.deepEqual(again.config, loaded.config);
      },
    ),
    { numRuns: 150 },
  );
});
