import assert from "node:assert/strict";
import { join } from "node:path";
import { inspectRaftLog } from "./inspect_log.ts";

const isWindows = Deno.build.os === "windows";

async function inDirectory(body: (directory: string) => Promise<void> | void): Promise<void> {
  const directory = await Deno.makeTempDir({ prefix: "conductor-inspect-log-" });
  try {
    await body(directory);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

/** Root may read whatever it likes. */
function mayReadAll(): boolean {
  const file = Deno.makeTempFileSync();
  try {
    Deno.chmodSync(file, 0o000);
    Deno.openSync(file).close();
    return true;
  } catch (failure) {
    if (failure instanceof Deno.errors.PermissionDenied) return false;
    throw failure;
  } finally {
    Deno.removeSync(file);
  }
}

Deno.test("where there is no log, that is said", () =>
  inDirectory((directory) => {
    for (const path of [directory, join(directory, "none")]) {
      assert.throws(() => inspectRaftLog(path), {
        name: "RaftLogRefused",
        message: `there is no "${join(path, "raft.db")}"; name a master's directory by ` +
          "--data-dir or --raft-dir",
      });
    }
  }));

Deno.test("a log that is there and cannot be read is not said to be missing", {
  ignore: isWindows,
}, () =>
  inDirectory(async (directory) => {
    const path = join(directory, "raft.db");
    await Deno.symlink("raft.db", path);
    assert.throws(() => inspectRaftLog(directory), (failure: Error) => {
      assert.equal(failure.name, "RaftLogRefused");
      assert.ok(failure.message.startsWith(`Cannot read "${path}": ELOOP`), failure.message);
      return true;
    });
  }));

Deno.test("a directory that may not be entered is told with the path and whose log it is", {
  ignore: isWindows || mayReadAll(),
}, () =>
  inDirectory(async (directory) => {
    const closed = join(directory, "closed");
    await Deno.mkdir(closed);
    await Deno.writeTextFile(join(closed, "raft.db"), "");
    await Deno.chmod(closed, 0o000);
    try {
      assert.throws(() => inspectRaftLog(closed), {
        name: "RaftLogRefused",
        message: `Cannot read "${join(closed, "raft.db")}": permission denied; look as the user ` +
          "that its master runs as",
      });
    } finally {
      await Deno.chmod(closed, 0o700);
    }
  }));
