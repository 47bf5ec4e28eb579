import assert from "node:assert/strict";
import { crc32 } from "./crc32.ts";
import type { SnapshotChunk } from "./message.ts";
import type { SnapshotSink } from "./ports.ts";
import { SnapshotReceiver } from "./snapshot_receiver.ts";

const BYTES = 4;

/** A follower whose snapshots are of one chunk, and looked through for as long as the test says. */
class Bench {
  readonly again: SnapshotChunk[] = [];
  readonly received: string[] = [];
  readonly discarded: string[] = [];
  readonly look = Promise.withResolvers<string | undefined>();
  readonly receiver = new SnapshotReceiver({
    create: () => Promise.reject(new Error("It makes none")),
    receive: (transferId) => {
      this.received.push(transferId);
      return this.#sink(transferId);
    },
  }, (chunk) => this.again.push(chunk));

  #sink(transferId: string): SnapshotSink {
    let receivedBytes = 0;
    return {
      get receivedBytes() {
        return receivedBytes;
      },
      write: (data) => receivedBytes += data.byteLength,
      fault: () => this.look.promise,
      install() {},
      discard: () => this.discarded.push(transferId),
    };
  }
}

function chunkOf(transferId: string, index = 7): SnapshotChunk {
  const data = new Uint8Array(BYTES);
  const snapshot = { index, term: 1, membership: { voters: [], learners: [] } };
  return {
    ...{ kind: "snapshot_chunk", from: "a", to: "b", toIncarnation: "", term: 1 },
    ...{ transferId, snapshot, totalBytes: BYTES, offsetBytes: 0, data, checksum: crc32(data) },
  };
}

/** What has settled has been told. */
const turn = () => new Promise((resolve) => setImmediate(resolve));

Deno.test("a snapshot counts when it was looked through, and its last chunk is taken again then", async () => {
  const { receiver, look, again } = new Bench();
  const chunk = chunkOf("t1");
  assert.equal(receiver.take(chunk).kind, "looking");
  assert.equal(receiver.take(chunk).kind, "looking", "it was sent again meanwhile");
  await turn();
  assert.deepEqual(again, []);
  look.resolve(undefined);
  await turn();
  assert.deepEqual(again, [chunk]);
  assert.deepEqual(receiver.take(chunk), { kind: "complete", snapshot: chunk.snapshot });
});

Deno.test("while a snapshot is looked through, nothing takes its place", async () => {
  const { receiver, look, received, discarded } = new Bench();
  receiver.take(chunkOf("t1"));
  assert.equal(receiver.take(chunkOf("t2", 9)).kind, "looking");
  receiver.discardThrough(8);
  assert.deepEqual([received, discarded], [["t1"], []]);
  look.resolve(undefined);
  await turn();
  receiver.take(chunkOf("t2", 9));
  assert.deepEqual([received, discarded], [["t1", "t2"], ["t1"]]);
});

Deno.test("a snapshot that proves damaged is refused, and what broke while it was read is thrown", async () => {
  const damaged = new Bench();
  damaged.receiver.take(chunkOf("t1"));
  damaged.look.resolve("a row is damaged");
  await turn();
  const answer = damaged.receiver.take(chunkOf("t1"));
  assert.ok(answer.kind === "answer" && answer.status === "refused");
  assert.equal(answer.fault, "a row is damaged");
  const unreadable = new Bench();
  unreadable.receiver.take(chunkOf("t1"));
  unreadable.look.reject(new Error("EIO"));
  await turn();
  assert.throws(() => unreadable.receiver.take(chunkOf("t1")), { message: "EIO" });
});

Deno.test("what the state has come up to is dropped, and what goes beyond it is not", () => {
  const { receiver, discarded } = new Bench();
  receiver.take({ ...chunkOf("t1", 7), totalBytes: 2 * BYTES });
  receiver.discardThrough(6);
  assert.deepEqual(discarded, []);
  receiver.discardThrough(7);
  assert.deepEqual(discarded, ["t1"]);
});
