import assert from "node:assert/strict";
import { join } from "node:path";
import { end, onHost, until } from "./support.ts";

Deno.test("a development master that enforces roles and has no key makes one, and a token for it", () =>
  onHost(async (host) => {
    const master = await host.startMaster("--set=security.rbac.enabled=true");
    const file = join(host.directory, "master", "development-token");
    assert.equal((await Deno.stat(file)).mode! & 0o777, 0o600);
    // The log is written behind: a master may be ready before its last lines are in the file.
    const log = join(host.directory, "master.log");
    await until(
      "the log says why there is a token",
      async () => (await Deno.readTextFile(log)).includes("made for this start"),
    );
    const refused = await host.client("list");
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /a token is required/);
    const admitted = await host.client("list", `--token-file=${file}`);
    assert.equal(admitted.code, 0, admitted.stderr);

    const before = await Deno.readTextFile(file);
    await end(master, "SIGTERM");
    await host.startMaster("--set=security.rbac.enabled=true");
    assert.notEqual(await Deno.readTextFile(file), before, "each start has a key of its own");
    const stale = await host.client("list", `--token=${before.trim()}`);
    assert.match(stale.stderr, /not by a key of this cluster/);
  }));

Deno.test("a development master that enforces nothing needs no token, and writes none", () =>
  onHost(async (host) => {
    await host.startMaster();
    const listed = await host.client("list");
    assert.equal(listed.code, 0, listed.stderr);
    const names = [...Deno.readDirSync(join(host.directory, "master"))].map((each) => each.name);
    assert.ok(!names.includes("development-token"), names.join(", "));
  }));
