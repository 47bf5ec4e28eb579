import assert from "node:assert/strict";
import { describeFault } from "./faults.ts";
import { readYamlFile } from "./yaml_file.ts";

function read(text: string, env: Record<string, string> = {}) {
  const contents = readYamlFile({ name: "my.yaml", text, shipped: false }, env);
  return {
    ...contents,
    raw: Object.fromEntries([...contents.values].map(([path, { raw }]) => [path, raw])),
    lines: Object.fromEntries(
      [...contents.values].map(([path, { source }]) => [path, source.line]),
    ),
    faults: contents.faults.map(describeFault),
  };
}

Deno.test("every value is found with its line, however deep", () => {
  const { raw, lines, faults } = read(
    "# mine\ncluster:\n  http_port: 8099\nsecurity:\n  tls:\n    enabled: yes\n",
  );
  assert.deepEqual(raw, { "cluster.http_port": "8099", "security.tls.enabled": "yes" });
  assert.deepEqual(lines, { "cluster.http_port": 3, "security.tls.enabled": 6 });
  assert.deepEqual(faults, []);
});

Deno.test("scalars are taken as they are spelled", () => {
  const { raw } = read("cluster: {node_id: 007, raft_dir: off, data_dir: 0x10, join_addr: 1e3}\n");
  assert.deepEqual(raw, {
    "cluster.node_id": "007",
    "cluster.raft_dir": "off",
    "cluster.data_dir": "0x10",
    "cluster.join_addr": "1e3",
  });
});

Deno.test("lists and maps come in both of YAML's styles, and through anchors", () => {
  const { raw, faults } = read(
    "worker:\n  master_addrs: [a:1, b:2]\n  tags:\n    gpu: true\n    zone: &zone eu-1\n" +
      "  job_types:\n    - *zone\n    - test_sleep\n",
  );
  assert.deepEqual(raw, {
    "worker.master_addrs": ["a:1", "b:2"],
    "worker.tags": { gpu: "true", zone: "eu-1" },
    "worker.job_types": ["eu-1", "test_sleep"],
  });
  assert.deepEqual(faults, []);
});

Deno.test("nothing is as good as absent, and an empty string is not", () => {
  const { raw, faults } = read(
    'cluster:\n  http_port:\n  node_id: ~\n  bind_addr: null\n  join_addr: ""\nraft:\n',
  );
  assert.deepEqual(raw, { "cluster.join_addr": "" });
  assert.deepEqual(faults, []);
  for (const text of ["", "# only this\n", "---\n", "~\n"]) assert.deepEqual(read(text).faults, []);
});

Deno.test("variables are filled in inside lists and maps, and named", () => {
  const { raw, variables, values } = read(
    "cluster: {node_id: '${N}'}\nworker:\n  master_addrs: ['${M}:9000', b:1]\n  tags: {a: '${T}'}\n",
    { N: "n1", M: "m" },
  );
  assert.deepEqual(raw, {
    "cluster.node_id": "n1",
    "worker.master_addrs": ["m:9000", "b:1"],
    "worker.tags": { a: "" },
  });
  assert.deepEqual([...variables], ["N", "M", "T"]);
  assert.deepEqual(values.get("worker.tags")?.source.unset, ["T"]);
});

Deno.test("a variable's value cannot become structure", () => {
  const { raw, faults } = read("cluster:\n  node_id: ${N}\n", { N: "x\n  http_port: 1" });
  assert.deepEqual(raw, { "cluster.node_id": "x\n  http_port: 1" });
  assert.deepEqual(faults, []);
});

Deno.test("an unknown key is a fault with its line and what was meant", () => {
  const rows: [string, string][] = [
    [
      "cluster:\n  htp_port: 1\n",
      "cluster.htp_port is not a key (my.yaml:2). Did you mean cluster.http_port?",
    ],
    ["clutser:\n  http_port: 1\n", "clutser is not a key (my.yaml:1). Did you mean cluster?"],
    [
      "cluster:\n  master_port: 1\n",
      "cluster.master_port is not a key (my.yaml:2). Did you mean grpc.master_port?",
    ],
    ["zzz: 1\n", "zzz is not a key (my.yaml:1). `conductor config show` lists every key."],
    [
      "cluster.http_port: 1\n",
      "cluster.http_port is not a key (my.yaml:1). Write http_port below its section, indented.",
    ],
    [
      "__proto__: 1\n",
      "__proto__ is not a key (my.yaml:1). `conductor config show` lists every key.",
    ],
  ];
  for (const [text, fault] of rows) assert.deepEqual(read(text).faults, [fault]);
});

Deno.test("a wrong shape is a fault where it stands", () => {
  const rows: [string, RegExp][] = [
    ["cluster: 5\n", /^cluster is a section, not a key \(my\.yaml:1\)/],
    ["- a\n", /^my\.yaml is not a mapping of sections/],
    ["just words\n", /^my\.yaml is not a mapping of sections/],
    ["cluster:\n  ? [a]\n  : 1\n", /^cluster has a key that is not a word/],
    ["worker:\n  tags: {a: {b: c}}\n", /^worker\.tags holds values within values \(my\.yaml:2\)/],
    ["worker:\n  job_types: [[a]]\n", /^worker\.job_types holds values within values/],
    [
      "worker:\n  master_addr: a:1\n  master_addrs: [b:1]\n",
      /^worker\.master_addrs says the same as .*\(my\.yaml:3\)\. Keep worker\.master_addrs alone\./,
    ],
  ];
  for (const [text, expected] of rows) {
    const { faults } = read(text);
    assert.equal(faults.length, 1, text);
    assert.match(faults[0] ?? "", expected);
  }
});

Deno.test("text that is not YAML is told with its lines, and without quoting it", () => {
  const { faults, unreadable } = read("security:\n  jwt: [hunter2\n");
  assert.ok(unreadable);
  assert.match(faults[0] ?? "", /^my\.yaml is not valid YAML \(my\.yaml:3\)\. /);
  assert.ok(!faults.join().includes("hunter2"));
  assert.match(read("a: 1\na: 2\n").faults[0] ?? "", /my\.yaml:2.*unique/);
  assert.match(read("cluster: !!js/function x\n").faults[0] ?? "", /my\.yaml:1.*tag/);
  assert.match(read("cluster: *nowhere\n").faults[0] ?? "", /alias \*nowhere.*my\.yaml:1/);
});

Deno.test("a variable without braces is warned of, since it is not filled in", () => {
  const { warnings, raw } = read("cluster:\n  node_id: $NODE\n", { NODE: "n1" });
  assert.deepEqual(raw, { "cluster.node_id": "$NODE" });
  assert.match(warnings[0] ?? "", /^cluster\.node_id: a \$NAME without braces/);
  assert.deepEqual(read("cluster:\n  node_id: a$$NODE\n").warnings, []);
});

Deno.test("a thousand nested aliases neither loop nor grow", () => {
  const bomb = Array.from(
    { length: 12 },
    (_, level) =>
      `x${level}: &x${level} [${Array(9).fill(level === 0 ? "lol" : `*x${level - 1}`).join(", ")}]`,
  ).join("\n");
  assert.equal(read(bomb).faults.length, 12);
  assert.equal(read("security: &s\n  tls: *s\n").faults.length, 1);
});
