import assert from "node:assert/strict";
import { join } from "node:path";
import { claimDirectory, DirectoryTakenError } from "./directory_claim.ts";

Deno.test("a worker's directory is made and held by one at a time", async () => {
  const root = await Deno.makeTempDir();
  try {
    const directory = join(root, "not", "there", "yet");
    const first = claimDirectory(directory, "w1");
    assert.throws(() => claimDirectory(directory, "w1"), (failure: Error) => {
      assert.ok(failure instanceof DirectoryTakenError);
      assert.match(failure.message, /a worker called w1 runs already .* --worker-id$/);
      return true;
    });
    const other = claimDirectory(join(root, "w2"), "w2");
    first.release();
    claimDirectory(directory, "w1").release();
    other.release();
  } finally {
    await Deno.remove(root, { recursive: true });
  }
});

Deno.test("a directory that cannot be made is refused with the key that names another", async () => {
  const file = await Deno.makeTempFile();
  try {
    assert.throws(() => claimDirectory(join(file, "w1"), "w1"), /worker\.data_dir \(--data-dir\)/);
  } finally {
    await Deno.remove(file);
  }
});
