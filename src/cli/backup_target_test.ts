import assert from "node:assert/strict";
import { join } from "node:path";
import { FileTarget, targetPath } from "./backup_target.ts";

const REPLACE = { replaces: true };
const KEEP = { replaces: false };
const isWindows = Deno.build.os === "windows";

async function inDirectory(body: (directory: string) => Promise<void>): Promise<void> {
  const directory = await Deno.makeTempDir({ prefix: "conductor-backup-" });
  try {
    await body(directory);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

/** Makes the backup `text` of it, as the command does. */
async function make(file: string, text: string): Promise<void> {
  const target = await FileTarget.open(file, await targetPath(file, REPLACE));
  await target.write(new TextEncoder().encode(text));
  await target.finish();
}

function names(directory: string): string[] {
  return [...Deno.readDirSync(directory)].map(({ name }) => name).sort();
}

Deno.test("a file is replaced where that was asked for, whole, and readable by its owner alone", () =>
  inDirectory(async (directory) => {
    const file = join(directory, "backup");
    await make(file, "one");
    await assert.rejects(targetPath(file, KEEP), {
      name: "Misuse",
      message: `${file} is there already; choose another name, or replace it with --force`,
    });
    await make(file, "two");
    assert.equal(await Deno.readTextFile(file), "two");
    if (!isWindows) assert.equal((await Deno.stat(file)).mode! & 0o777, 0o600);
    assert.deepEqual(names(directory), ["backup"]);
  }));

Deno.test("what is no regular file is refused with what it is, and stays what it is", {
  ignore: isWindows,
}, () =>
  inDirectory(async (directory) => {
    const pipe = join(directory, "pipe");
    assert.ok((await new Deno.Command("mkfifo", { args: [pipe] }).output()).success);
    await Deno.symlink("/dev/null", join(directory, "link"));
    const cases: [string, string][] = [
      ["/dev/null", "a character device"],
      [join(directory, "link"), "a character device"],
      [pipe, "a pipe"],
      [directory, "a directory"],
    ];
    for (const [file, kind] of cases) {
      for (const force of [REPLACE, KEEP]) {
        await assert.rejects(targetPath(file, force), {
          name: "Misuse",
          message: `${file} is ${kind}, and a backup is made a regular file; name another, or ` +
            "give - for stdout",
        });
      }
    }
    assert.deepEqual(names(directory), ["link", "pipe"]);
  }));

Deno.test("a symbolic link stays, and what it leads to is replaced, or made where nothing is", {
  ignore: isWindows,
}, () =>
  inDirectory(async (directory) => {
    const at = (name: string) => join(directory, name);
    await Deno.mkdir(at("far"));
    await Deno.writeTextFile(at("far/old"), "old");
    await Deno.symlink("far", at("way"));
    await Deno.symlink("far/old", at("to-old"));
    await Deno.symlink("../to-old", at("far/back"));
    await Deno.symlink("way/back", at("chain"));
    await Deno.symlink("way/new", at("dangling"));
    await Deno.symlink("loop", at("loop"));

    await make(at("to-old"), "first");
    assert.equal(await Deno.readTextFile(at("far/old")), "first");
    await make(at("chain"), "second");
    assert.equal(await Deno.readTextFile(at("far/old")), "second");
    await make(at("dangling"), "third");
    assert.equal(await Deno.readTextFile(at("far/new")), "third");
    for (const link of ["to-old", "chain", "dangling", "far/back"]) {
      assert.ok((await Deno.lstat(at(link))).isSymlink, link);
    }
    assert.deepEqual(names(at("far")), ["back", "new", "old"]);
    await assert.rejects(targetPath(at("to-old"), KEEP), /is there already/);
    await assert.rejects(targetPath(at("loop"), REPLACE), {
      name: "NegativeAnswer",
      message: `cannot write ${at("loop")}: Too many levels of symbolic links`,
    });
  }));

Deno.test("what cannot be written is told by the name that was given, and nothing is left", () =>
  inDirectory(async (directory) => {
    const file = join(directory, "none", "backup");
    await assert.rejects(make(file, ""), (failure: Error) => {
      assert.equal(failure.name, "NegativeAnswer");
      assert.ok(failure.message.startsWith(`cannot write ${file}: `), failure.message);
      assert.doesNotMatch(failure.message, /partial|os error/);
      return true;
    });
    const given = join(directory, "given-up");
    const target = await FileTarget.open(given, given);
    await target.write(new Uint8Array(10));
    await target.abandon();
    await target.abandon();
    assert.deepEqual(names(directory), []);
  }));
