import assert from "node:assert/strict";
import type { Source } from "./faults.ts";
import { examineConfig, type FlagValue } from "./load.ts";

interface Given {
  flags?: Record<string, FlagValue>;
  env?: Record<string, string>;
  file?: string;
}

function examine({ flags = {}, env = {}, file }: Given) {
  return examineConfig({
    flags: file === undefined ? flags : { config: "f", ...flags },
    env: { CONDUCTOR_JWT_SECRET: "correct horse battery staple, at length", ...env },
    readTextFile(path) {
      if (path === "f" && file !== undefined) return file;
      throw new Error("no such file");
    },
    role: "master",
  });
}

/** How a master begins, and its faults. */
function beginning(given: Given) {
  const { config: { cluster }, faults } = examine(given);
  return {
    begins: [
      ...(cluster.bootstrap ? ["bootstrap"] : []),
      ...(cluster.joinAddr.length === 0 ? [] : [`join ${cluster.joinAddr.join()}`]),
      ...(cluster.initialCluster.length === 0 ? [] : ["static"]),
    ],
    faults: faults.map(({ path }) => path),
  };
}

Deno.test("a master begins in the way that the strongest source says", () => {
  const staging = { CONDUCTOR_PROFILE: "staging" };
  const members = "dev-node-1=a:7000,n2=b:7000";
  const rows: [Given, string[]][] = [
    [{}, ["bootstrap"]],
    [{ flags: { "cluster.join_addr": "m:9000" } }, ["join m:9000"]],
    [{ flags: { "cluster.join_addr": ["m:9000", "n:9000"] } }, ["join m:9000,n:9000"]],
    [{ env: { JOIN_ADDR: "m:9000,n:9000" } }, ["join m:9000,n:9000"]],
    [{ env: { JOIN_ADDR: "m:9000" } }, ["join m:9000"]],
    [{ env: { BOOTSTRAP: "true" }, flags: { "cluster.join_addr": "m:9000" } }, ["join m:9000"]],
    [{ env: { JOIN_ADDR: "m:9000" }, flags: { "cluster.bootstrap": true } }, ["bootstrap"]],
    [{ env: staging }, ["join staging-master-1.conductor.svc:9000"]],
    [{ env: staging, flags: { "cluster.bootstrap": true } }, ["bootstrap"]],
    [{ env: { ...staging, BOOTSTRAP: "true" } }, ["bootstrap"]],
    [{ flags: { "cluster.initial_cluster": members } }, ["static"]],
    [{ env: { BOOTSTRAP: "false" } }, []],
    [{ env: { BOOTSTRAP: "false", JOIN_ADDR: "m:9000" } }, ["join m:9000"]],
    [{ file: "cluster: {join_addr: 'm:9000'}" }, ["join m:9000"]],
  ];
  for (const [given, begins] of rows) {
    assert.deepEqual(beginning(given), { begins, faults: [] }, JSON.stringify(given));
  }
});

Deno.test("what gave way says what to", () => {
  const { sources } = examine({ flags: { "cluster.join_addr": "m:9000" } });
  const implied: Source = { kind: "implied", by: "cluster.join_addr" };
  assert.deepEqual(sources["cluster.bootstrap"], implied);
});

Deno.test("two ways to begin from equally strong sources are a fault", () => {
  assert.deepEqual(
    beginning({ flags: { "cluster.bootstrap": true, "cluster.join_addr": "m:9000" } }).faults,
    ["cluster.bootstrap"],
  );
  assert.deepEqual(
    beginning({ env: { JOIN_ADDR: "m:9000", CONDUCTOR_CLUSTER_INITIAL_CLUSTER: "dev-node-1=a:1" } })
      .faults,
    ["cluster.join_addr"],
  );
});

Deno.test("a data_dir of one's own takes the Raft log with it, unless that has a place too", () => {
  const rows: [Given, string][] = [
    [{}, "/tmp/conductor/raft"],
    [{ flags: { "cluster.data_dir": "m1" } }, "m1/raft"],
    [{ flags: { "cluster.data_dir": "m1/" } }, "m1/raft"],
    [{ flags: { "cluster.data_dir": "/" } }, "/raft"],
    [{ env: { DATA_DIR: "/d" } }, "/d/raft"],
    [{ file: "cluster: {data_dir: /d}" }, "/d/raft"],
    [{ env: { DATA_DIR: "/d", RAFT_DIR: "/r" } }, "/r"],
    [{ env: { RAFT_DIR: "/r" }, flags: { "cluster.data_dir": "m1" } }, "/r"],
    [{ file: "cluster: {data_dir: /d, raft_dir: /r}" }, "/r"],
    [{ file: "", env: { CONDUCTOR_PROFILE: "staging" } }, "/var/lib/conductor/raft"],
  ];
  for (const [given, raftDir] of rows) {
    assert.equal(examine(given).config.cluster.raftDir, raftDir, JSON.stringify(given));
  }
});

Deno.test("a log file is named after the role", () => {
  const { config } = examine({ env: { LOG_OUTPUT: "/log/{role}/{role}.log" } });
  assert.equal(config.log.output, "/log/master/master.log");
});

Deno.test("whoever names an authority wants peers to be checked, also in development", () => {
  const skips = (flags: Record<string, FlagValue>) =>
    examine({ flags }).config.security.tls.skipVerify;
  assert.equal(skips({ "security.tls.enabled": true }), true);
  assert.equal(skips({ "security.tls.enabled": true, "security.tls.ca_file": "ca.crt" }), false);
  const said = { "security.tls.ca_file": "ca.crt", "security.tls.skip_verify": true };
  assert.equal(skips({ "security.tls.enabled": true, ...said }), true);
});

Deno.test("what is said of TLS holds between masters too, unless that is said apart", () => {
  const own = {
    "security.tls.enabled": true,
    "security.tls.cert_file": "m.crt",
    "security.tls.key_file": "m.key",
    "security.tls.ca_file": "ca.crt",
  };
  const between = (flags: Record<string, FlagValue>, profile = "development") => {
    const { enabled, certFile, skipVerify } = examine({
      flags,
      env: { CONDUCTOR_PROFILE: profile },
    }).config.security.raftTls;
    return [enabled, certFile, skipVerify];
  };
  assert.deepEqual(between({}), [false, "", true]);
  assert.deepEqual(between(own), [true, "m.crt", false]);
  assert.deepEqual(between(own, "production"), [true, "m.crt", false]);
  assert.deepEqual(between({ ...own, "security.raft_tls.enabled": false }), [false, "", true]);
  const raftFile = "/etc/conductor/certs/raft.crt";
  assert.deepEqual(
    between({ "security.tls.enabled": false }, "production"),
    [true, raftFile, false],
    "TLS between masters is never switched off in passing",
  );
});
