import assert from "node:assert/strict";
import { unusedPorts } from "../ha/ports.ts";
import { end, onHost, run, until } from "./support.ts";

Deno.test("a master that may not found a cluster founds none, and goes on with one that it has", () =>
  onHost(async (host) => {
    const flags = host.masterFlags().filter((flag) => flag !== "--bootstrap");
    const refused = await run(["master", "--bootstrap=false", ...flags]);
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /holds no cluster.*--bootstrap, --join ADDRESS or/);
    assert.equal(refused.stderr.trim().split("\n").length, 1, refused.stderr);

    await end(await host.startMaster(), "SIGTERM");
    await host.startMaster("--bootstrap=false");
    const status = await host.client("cluster", "status", "--output=json");
    assert.equal(JSON.parse(status.stdout).raft_state, "Leader", status.stderr);
  }));

Deno.test("a master that waits to join is alive and not ready, and stops when it is told to", () =>
  onHost(async (host) => {
    const flags = host.masterFlags().filter((flag) => flag !== "--bootstrap");
    const master = host.start(["master", `--join=127.0.0.1:${unusedPorts(1)[0]}`, ...flags]);
    await until("it answers /health", async () => {
      const response = await fetch(`${host.httpUrl}/health`);
      return (await response.text()) === "OK";
    });
    const ready = await fetch(`${host.httpUrl}/ready`);
    assert.equal(ready.status, 503);
    assert.match(await ready.text(), /waits to join/);
    assert.equal(await end(master, "SIGTERM"), 0);
  }));
