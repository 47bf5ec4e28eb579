import assert from "node:assert/strict";
import type { SnapshotChunkAck } from "./message.ts";
import { SnapshotSender } from "./snapshot_sender.ts";

const BYTES = 10;
const BOUNDS = { chunkBytes: BYTES, windowChunks: 1, resendTicks: 10, resendsMax: 3 };

/** A leader whose only follower needs a snapshot for as long as none was installed. */
class Bench {
  /** Transfers of which chunks were sent, each once. */
  readonly transfers: string[] = [];
  /** Offsets of all chunks that were sent. */
  readonly offsets: number[] = [];
  made = 0;
  failures = 0;
  makingFails = false;
  totalBytes = BYTES;
  readonly sender = new SnapshotSender({
    name: () => "a-1",
    create: () => {
      this.made++;
      const index = 7;
      const made = this.makingFails ? Promise.reject(new Error("no room")) : Promise.resolve({
        metadata: { index, term: 1, membership: { voters: [], learners: [] } },
        totalBytes: this.totalBytes,
        read: () => new Uint8Array(BYTES),
        release() {},
      });
      return { index, made };
    },
    logReachesBackTo: () => false,
    send: ({ transferId, offsetBytes }) => {
      this.offsets.push(offsetBytes);
      if (this.transfers.at(-1) !== transferId) this.transfers.push(transferId);
    },
    ended: (peer, index) => {
      if (index === undefined) this.sender.start(peer);
    },
    failed: () => this.failures++,
  }, BOUNDS);

  async ticks(count: number): Promise<void> {
    for (let tick = 0; tick < count; tick++) {
      this.sender.tick();
      await this.turn();
    }
  }

  /** What was being made is made. */
  async turn(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
  }

  answers(status: SnapshotChunkAck["status"], nextOffsetBytes = 0): void {
    this.sender.acknowledged({
      ...{ kind: "snapshot_chunk_ack", from: "b", to: "a", toIncarnation: "", term: 1, status },
      ...{ transferId: this.transfers.at(-1)!, nextOffsetBytes },
    });
  }
}

Deno.test("a peer that refuses a snapshot is let alone four times as long as that took", async () => {
  const bench = new Bench();
  bench.sender.start("b");
  await bench.turn();
  await bench.ticks(5);
  bench.answers("refused");
  await bench.ticks(19);
  assert.equal(bench.made, 1);
  await bench.ticks(1);
  assert.equal(bench.made, 2);
  assert.equal(bench.transfers.length, 2);
});

Deno.test("a peer is let alone six times as long as one may be silent, at most", async () => {
  const bench = new Bench();
  bench.sender.start("b");
  await bench.turn();
  // It asks for the first chunk again and again.
  for (let turn = 0; turn < 5; turn++) {
    await bench.ticks(9);
    bench.answers("wanted");
  }
  bench.answers("refused");
  await bench.ticks(6 * BOUNDS.resendTicks - 1);
  assert.equal(bench.made, 1);
  await bench.ticks(1);
  assert.equal(bench.made, 2);
});

Deno.test("a snapshot that cannot be made is not tried again at once", async () => {
  const bench = new Bench();
  bench.makingFails = true;
  bench.sender.start("b");
  await bench.turn();
  assert.deepEqual([bench.made, bench.failures], [1, 1]);
  await bench.ticks(3);
  assert.equal(bench.made, 1);
  bench.makingFails = false;
  await bench.ticks(1);
  assert.equal(bench.made, 2);
  assert.equal(bench.transfers.length, 1);
});

Deno.test("a peer that was silent gets the next snapshot at once", async () => {
  const bench = new Bench();
  bench.sender.start("b");
  await bench.turn();
  await bench.ticks(BOUNDS.resendTicks * (BOUNDS.resendsMax + 1));
  assert.equal(bench.made, 2);
});

Deno.test("a peer that has lost a part of what it had is sent that again", async () => {
  const bench = new Bench();
  bench.totalBytes = 4 * BYTES;
  bench.sender.start("b");
  await bench.turn();
  for (const offset of [10, 20, 30]) bench.answers("wanted", offset);
  // Its power failed, and what it had received was not on its disk.
  bench.answers("wanted", 10);
  await bench.ticks(BOUNDS.resendTicks);
  for (const offset of [20, 30]) bench.answers("wanted", offset);
  assert.deepEqual(bench.offsets.slice(-3), [10, 20, 30]);
  await bench.ticks(BOUNDS.resendTicks * BOUNDS.resendsMax);
  assert.equal(bench.made, 1);
});

Deno.test("another leader's peers are not let alone for what they refused before", async () => {
  const bench = new Bench();
  bench.sender.start("b");
  await bench.turn();
  await bench.ticks(5);
  bench.answers("refused");
  bench.sender.abandon();
  bench.sender.start("b");
  await bench.turn();
  assert.equal(bench.made, 2);
});
