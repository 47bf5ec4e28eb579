import assert from "node:assert/strict";
import { type Config, loadConfig } from "../config/mod.ts";
import { addressCautions, masterAddresses } from "./addresses.ts";

function configOf(flags: Record<string, string | string[]>): Config {
  return loadConfig({
    flags,
    env: {},
    readTextFile: () => {
      throw new Deno.errors.NotFound();
    },
    role: "master",
  }).config;
}

Deno.test("what a master tells of itself: what it was given, what it binds, or its host's name", () => {
  const host = Deno.hostname();
  const table: [Record<string, string | string[]>, string, string, number][] = [
    [{}, "127.0.0.1:7000", "127.0.0.1:9000", 0],
    [{ "cluster.bind_addr": "0.0.0.0:7001" }, `${host}:7001`, "127.0.0.1:9000", 1],
    [{ "cluster.bind_addr": "[::]:7001" }, `${host}:7001`, "127.0.0.1:9000", 1],
    [
      { "cluster.bind_addr": "0.0.0.0:7001", "cluster.advertise_addr": "10.0.0.1:7001" },
      "10.0.0.1:7001",
      "127.0.0.1:9000",
      0,
    ],
    [{ "cluster.grpc_bind_host": "0.0.0.0" }, "127.0.0.1:7000", `${host}:9000`, 1],
    [
      {
        "cluster.node_id": "a",
        "cluster.bind_addr": "0.0.0.0:7000",
        "cluster.initial_cluster": ["a=10.0.0.1:7000", "b=10.0.0.2:7000"],
      },
      "10.0.0.1:7000",
      "127.0.0.1:9000",
      0,
    ],
  ];
  for (const [flags, raft, grpc, cautions] of table) {
    const config = configOf(flags);
    assert.deepEqual(masterAddresses(config), { raft, grpc });
    assert.equal(addressCautions(config).length, cautions, JSON.stringify(flags));
  }
  const [caution] = addressCautions(configOf({ "cluster.bind_addr": "0.0.0.0:7001" }));
  assert.match(caution ?? "", /told this host's name.*--advertise-addr HOST:PORT/);
});
