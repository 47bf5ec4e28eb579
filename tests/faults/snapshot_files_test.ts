/** Snapshots on their way: damaged files, halves from before a crash, and disks without room. */

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import type { JobMachine } from "../../src/jobs/mod.ts";
import { Scene } from "../../src/jobs/scene_test_support.ts";
import { JobSnapshots } from "../../src/master/snapshots.ts";
import type { SnapshotMetadata, SnapshotSink, SnapshotSource } from "../../src/raft/mod.ts";
import { SqliteJobStore } from "../../src/storage/mod.ts";
import { Random } from "../simulation/random.ts";
import { damagedCopies, SEED } from "./damage.ts";

const CHUNK_BYTES = 16 * 1024;

Deno.test("a snapshot that arrives whole replaces the state", () =>
  onTwoNodes(async ({ receiver, source, hash }) => {
    const sink = receiver.receive(source);
    send(source, sink);
    assert.equal(await sink.fault(), undefined);
    sink.install();
    assert.equal(receiver.machine.stateHash(), hash);
    assert.equal(receiver.installedIndex, source.metadata.index);
  }));

Deno.test("a received snapshot that is damaged in any way is refused, and the state stays", () =>
  onTwoNodes(async ({ receiver, source }) => {
    const before = receiver.machine.stateHash();
    const whole = bytesOf(source);
    const random = new Random(SEED);
    for (const { what, bytes } of damagedCopies(whole, 40, random)) {
      // Rubbish behind the end is cut off.
      if (bytes.slice(0, whole.length).toHex() === whole.toHex()) continue;
      const sink = receiver.receive(source);
      send(source, sink);
      Deno.writeFileSync(receiver.incomingFile(), bytes);
      assert.notEqual(await sink.fault(), undefined, `${what} (CONDUCTOR_FAULT_SEED=${SEED})`);
      sink.discard();
    }
    assert.equal(receiver.machine.stateHash(), before);
  }));

Deno.test("a snapshot of which a row was damaged before it was sent is refused, though its digest is right", () =>
  onTwoNodes(async ({ receiver, source }) => {
    const before = receiver.machine.stateHash();
    const whole = bytesOf(source);
    const state = whole.subarray(0, whole.length - 32);
    // Payloads of 500 bytes that are all alike lie in pages of jobs.
    const at = state.findIndex((byte, at) =>
      byte === 9 && state.subarray(at, at + 400).every((each) => each === 9)
    );
    state[at + 100]! ^= 1;
    whole.set(createHash("sha256").update(state).digest(), state.length);
    const sink = receiver.receive(source);
    sink.write(whole);
    assert.match(
      (await sink.fault()) ?? "",
      /it is damaged \(the page of jobs from number \d+ is damaged/,
    );
    sink.discard();
    assert.equal(receiver.machine.stateHash(), before);
  }));

Deno.test("a transfer goes on behind what a restart left of it", () =>
  onTwoNodes(async ({ receiver, source, hash }) => {
    send(source, receiver.receive(source), source.totalBytes / 2);
    receiver.restart();
    const sink = receiver.receive(source);
    assert.ok(sink.receivedBytes > 0);
    send(source, sink);
    assert.equal(await sink.fault(), undefined);
    sink.install();
    assert.equal(receiver.machine.stateHash(), hash);
  }));

Deno.test("a half whose bytes a power failure took is found out, and the next transfer is whole", () =>
  onTwoNodes(async ({ receiver, source, hash }) => {
    send(source, receiver.receive(source), source.totalBytes / 2);
    receiver.restart();
    const half = Deno.readFileSync(receiver.incomingFile());
    half.fill(0, half.length - 2 * CHUNK_BYTES);
    Deno.writeFileSync(receiver.incomingFile(), half);
    const resumed = receiver.receive(source);
    send(source, resumed);
    assert.match((await resumed.fault()) ?? "", /digest/);
    resumed.discard();
    const again = receiver.receive(source);
    assert.equal(again.receivedBytes, 0);
    send(source, again);
    assert.equal(await again.fault(), undefined);
    again.install();
    assert.equal(receiver.machine.stateHash(), hash);
  }));

Deno.test("a sent copy that rots before it is read is refused by its receiver", () =>
  onTwoNodes(async ({ receiver, source, senderDirectory }) => {
    const [name] = [...Deno.readDirSync(senderDirectory)].map((each) => each.name);
    const path = `${senderDirectory}/${name}`;
    const bytes = Deno.readFileSync(path);
    bytes[bytes.length >> 1]! ^= 1;
    Deno.writeFileSync(path, bytes);
    const sink = receiver.receive(source);
    send(source, sink);
    assert.match((await sink.fault()) ?? "", /digest/);
  }));

/** A node that is behind. */
class Receiver {
  readonly #directory: string;
  readonly #store: SqliteJobStore;
  readonly machine: JobMachine;
  #snapshots: JobSnapshots;
  installedIndex = 0;

  constructor(directory: string) {
    this.#directory = directory;
    this.#store = SqliteJobStore.open(directory, { clusterId: "c1" });
    const scene = new Scene({}, this.#store);
    scene.submit("old");
    scene.machine.flush();
    this.machine = scene.machine;
    this.#snapshots = this.#open();
  }

  receive({ metadata, totalBytes }: SnapshotSource): SnapshotSink {
    return this.#snapshots.receive("leader-3-1", metadata, totalBytes);
  }

  restart(): void {
    this.#snapshots = this.#open();
  }

  incomingFile(): string {
    return `${this.#directory}/snapshots/leader-3-1.incoming`;
  }

  close(): void {
    this.#store.close();
  }

  #open(): JobSnapshots {
    return new JobSnapshots({
      store: this.#store,
      machine: this.machine,
      directory: `${this.#directory}/snapshots`,
      onMade: () => {},
      onInstalled: ({ index }) => this.installedIndex = index,
    });
  }
}

interface TwoNodes {
  readonly receiver: Receiver;
  readonly source: SnapshotSource;
  readonly senderDirectory: string;
  readonly hash: string;
}

async function onTwoNodes(check: (nodes: TwoNodes) => Promise<void>): Promise<void> {
  const directory = Deno.makeTempDirSync({ prefix: "conductor-fault-" });
  for (const name of ["sender", "receiver"]) Deno.mkdirSync(`${directory}/${name}`);
  const store = SqliteJobStore.open(`${directory}/sender`, { clusterId: "c1" });
  const scene = new Scene({}, store);
  for (let number = 0; number < 300; number++) {
    scene.submit(`job-${number}`, { payload: new Uint8Array(500).fill(number) });
  }
  const senderDirectory = `${directory}/sender/snapshots`;
  const { machine } = scene;
  const snapshots = new JobSnapshots({
    store,
    machine,
    directory: senderDirectory,
    onMade: () => {},
    onInstalled: () => {},
  });
  const receiver = new Receiver(`${directory}/receiver`);
  try {
    const { index, term } = machine.applied;
    const membership = { voters: [], learners: [] };
    const metadata: SnapshotMetadata = { index, term, membership };
    const source = await snapshots.create(metadata);
    await check({ receiver, source, senderDirectory, hash: machine.stateHash() });
    source.release();
  } finally {
    receiver.close();
    store.close();
    Deno.removeSync(directory, { recursive: true });
  }
}

function send(source: SnapshotSource, sink: SnapshotSink, upToBytes = Infinity): void {
  while (sink.receivedBytes < Math.min(upToBytes, source.totalBytes)) {
    sink.write(source.read(sink.receivedBytes, CHUNK_BYTES));
  }
}

function bytesOf(source: SnapshotSource): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(source.totalBytes);
  for (let at = 0; at < bytes.length;) {
    const chunk = source.read(at, CHUNK_BYTES);
    bytes.set(chunk, at);
    at += chunk.byteLength;
  }
  return bytes;
}
