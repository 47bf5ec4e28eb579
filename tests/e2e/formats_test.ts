import assert from "node:assert/strict";
import { ENTRY_FORMATS, SqliteRaftLog } from "../../src/storage/mod.ts";
import { end, onHost, run } from "./support.ts";

Deno.test("a master whose log holds an entry of a later version stops at it, and says what to do", () =>
  onHost(async (host) => {
    const master = await host.startMaster();
    const kept = await host.client("submit", "--type=custom", "--payload=x");
    assert.equal(kept.code, 0, kept.stderr);
    assert.equal(await end(master, "SIGTERM"), 0);
    const log = SqliteRaftLog.open(`${host.directory}/master/raft`, {});
    const { term, vote } = log.hardState;
    const index = log.lastIndex + 1;
    const data = new Uint8Array([ENTRY_FORMATS.newest + 1, 1, 2, 3]);
    log.append([{ index, term, kind: "command", data }], { term, vote, commit: index });
    log.close();
    const refused = await run(["master", ...host.masterFlags()]);
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /its format is version \d+.*run a newer version of conductor/);
  }));
