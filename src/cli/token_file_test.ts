import assert from "node:assert/strict";
import { join } from "node:path";
import { Misuse } from "./failure.ts";
import { readTokenFile, writeTokenFile } from "./token_file.ts";

async function inDirectory(test: (path: string) => void | Promise<void>): Promise<void> {
  const directory = await Deno.makeTempDir();
  try {
    await test(join(directory, "token"));
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

Deno.test("what is written is read again, and nobody else may read it", async () => {
  await inDirectory((path) => {
    for (const pair of [{ token: "a.b.c", refreshToken: "" }, { token: "x", refreshToken: "y" }]) {
      writeTokenFile(path, pair);
      assert.deepEqual(readTokenFile(path), pair);
      assert.equal((Deno.statSync(path).mode ?? 0) & 0o777, 0o600);
    }
  });
});

Deno.test("a file that others may read is refused, with the command that mends it", async () => {
  await inDirectory((path) => {
    Deno.writeTextFileSync(path, "secret-token\n", { mode: 0o600 });
    for (const mode of [0o640, 0o604, 0o620]) {
      Deno.chmodSync(path, mode);
      assert.throws(() => readTokenFile(path), (failure) => {
        assert.ok(failure instanceof Misuse);
        assert.match(failure.message, /mode 06\d\d\): run chmod 600/);
        assert.doesNotMatch(failure.message, /secret-token/);
        return true;
      });
    }
  });
});

Deno.test("what holds no token, or more than two, is refused without being quoted", async () => {
  await inDirectory((path) => {
    for (const text of ["", "\n\n", "a\nb\nc\n", "two words\n"]) {
      Deno.writeTextFileSync(path, text, { mode: 0o600 });
      assert.throws(() => readTokenFile(path), /must hold a token on its first line/);
    }
    assert.throws(() => readTokenFile(`${path}.missing`), /cannot read the token file/);
  });
});
