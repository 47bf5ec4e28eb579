/** Audit logs whose files were cut off, moved away, or read beside what was noted of them. */

import assert from "node:assert/strict";
import { openAuditLog } from "./audit.ts";
import { chained, verifyAuditFile } from "./audit_chain.ts";
import { FileSink } from "./audit_sink.ts";
import { temporaryDirectory } from "./certificate_fixtures.ts";

const CALL = { method: "/proto.MasterService/SubmitJob", client: "10.0.0.1" };

/** Writes a line for each user, and closes the log. */
function write(path: string, ...users: string[]): void {
  const log = openAuditLog({ enabled: true, output: path });
  for (const userId of users) {
    log?.record({ kind: "authentication_succeeded", userId, roles: ["admin"], call: CALL }, 0);
  }
  log?.close();
}

/** Until its end no file can be opened, as when strangers' connections hold all descriptors. */
function withoutDescriptors(): Disposable {
  const { openSync } = Deno;
  Deno.openSync = () => {
    throw new Error("Too many open files (os error 24)");
  };
  return { [Symbol.dispose]: () => void (Deno.openSync = openSync) };
}

async function kindsOf(path: string, expectedHash?: string): Promise<string[]> {
  return (await verifyAuditFile(path, expectedHash)).faults.map((fault) => fault.kind);
}

Deno.test("lines cut off at the end are missed, by the file that says how far the log went", async () => {
  await using directory = await temporaryDirectory();
  const path = `${directory.path}/audit.log`;
  write(path, "a", "b", "c");
  assert.deepEqual(await kindsOf(path), []);
  const lines = (await Deno.readTextFile(path)).split("\n");
  for (const kept of [2, 1, 0]) {
    await Deno.writeTextFile(path, lines.slice(0, kept).map((line) => `${line}\n`).join(""));
    assert.deepEqual(await kindsOf(path), ["truncated"], `${kept} lines kept`);
  }
});

Deno.test("a line that was changed with its own hash does not fit the next one", async () => {
  await using directory = await temporaryDirectory();
  const path = `${directory.path}/audit.log`;
  write(path, "a", "eve", "c");
  const [first, second, ...rest] = (await Deno.readTextFile(path)).split("\n");
  const { lastHash: hash } = await lineOf(first!);
  const own = /,"seq":2,.*$/;
  assert.match(second!, own);
  const changed = second!.replace(own, "}").replace("eve", "bob");
  const { line } = chained(changed, { sequence: 1, hash });
  await Deno.writeTextFile(path, [first, line, ...rest].join("\n"));
  assert.deepEqual(await kindsOf(path), ["gap"]);

  async function lineOf(text: string) {
    const alone = `${directory.path}/alone.log`;
    await Deno.writeTextFile(alone, `${text}\n`);
    return await verifyAuditFile(alone);
  }
});

Deno.test("a chain made anew in both files is told from the former by the hash that was noted", async () => {
  await using directory = await temporaryDirectory();
  const path = `${directory.path}/audit.log`;
  write(path, "a", "eve");
  const { lastHash } = await verifyAuditFile(path);
  write(path, "c");
  assert.deepEqual(await kindsOf(path, lastHash), [], "it is further up by now");
  await Deno.remove(path);
  write(path, "a", "b", "c");
  assert.deepEqual(await kindsOf(path), []);
  assert.deepEqual(await kindsOf(path, lastHash), ["truncated"]);
});

Deno.test("a log without the file that says how far it went is checked as it stands", async () => {
  await using directory = await temporaryDirectory();
  const path = `${directory.path}/audit.log`;
  write(path, "a", "b");
  await Deno.writeTextFile(`${path}.head`, "2 torn");
  assert.deepEqual(await kindsOf(path), []);
  await Deno.remove(`${path}.head`);
  assert.deepEqual(await kindsOf(path), []);
});

Deno.test("after another has moved the file away, the chain goes on in a new one", async () => {
  await using directory = await temporaryDirectory();
  const path = `${directory.path}/audit.log`;
  const log = openAuditLog({ enabled: true, output: path });
  const record = (userId: string) =>
    log?.record({ kind: "authentication_succeeded", userId, roles: [], call: CALL }, 0);
  record("a");
  log?.reopen();
  record("b");
  log?.flush();
  await Deno.rename(path, `${path}.1`);
  record("c");
  log?.flush();
  log?.reopen();
  record("d");
  log?.close();
  const report = await verifyAuditFile(path);
  assert.deepEqual(report.faults, []);
  assert.deepEqual([report.files.length, report.lines, report.lastSequence], [2, 4, 4]);
  assert.equal((await Deno.stat(`${path}.head`)).mode! & 0o777, 0o600);
});

Deno.test("what is taken back of a write that failed leaves no hole where another has emptied the file", async () => {
  await using directory = await temporaryDirectory();
  const path = `${directory.path}/audit.log`;
  const sink = new FileSink({ path });
  sink.write("a line of before, which was copied elsewhere\n");
  await Deno.truncate(path);
  const { writeSync } = Deno.FsFile.prototype;
  let writes = 0;
  Deno.FsFile.prototype.writeSync = function (bytes) {
    if (++writes === 2) throw new Error("No space left on device");
    return writeSync.call(this, bytes.subarray(0, 4));
  };
  try {
    assert.throws(() => sink.write("this and that\n"), /No space left/);
  } finally {
    Deno.FsFile.prototype.writeSync = writeSync;
  }
  assert.equal(await Deno.readTextFile(path), "");
  sink.write("this and that\n");
  sink.close();
  assert.equal(await Deno.readTextFile(path), "this and that\n");
});

Deno.test("without a descriptor to spare a full file grows, and is moved aside once when there is one", async () => {
  await using directory = await temporaryDirectory();
  const path = `${directory.path}/audit.log`;
  const failures: unknown[] = [];
  let nowMs = 0;
  const log = openAuditLog({
    enabled: true,
    output: path,
    fileBytesMax: 1000,
    filesKept: 3,
    told: { failed: (failure) => failures.push(failure) },
    onRotationFailure: (failure) => failures.push(failure),
    now: () => nowMs,
  });
  let count = 0;
  const record = (lines: number) => {
    for (const end = count + lines; count < end; count++) {
      log?.record(
        { kind: "authentication_succeeded", userId: `user ${count}`, roles: [], call: CALL },
        0,
      );
      log?.flush();
      nowMs += 2_000;
    }
  };
  const numbersOf = (name: string) =>
    [...Deno.readTextFileSync(name).matchAll(/"user (\d+)"/g)].map((match) => Number(match[1]));
  // Each file has room for two or three lines: all of those kept are there.
  record(12);
  const kept = [1, 2, 3].map((number) => Deno.readTextFileSync(`${path}.${number}`));
  {
    using _ = withoutDescriptors();
    record(30);
  }
  assert.deepEqual([1, 2, 3].map((number) => Deno.readTextFileSync(`${path}.${number}`)), kept);
  assert.equal(numbersOf(path).at(-1), count - 1, "nothing waits");
  assert.equal(failures.length, 1, "it is told once");
  record(1);
  assert.deepEqual(numbersOf(path), [count - 1]);
  assert.equal(Deno.readTextFileSync(`${path}.2`), kept[0]);
  assert.equal(Deno.readTextFileSync(`${path}.3`), kept[1]);
  assert.ok(numbersOf(`${path}.1`).length > 30);
  log?.close();
  const report = await verifyAuditFile(path);
  assert.deepEqual(report.faults, []);
  assert.equal(report.lastSequence, count);
  assert.deepEqual(
    [...Deno.readDirSync(directory.path)].map(({ name }) => name).sort(),
    ["audit.log", "audit.log.1", "audit.log.2", "audit.log.3", "audit.log.head"],
  );
});

Deno.test("a rotation that fails half way is ended by the next one, and moves no file twice", async () => {
  await using directory = await temporaryDirectory();
  const path = `${directory.path}/audit.log`;
  let nowMs = 0;
  const options = { fileBytesMax: 1000, filesKept: 5, now: () => nowMs };
  const log = openAuditLog({ enabled: true, output: path, ...options });
  const record = (userId: string) => {
    log?.record({ kind: "authentication_succeeded", userId, roles: [], call: CALL }, 0);
    log?.flush();
    nowMs += 2_000;
  };
  for (let index = 0; index < 6; index++) record(`user ${index}`);
  const { renameSync } = Deno;
  for (const refused of [`${path}.new`, path, `${path}.1`]) {
    const before = (await verifyAuditFile(path)).files.length;
    let isRefused = false;
    Deno.renameSync = (from, to) => {
      if (from === refused) {
        isRefused = true;
        throw new Deno.errors.PermissionDenied("not now");
      }
      renameSync(from, to);
    };
    try {
      for (let index = 0; index < 8; index++) record(`user ${index}`);
    } finally {
      Deno.renameSync = renameSync;
    }
    assert.ok(isRefused, refused);
    assert.ok(Deno.statSync(path).size > 1000, "the full file has its name, and grows");
    record("the next one");
    assert.ok(Deno.statSync(path).size < 1000);
    const report = await verifyAuditFile(path);
    assert.deepEqual(report.faults, [], refused);
    assert.equal(report.files.length, before + 1);
    assert.equal(report.firstSequence, 1, "none of those kept is gone");
  }
  log?.close();
});

Deno.test("a full file that another has moved away is left, and the chain goes on under its name", async () => {
  await using directory = await temporaryDirectory();
  const path = `${directory.path}/audit.log`;
  const log = openAuditLog({ enabled: true, output: path, fileBytesMax: 1000, filesKept: 5 });
  const record = (userId: string) => {
    log?.record({ kind: "authentication_succeeded", userId, roles: [], call: CALL }, 0);
    log?.flush();
  };
  record("a");
  record("b");
  await Deno.rename(path, `${path}.1`);
  for (const userId of ["c", "d", "e", "f"]) record(userId);
  log?.close();
  const report = await verifyAuditFile(path);
  assert.deepEqual(report.faults, []);
  assert.equal(report.lines, 6);
});

Deno.test({
  name: "what is no file is written to, and nothing of it is read, synced or moved aside",
  ignore: Deno.build.os === "windows",
  fn: async () => {
    await using directory = await temporaryDirectory();
    const path = `${directory.path}/audit.pipe`;
    assert.ok((await new Deno.Command("mkfifo", { args: [path] }).output()).success);
    // Opened for both, so that nobody waits for the other end.
    using pipe = await Deno.open(path, { read: true, write: true });
    const log = openAuditLog({ enabled: true, output: path, fileBytesMax: 100 });
    for (const userId of ["a", "b", "c"]) {
      log?.record({ kind: "authentication_succeeded", userId, roles: [], call: CALL }, 0);
      log?.flush();
    }
    log?.reopen();
    log?.close();
    const bytes = new Uint8Array(4096);
    const text = new TextDecoder().decode(bytes.subarray(0, await pipe.read(bytes) ?? 0));
    assert.deepEqual(
      text.trim().split("\n").map((line) => JSON.parse(line).user_id),
      ["a", "b", "c"],
    );
    assert.deepEqual([...Deno.readDirSync(directory.path)].map(({ name }) => name), ["audit.pipe"]);
    write("/dev/null", "a");
  },
});
