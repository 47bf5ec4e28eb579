import assert from "node:assert/strict";
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { JobMachine } from "../jobs/mod.ts";
import { Scene } from "../jobs/scene_test_support.ts";
import { SqliteJobStore } from "./job_store.ts";
import { JOB_STORE_FILE } from "./job_store_file.ts";

/** Runs a check with an empty directory of its own. */
function withDirectory(check: (directory: string) => void): void {
  const directory = mkdtempSync(join(tmpdir(), "conductor-test-"));
  try {
    check(directory);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** Some life: each number is one thing that happens. */
function live(scene: Scene, happenings: readonly number[]): void {
  if (scene.machine.worker("w1") === undefined) scene.register("w1", { slots: 1000 });
  for (const happening of happenings) {
    const id = scene.submit(`job-${scene.log.length}`, {
      labels: { n: String(happening) },
      idempotencyKey: `key-${scene.log.length}`,
    });
    if (happening % 2 === 0) scene.assign(id);
    if (happening % 4 === 0) scene.complete(id, { logTail: ["done"] });
    if (happening % 8 === 2) scene.fail(id, { permanent: true });
    if (happening % 16 === 2) scene.redrive(id);
    if (happening % 5 === 0) scene.machine.flush();
    if (happening % 13 === 0) scene.machine.checkpoint();
    if (happening % 11 === 0) scene.apply({ kind: "prune", jobSeqs: [happening] });
    scene.nowMs += happening;
  }
}

/** What a disk holds at this moment, as another process would find it after a crash. */
function copyFiles(directory: string, to: string): void {
  mkdirSync(to);
  for (const suffix of ["", "-wal"]) {
    const path = join(directory, JOB_STORE_FILE + suffix);
    if (statSync(path, { throwIfNoEntry: false }) === undefined) continue;
    copyFileSync(path, join(to, JOB_STORE_FILE + suffix));
  }
}

/** Opens what a crash left and replays the log; the state must be that of before. */
function assertRecovers(scene: Scene, directory: string): number {
  const store = SqliteJobStore.open(directory);
  try {
    const machine = new JobMachine(store);
    const { index } = machine.applied;
    assert.ok(index >= scene.machine.durable.index, `${index} is behind what was durable`);
    for (const { command, position } of scene.log.slice(index)) machine.apply(command, position);
    assert.equal(machine.stateHash(), scene.machine.stateHash());
    return index;
  } finally {
    store.close();
  }
}

const happenings = fc.array(fc.integer({ min: 1, max: 200 }), { minLength: 1, maxLength: 60 });

Deno.test("after a kill at any moment the log replays what was not flushed, to the same state", () => {
  fc.assert(
    fc.property(happenings, (happenings) =>
      withDirectory((directory) => {
        const store = SqliteJobStore.open(directory);
        const scene = new Scene({}, store);
        live(scene, happenings);
        copyFiles(directory, join(directory, "crashed"));
        assertRecovers(scene, join(directory, "crashed"));
        store.close();
      })),
    { numRuns: 30 },
  );
});

Deno.test("after a power failure that took any part of the write-ahead file the state is recovered", () => {
  fc.assert(
    fc.property(
      happenings,
      fc.double({ min: 0, max: 1, noNaN: true }),
      (happenings, part) =>
        withDirectory((directory) => {
          const store = SqliteJobStore.open(directory);
          const scene = new Scene({}, store);
          live(scene, happenings);
          const crashed = join(directory, "crashed");
          copyFiles(directory, crashed);
          const path = join(crashed, `${JOB_STORE_FILE}-wal`);
          const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
          if (size > 0) truncateSync(path, Math.floor(size * part));
          assertRecovers(scene, crashed);
          store.close();
        }),
    ),
    { numRuns: 30 },
  );
});

Deno.test("without its write-ahead file the state is that of the last checkpoint", () => {
  withDirectory((directory) => {
    const store = SqliteJobStore.open(directory);
    const scene = new Scene({}, store);
    live(scene, [4, 8, 13, 7, 10]);
    const durable = scene.machine.checkpoint();
    live(scene, [5, 10, 20]);
    const crashed = join(directory, "crashed");
    copyFiles(directory, crashed);
    rmSync(join(crashed, `${JOB_STORE_FILE}-wal`));
    assert.equal(assertRecovers(scene, crashed), durable.index);
    store.close();
  });
});

Deno.test("flipped bits in the write-ahead file cost only what the log has", () => {
  withDirectory((directory) => {
    const store = SqliteJobStore.open(directory);
    const scene = new Scene({}, store);
    live(scene, [4, 8, 13, 7, 10]);
    scene.machine.checkpoint();
    live(scene, [5, 10, 20, 25, 30]);
    const wal = Deno.readFileSync(join(directory, `${JOB_STORE_FILE}-wal`));
    for (let round = 0; round < 20; round++) {
      const crashed = join(directory, `crashed-${round}`);
      copyFiles(directory, crashed);
      const damaged = wal.slice();
      damaged[Math.floor((wal.length - 1) * round / 19)]! ^= 0x10;
      writeFileSync(join(crashed, `${JOB_STORE_FILE}-wal`), damaged);
      assertRecovers(scene, crashed);
    }
    store.close();
  });
});

Deno.test("a full write-ahead file is followed by a checkpoint without being asked", () => {
  withDirectory((directory) => {
    const store = SqliteJobStore.open(directory);
    const scene = new Scene({}, store);
    scene.submit("first");
    scene.machine.flush();
    assert.equal(scene.machine.durable.index, 0);
    for (let number = 0; number < 20; number++) {
      scene.submit(`large-${number}`, { payload: new Uint8Array(1024 * 1024) });
      scene.machine.flush();
    }
    assert.ok(scene.machine.durable.index > 10, `${scene.machine.durable.index}`);
    const { size } = statSync(join(directory, `${JOB_STORE_FILE}-wal`));
    assert.ok(size < 6 * 1024 * 1024, `${size} bytes`);
    store.close();
  });
});
