import assert from "node:assert/strict";
import { join } from "node:path";
import { clearAttempts, removeAttempt } from "./attempt_directories.ts";

Deno.test("what an earlier life left is removed, whatever it is", async () => {
  const root = await Deno.makeTempDir({ prefix: "conductor-attempts-" });
  try {
    const outside = join(root, "outside");
    await Deno.writeTextFile(outside, "stays");
    const attempts = join(root, "attempts");
    assert.equal(await clearAttempts(attempts), 0);
    await Deno.mkdir(join(attempts, "j1-7", "deep", "down"), { recursive: true });
    await Deno.writeTextFile(join(attempts, "j1-7", "deep", "down", "file"), "x");
    if (Deno.build.os !== "windows") await Deno.symlink(root, join(attempts, "j2-8"));
    await Deno.writeTextFile(join(attempts, "j3-9"), "x");
    await clearAttempts(attempts);
    assert.deepEqual([...Deno.readDirSync(attempts)], []);
    assert.equal(await Deno.readTextFile(outside), "stays");
    await removeAttempt(join(attempts, "never-made"));
  } finally {
    await Deno.remove(root, { recursive: true });
  }
});
