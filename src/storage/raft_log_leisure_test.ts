/** When the database gets what the journal made durable: best when nobody waits. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { DiskFull } from "../raft/mod.ts";
import { SqliteRaftLog } from "./raft_log.ts";
import { RaftLogFile } from "./raft_log_file.ts";

const IDENTITY = { clusterId: "c1", nodeId: "n1", incarnation: "i1" };

class Bench {
  readonly #directory = Deno.makeTempDirSync({ prefix: "conductor-raft-log-" });
  readonly log = SqliteRaftLog.create(this.#directory, IDENTITY);
  #wal = this.#readWal();

  append(times: number): void {
    for (let n = 0; n < times; n++) {
      const index = this.log.lastIndex + 1;
      const hardState = { term: 1, vote: null, commit: index - 1 };
      this.log.append([{ index, term: 1, kind: "command", data: new Uint8Array([n]) }], hardState);
    }
  }

  /** Whether the database was written since the last look. */
  wasWritten(): boolean {
    const before = this.#wal;
    this.#wal = this.#readWal();
    return !before.every((byte, at) => byte === this.#wal[at]) ||
      before.length !== this.#wal.length;
  }

  #readWal(): Uint8Array {
    return Deno.readFileSync(join(this.#directory, "raft.db-wal"));
  }

  [Symbol.dispose](): void {
    this.log.close();
    const log = SqliteRaftLog.open(this.#directory, IDENTITY);
    assert.equal(log.lastIndex, this.log.lastIndex);
    log.close();
    Deno.removeSync(this.#directory, { recursive: true });
  }
}

Deno.test("what much waits for the database is written when nobody waits for the log", () => {
  using bench = new Bench();
  bench.append(63);
  bench.log.atLeisure();
  assert.equal(bench.wasWritten(), false, "it is little");
  bench.append(1);
  bench.log.atLeisure();
  assert.equal(bench.wasWritten(), true);
  bench.log.atLeisure();
  assert.equal(bench.wasWritten(), false, "nothing is left");
});

Deno.test("an append writes the database first where there are no such moments", () => {
  using bench = new Bench();
  bench.append(64);
  assert.equal(bench.wasWritten(), false);
  bench.append(1);
  assert.equal(bench.wasWritten(), true);
});

Deno.test("where there are such moments, an append does so only when four times as much waits", () => {
  using bench = new Bench();
  bench.log.atLeisure();
  bench.append(256);
  assert.equal(bench.wasWritten(), false);
  bench.append(1);
  assert.equal(bench.wasWritten(), true);
  bench.append(64);
  assert.equal(bench.wasWritten(), true, "there was none for long");
});

Deno.test("a disk that is full is for the next append to meet, whose caller can be told", () => {
  using bench = new Bench();
  bench.append(64);
  const { write } = RaftLogFile.prototype;
  try {
    RaftLogFile.prototype.write = () => {
      throw new DiskFull("no room");
    };
    bench.log.atLeisure();
    assert.throws(() => bench.append(1), DiskFull);
  } finally {
    RaftLogFile.prototype.write = write;
  }
  bench.append(1);
  assert.equal(bench.wasWritten(), true);
});
