import assert from "node:assert/strict";
import { join } from "node:path";
import { COMMIT, COMMIT_PLACEHOLDER } from "../../src/cli/version.ts";
import { checksumsOf, commitOf, stampBundle } from "./stamp.ts";

async function scratch() {
  const path = await Deno.makeTempDir({ prefix: "conductor-stamp-" });
  return { path, [Symbol.asyncDispose]: () => Deno.remove(path, { recursive: true }) };
}

Deno.test("a program from source names no commit, a stamped one does", async () => {
  assert.equal(COMMIT, "");
  await using directory = await scratch();
  const source = await Deno.readTextFile(new URL("../../src/cli/version.ts", import.meta.url));
  const script = source.replace(/^import .*$/m, 'const manifest = { version: "1" };')
    .replaceAll(": string", "");
  await Deno.writeTextFile(join(directory.path, "version.js"), script);
  await stampBundle(directory.path, "0123abc");
  const stamped = await import(`file://${join(directory.path, "version.js")}`);
  assert.equal(stamped.COMMIT, "0123abc");
});

Deno.test("a bundle without a place for the commit, or with two, is refused", async () => {
  for (const places of [0, 2]) {
    await using directory = await scratch();
    await Deno.writeTextFile(join(directory.path, "main.js"), COMMIT_PLACEHOLDER.repeat(places));
    await assert.rejects(stampBundle(directory.path, "0123abc"), {
      message: `the bundle has ${places} places for the commit, not one`,
    });
  }
});

Deno.test("the commit is the tree's, and says when the tree is another", async () => {
  await using directory = await scratch();
  const git = async (...args: string[]) => {
    const identity = ["-c", "user.name=t", "-c", "user.email=t@localhost"];
    const { success } = await new Deno.Command("git", {
      args: ["-C", directory.path, ...identity, ...args],
      stdout: "null",
      stderr: "null",
    }).output();
    assert.ok(success, args.join(" "));
  };
  assert.equal(await commitOf(directory.path), "");
  await git("init");
  await Deno.writeTextFile(join(directory.path, "file"), "a");
  await git("add", "file");
  await git("commit", "-m", "first");
  assert.match(await commitOf(directory.path), /^[0-9a-f]{12}$/);
  await Deno.writeTextFile(join(directory.path, "file"), "b");
  assert.match(await commitOf(directory.path), /^[0-9a-f]{12}-dirty$/);
});

Deno.test("a build without Git is told its commit, and takes nothing else for one", async () => {
  await using directory = await scratch();
  assert.equal(await commitOf(directory.path, "0123456789abcdef0123"), "0123456789ab");
  await assert.rejects(commitOf(directory.path, '";'), /BUILD_COMMIT is no commit/);
});

Deno.test("checksums are as sha256sum reads them", async () => {
  await using directory = await scratch();
  await Deno.writeTextFile(join(directory.path, "b"), "");
  await Deno.writeTextFile(join(directory.path, "a"), "abc");
  assert.equal(
    await checksumsOf(directory.path, ["b", "a"]),
    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad  a\n" +
      "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855  b\n",
  );
});
