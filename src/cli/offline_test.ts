import assert from "node:assert/strict";
import { join } from "node:path";
import { startOf } from "./offline.ts";
import { route } from "./router.ts";
import { recording } from "./terminal_test_support.ts";

Deno.test("what is no backup that can be read is named with what the system says, and exits 2", async () => {
  const directory = await Deno.makeTempDir({ prefix: "conductor-offline-" });
  try {
    const missing = join(directory, "none");
    const cases: [string, string][] = [
      [missing, `cannot read the backup ${missing}: No such file or directory`],
      [directory, `the backup ${directory} is no regular file; name one that is`],
      [
        "-",
        "restore reads its backup more than once, which stdin cannot be; write it to a file, " +
        "and name that",
      ],
    ];
    for (const [file, message] of cases) {
      const terminal = recording();
      const place = `--data-dir=${join(directory, "data")}`;
      assert.equal(await route(["restore", file, "--node-id=m1", place], terminal), 2);
      assert.equal(terminal.written.err, `conductor: ${message}\n`);
    }
    assert.deepEqual([...Deno.readDirSync(directory)], []);
    const terminal = recording();
    assert.equal(await route(["snapshot", "inspect", missing], terminal), 2);
    assert.equal(
      terminal.written.err,
      `conductor: cannot read ${missing}: No such file or directory\n`,
    );
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

Deno.test("what to do after a restore names every place of it, as a shell takes it", () => {
  const cluster = { nodeId: "m9", dataDir: "new", raftDir: "new/raft" };
  assert.equal(startOf({ cluster }, {}), "conductor master --node-id m9 --data-dir new");
  const apart = { nodeId: "m9", dataDir: "Ada's disk", raftDir: "/fast/raft" };
  assert.equal(
    startOf({ cluster: apart }, { config: "m9.yaml" }),
    "conductor master --config m9.yaml --node-id m9 --data-dir 'Ada'\\''s disk' --raft-dir /fast/raft",
  );
});
