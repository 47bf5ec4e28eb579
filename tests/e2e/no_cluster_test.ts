import assert from "node:assert/strict";
import { end, onHost, run } from "./support.ts";

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
