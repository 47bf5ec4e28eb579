import assert from "node:assert/strict";
import { join } from "node:path";
import { LogFile } from "./log_file.ts";

async function inDirectory(work: (directory: string) => void | Promise<void>): Promise<void> {
  const directory = await Deno.makeTempDir();
  try {
    await work(directory);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

function names(directory: string): string[] {
  return [...Deno.readDirSync(directory)].map((entry) => entry.name).sort();
}

Deno.test("the directory of a log file is made, and the file is not for everyone", () =>
  inDirectory((directory) => {
    const path = join(directory, "a", "b", "master.log");
    const file = new LogFile(path);
    file.write("one\n");
    file.close();
    assert.equal(Deno.readTextFileSync(path), "one\n");
    assert.equal((Deno.statSync(path).mode ?? 0) & 0o007, 0);
  }));

Deno.test("an existing log file is continued", () =>
  inDirectory((directory) => {
    const path = join(directory, "master.log");
    for (const line of ["one\n", "two\n"]) {
      const file = new LogFile(path);
      file.write(line);
      file.close();
    }
    assert.equal(Deno.readTextFileSync(path), "one\ntwo\n");
  }));

Deno.test("a line is not glued to half of one, which a full disk or a killed process has left", () =>
  inDirectory((directory) => {
    const path = join(directory, "master.log");
    Deno.writeTextFileSync(path, 'one\n{"level":"inf');
    const file = new LogFile(path);
    file.write("two\n");
    Deno.writeTextFileSync(path, "torn", { append: true });
    file.reopen();
    file.write("three\n");
    file.write("four\n");
    file.close();
    assert.equal(Deno.readTextFileSync(path), 'one\n{"level":"inf\ntwo\ntorn\nthree\nfour\n');
  }));

Deno.test("a file that has grown is put aside, the oldest is dropped, no line is cut", () =>
  inDirectory((directory) => {
    const path = join(directory, "master.log");
    const file = new LogFile(path, { fileBytesMax: 100, filesKept: 2 });
    const lines = Array.from({ length: 40 }, (_, index) => `line ${String(index).padStart(3)}\n`);
    for (const line of lines) file.write(line);
    file.close();
    assert.deepEqual(names(directory), ["master.log", "master.log.1", "master.log.2"]);
    const kept = ["master.log.2", "master.log.1", "master.log"]
      .map((name) => Deno.readTextFileSync(join(directory, name)));
    for (const text of kept) assert.ok(text.length <= 100 && text.endsWith("\n"));
    const all = kept.join("");
    assert.ok(all.endsWith(lines.at(-1) ?? "?"));
    assert.ok(lines.join("").endsWith(all), "what is kept is the end, without a gap");
  }));

Deno.test("a line longer than a file is still written whole", () =>
  inDirectory((directory) => {
    const path = join(directory, "master.log");
    const file = new LogFile(path, { fileBytesMax: 10 });
    const line = `${"x".repeat(50)}\n`;
    file.write(line);
    file.write(line);
    file.close();
    assert.equal(Deno.readTextFileSync(path), line);
    assert.equal(Deno.readTextFileSync(`${path}.1`), line);
  }));

Deno.test("without files to keep, a grown file begins anew", () =>
  inDirectory((directory) => {
    const path = join(directory, "master.log");
    const file = new LogFile(path, { fileBytesMax: 10, filesKept: 0 });
    file.write("12345678\n");
    file.write("abcdefgh\n");
    file.close();
    assert.deepEqual(names(directory), ["master.log"]);
    assert.equal(Deno.readTextFileSync(path), "abcdefgh\n");
  }));

Deno.test("a file moved away by another is left, and the path written again", () =>
  inDirectory((directory) => {
    const path = join(directory, "master.log");
    let nowMs = 0;
    const file = new LogFile(path, { checkIntervalMs: 1_000, now: () => nowMs });
    file.write("before\n");
    Deno.renameSync(path, `${path}.old`);
    file.write("not checked yet\n");
    nowMs = 1_000;
    file.write("after\n");
    file.close();
    assert.equal(Deno.readTextFileSync(`${path}.old`), "before\nnot checked yet\n");
    assert.equal(Deno.readTextFileSync(path), "after\n");
  }));

Deno.test("reopen makes the file anew", () =>
  inDirectory((directory) => {
    const path = join(directory, "master.log");
    const file = new LogFile(path);
    Deno.renameSync(path, `${path}.old`);
    file.reopen();
    file.write("after\n");
    file.close();
    assert.equal(Deno.readTextFileSync(path), "after\n");
  }));

Deno.test("two processes on one path put it aside without losing a line", () =>
  inDirectory((directory) => {
    const path = join(directory, "conductor.log");
    let nowMs = 0;
    const options = { fileBytesMax: 200, filesKept: 50, checkIntervalMs: 1, now: () => nowMs };
    const files = [new LogFile(path, options), new LogFile(path, options)];
    for (let index = 0; index < 100; index++, nowMs++) {
      files[index % 2]?.write(`line ${index}\n`);
    }
    for (const file of files) file.close();
    const written = names(directory)
      .flatMap((name) => Deno.readTextFileSync(join(directory, name)).trim().split("\n"));
    assert.equal(new Set(written).size, 100);
    assert.ok(names(directory).length < 10, "each size is reached by both together");
  }));

Deno.test("a file that cannot be written costs lines, not the process, and is tried again", () =>
  inDirectory((directory) => {
    const logs = join(directory, "logs");
    const path = join(logs, "master.log");
    let nowMs = 0;
    const file = new LogFile(path, { checkIntervalMs: 1, now: () => nowMs });
    Deno.removeSync(logs, { recursive: true });
    Deno.writeTextFileSync(logs, "in the way");
    nowMs = 1;
    file.write("lost\n");
    assert.equal(file.linesLost, 1);
    Deno.removeSync(logs);
    file.write("kept\n");
    file.close();
    assert.equal(Deno.readTextFileSync(path), "kept\n");
    assert.equal(file.linesLost, 1);
  }));

Deno.test("a file that cannot be put aside grows on, without losing a line", () =>
  inDirectory((directory) => {
    const path = join(directory, "master.log");
    Deno.mkdirSync(join(`${path}.1`, "in the way"), { recursive: true });
    const file = new LogFile(path, { fileBytesMax: 20, filesKept: 1 });
    const lines = ["first line\n", "second line\n", "third line\n", "fourth line\n"];
    for (const line of lines) file.write(line);
    assert.equal(Deno.readTextFileSync(path), lines.join(""));
    assert.equal(file.linesLost, 0);
    Deno.removeSync(`${path}.1`, { recursive: true });
    for (const line of lines) file.write(line);
    file.close();
    assert.deepEqual(names(directory), ["master.log", "master.log.1"]);
  }));

Deno.test("while a grown file cannot be put aside, those kept beside it stay", () =>
  inDirectory((directory) => {
    const path = join(directory, "master.log");
    const file = new LogFile(path, { fileBytesMax: 10, filesKept: 3 });
    for (const line of ["first line\n", "second line\n", "third line\n"]) file.write(line);
    const { renameSync } = Deno;
    Deno.renameSync = (from, to) => {
      if (from === path) throw new Deno.errors.PermissionDenied("not now");
      renameSync(from, to);
    };
    try {
      for (let index = 0; index < 10; index++) file.write("fourth line\n");
    } finally {
      Deno.renameSync = renameSync;
    }
    const kept = ["master.log.3", "master.log.2"].map((name) => join(directory, name));
    assert.deepEqual(kept.map((name) => Deno.readTextFileSync(name)), [
      "first line\n",
      "second line\n",
    ]);
    file.close();
  }));

Deno.test("without a descriptor to spare, files kept beside a grown one are moved once", () =>
  inDirectory((directory) => {
    const path = join(directory, "master.log");
    const file = new LogFile(path, { fileBytesMax: 10, filesKept: 3 });
    for (const line of ["first line\n", "second line\n"]) file.write(line);
    const { openSync } = Deno;
    Deno.openSync = () => {
      throw new Error("Too many open files (os error 24)");
    };
    try {
      for (let index = 0; index < 10; index++) file.write("lost line\n");
    } finally {
      Deno.openSync = openSync;
    }
    file.write("third line\n");
    file.close();
    const all = ["master.log.2", "master.log.1", "master.log"]
      .map((name) => Deno.readTextFileSync(join(directory, name))).join("");
    assert.equal(all, "first line\nsecond line\nthird line\n");
    assert.equal(file.linesLost, 10);
  }));

Deno.test({
  name: "what is no file is never put aside",
  ignore: Deno.build.os === "windows",
  fn: () =>
    inDirectory(async (directory) => {
      const path = join(directory, "pipe");
      assert.ok((await new Deno.Command("mkfifo", { args: [path] }).output()).success);
      // Opened for both, so that nobody waits for the other end.
      using _ = await Deno.open(path, { read: true, write: true });
      const file = new LogFile(path, { fileBytesMax: 10 });
      for (let line = 0; line < 3; line++) file.write("a line that is long\n");
      file.close();
      assert.deepEqual([names(directory), file.linesLost], [["pipe"], 0]);
    }),
});
