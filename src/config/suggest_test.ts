import assert from "node:assert/strict";
import { editDistance, nearest } from "./suggest.ts";

const NAMES = [
  "cluster.http_port",
  "cluster.node_id",
  "grpc.master_port",
  "raft.heartbeat_timeout",
];

Deno.test("the nearest name is suggested, and none when all are far", () => {
  assert.equal(nearest("cluster.htpt_port", NAMES), "cluster.http_port");
  assert.equal(nearest("raft.heartbeat_timout", NAMES), "raft.heartbeat_timeout");
  assert.equal(nearest("RAFT.Heartbeat_Timeout", NAMES), "raft.heartbeat_timeout");
  assert.equal(nearest("queue.depth", NAMES), undefined);
  assert.equal(nearest("x", []), undefined);
});

Deno.test("a right key in a wrong section is near, and so is the beginning of a word", () => {
  assert.equal(nearest("cluster.master_port", NAMES), "grpc.master_port");
  assert.equal(nearest("prod", ["development", "staging", "production"]), "production");
});

Deno.test("a part of a key in its section is near, and of keys named alike the one in the nearest section", () => {
  const names = ["worker.cpu", "worker.worker_id", "metrics.enabled", "security.tls.enabled"];
  assert.equal(nearest("worker.id", names), "worker.worker_id");
  assert.equal(nearest("security.jwt.enabled", names), "security.tls.enabled");
});

Deno.test("the distance counts what is inserted, deleted, replaced and swapped", () => {
  const rows: [string, string, number][] = [
    ["", "", 0],
    ["abc", "abc", 0],
    ["abc", "abxc", 1],
    ["abc", "ac", 1],
    ["abc", "axc", 1],
    ["abc", "acb", 1],
    ["", "abc", 3],
    ["kitten", "sitting", 3],
  ];
  for (const [left, right, distance] of rows) {
    assert.equal(editDistance(left, right), distance, `${left} ${right}`);
    assert.equal(editDistance(right, left), distance, `${right} ${left}`);
  }
});
