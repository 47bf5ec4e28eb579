import assert from "node:assert/strict";
import { join } from "node:path";
import {
  BACKUP_FORMAT,
  BackupChecker,
  BackupRefused,
  BackupWriter,
  checkBackup,
} from "./backup_file.ts";

const STATE = new Uint8Array(3_000_000).map((_, position) => position % 251);

function pieces(): Uint8Array[] {
  const writer = new BackupWriter();
  const head = {
    clusterId: "c",
    nodeId: "a",
    version: "1",
    createdAtMs: 5,
    index: 7,
    term: 2,
    stateBytes: STATE.length,
    members: ["a"],
  };
  return [
    writer.head(head),
    writer.body(STATE.subarray(0, 1_000_001)),
    writer.body(STATE.subarray(1_000_001)),
    writer.end(),
  ];
}

function bytesOf(parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(parts.flatMap((part) => [...part]));
}

function inDirectory(test: (path: string) => void): void {
  const directory = Deno.makeTempDirSync();
  try {
    test(join(directory, "backup"));
  } finally {
    Deno.removeSync(directory, { recursive: true });
  }
}

Deno.test("a backup gives back the state that went into it, and what it is", () =>
  inDirectory((path) => {
    Deno.writeFileSync(path, bytesOf(pieces()));
    const backup = checkBackup(path);
    assert.equal(backup.head.index, 7);
    assert.equal(backup.head.format, BACKUP_FORMAT);
    backup.extractTo(`${path}.db`);
    assert.deepEqual(Deno.readFileSync(`${path}.db`), STATE);
  }));

Deno.test("a stream of any pieces is found whole, or not", () => {
  const all = bytesOf(pieces());
  for (const size of [7, 31, 32, 33, 65_536, all.length]) {
    const checker = new BackupChecker();
    for (let at = 0; at < all.length; at += size) checker.take(all.subarray(at, at + size));
    assert.equal(checker.finish("b").index, 7, `pieces of ${size}`);
  }
  const short = new BackupChecker();
  short.take(all.subarray(0, all.length - 1));
  assert.throws(() => short.finish("b"), BackupRefused);
});

Deno.test("a damaged, cut or foreign file, or one of another format, is refused before use", () =>
  inDirectory((path) => {
    const sound = bytesOf(pieces());
    const changed = (at: number) => {
      const bytes = sound.slice();
      bytes[at] = bytes[at]! ^ 1;
      return bytes;
    };
    const ofFormat2 = bytesOf(pieces());
    const at = new TextDecoder().decode(ofFormat2.subarray(0, 100)).indexOf('"format":1') + 9;
    ofFormat2[at] = "2".charCodeAt(0);
    const table: [string, Uint8Array, RegExp][] = [
      ["a bit of the state", changed(2_000_000), /damaged or not whole/],
      ["a bit of the digest", changed(sound.length - 1), /damaged or not whole/],
      ["a bit of the head", changed(30), /damaged|format/],
      ["the magic", changed(0), /is no backup of Conductor/],
      ["the end", sound.subarray(0, sound.length - 10), /is not whole: it has/],
      ["more than the end", bytesOf([sound, new Uint8Array(3)]), /is not whole: it has/],
      ["nothing", new Uint8Array(0), /is no backup/],
      ["a few bytes", sound.subarray(0, 9), /ends amid its head/],
      ["another format", ofFormat2, /has format 2, and this program knows 1/],
    ];
    for (const [what, bytes, message] of table) {
      Deno.writeFileSync(path, bytes);
      assert.throws(
        () => checkBackup(path),
        (failure: unknown) => failure instanceof BackupRefused && message.test(failure.message),
        what,
      );
    }
    assert.throws(() => checkBackup(`${path}.none`), /Cannot read/);
  }));
