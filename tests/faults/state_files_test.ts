/**
 * `state.db`, damaged in seeded ways. Jobs are shown as they were, or the node does not start. What the
 * write-ahead file lost, the log replays.
 */

import assert from "node:assert/strict";
import { JobMachine } from "../../src/jobs/mod.ts";
import { Scene } from "../../src/jobs/scene_test_support.ts";
import { JOB_STORE_FILE, JobStoreRefused, SqliteJobStore } from "../../src/storage/mod.ts";
import { Random } from "../simulation/random.ts";
import { damagedCopies, type Files, filesOf, inDirectoryWith, SEED } from "./damage.ts";

const DATABASE = JOB_STORE_FILE;
const WAL = `${DATABASE}-wal`;
const MARKER = "state.marker";
const NAMES = [DATABASE, WAL, MARKER];
const JOBS = 120;
const DAMAGES_PER_FILE = 40;

const life = live();

for (
  const [left, files, name] of [
    ["after a kill", life.killed, DATABASE],
    ["after a kill", life.killed, WAL],
    ["after a kill", life.killed, MARKER],
    ["after an orderly stop", life.stopped, DATABASE],
    ["after an orderly stop", life.stopped, MARKER],
  ] as const
) {
  Deno.test(`${name} that is damaged ${left} never shows a wrong job`, () => {
    const random = new Random(SEED);
    const counts = { said: 0, right: 0 };
    for (const { what, bytes } of damagedCopies(files.get(name)!, DAMAGES_PER_FILE, random)) {
      const context = `${name}: ${what} (CONDUCTOR_FAULT_SEED=${SEED})`;
      counts[openAndRead(new Map([...files, [name, bytes]]), context)]++;
    }
    const isInUse = name === DATABASE && left === "after an orderly stop";
    assert.ok(counts.said >= (isInUse ? DAMAGES_PER_FILE / 2 : 0), JSON.stringify(counts));
  });
}

Deno.test("state.db in whose tables' description a letter has changed never shows a wrong job", () => {
  // With the -wal file, which has that page too, there would be no change.
  const files = new Map([...life.killed].filter(([name]) => name !== WAL));
  const database = files.get(DATABASE)!;
  const text = new TextDecoder("latin1").decode(database);
  const places = [...text.matchAll(/CREATE (?:TABLE|INDEX|UNIQUE INDEX) [ -~\n]+/g)]
    .flatMap(({ index, 0: { length } }) => Array.from({ length }, (_, place) => index + place));
  assert.ok(places.length > 500, `${places.length}`);
  const counts = { said: 0, right: 0 };
  for (let at = SEED % 13; at < places.length; at += 13) {
    const bytes = database.slice();
    bytes[places[at]!]! ^= 1;
    const context = `bit 0 of byte ${places[at]} (CONDUCTOR_FAULT_SEED=${SEED})`;
    counts[openAndRead(new Map([...files, [DATABASE, bytes]]), context)]++;
  }
  assert.ok(counts.said > 0, JSON.stringify(counts));
});

Deno.test("after an orderly stop every single damage of state.db is refused at the start", () => {
  const random = new Random(SEED);
  for (const { what, bytes } of damagedCopies(life.stopped.get(DATABASE)!, 30, random)) {
    const isSame = bytes.toHex() === life.stopped.get(DATABASE)!.toHex();
    inDirectoryWith(new Map([...life.stopped, [DATABASE, bytes]]), (directory) => {
      if (isSame) return;
      assert.throws(() => SqliteJobStore.open(directory), (failure: Error) => {
        assert.ok(failure instanceof JobStoreRefused, `${what}: ${failure}`);
        assert.match(failure.message, /state\.db.*move it away.*--join HOST:PORT/);
        return true;
      }, `${what}, seed ${SEED}`);
    });
  }
});

for (
  const [what, old] of [
    ["an old -wal file", [WAL]],
    ["an old state.db", [DATABASE]],
    ["an old state.db with its -wal file", [DATABASE, WAL]],
  ] as const
) {
  Deno.test(`${what} over newer files is refused`, () => {
    for (const files of [life.killed, life.stopped]) {
      const mixed = new Map([
        ...files,
        ...[...life.early].filter(([name]) => (old as readonly string[]).includes(name)),
      ]);
      inDirectoryWith(mixed, (directory) => {
        assert.throws(() => SqliteJobStore.open(directory), {
          name: "JobStoreRefused",
          message: /old copy|left none when it stopped|not those that this node left/,
        });
      });
    }
  });
}

Deno.test("without its -wal file state.db is that of the last checkpoint, and the log does the rest", () => {
  const files = new Map([...life.killed].filter(([name]) => name !== WAL));
  assert.equal(openAndRead(files, "no -wal"), "right");
});

Deno.test("a state.db that was moved away is rebuilt from the log", () => {
  for (const files of [life.killed, life.stopped]) {
    const rest = new Map([...files].filter(([name]) => name === MARKER));
    assert.equal(openAndRead(rest, "moved away"), "right");
  }
});

/** Opens, replays what the log has, and reads everything there is: damage is said before the first job is shown. */
function openAndRead(files: Files, context: string): "said" | "right" {
  return inDirectoryWith(files, (directory) => {
    let store: SqliteJobStore;
    try {
      store = SqliteJobStore.open(directory);
    } catch (failure) {
      if (!(failure instanceof JobStoreRefused)) throw failure;
      assert.equal(failure.message.split("\n").length, 1, context);
      const isHelpful = /move it away|for another|old copy|left none|not those/;
      assert.match(failure.message, isHelpful, `${context}: ${failure.message}`);
      return "said";
    }
    try {
      const machine = new JobMachine(store);
      for (const { command, position } of life.log.slice(machine.applied.index)) {
        machine.apply(command, position);
      }
      assert.equal(picture(machine), life.picture, context);
      assert.equal(machine.stateHash(), life.hash, context);
      return "right";
    } finally {
      store.close();
    }
  });
}

/** Everything that is shown of jobs and workers. */
function picture(machine: JobMachine): string {
  const ids = Array.from({ length: JOBS }, (_, number) => `job-${number}`);
  const jobs = ids.map((id) => [
    machine.get(id),
    machine.payload(id)?.toHex(),
    machine.result(id)?.output.toHex(),
    machine.logTail(id),
    machine.attempts(id),
  ]);
  const queries = [{}, { status: "completed" as const }, { labels: { n: "1" } }];
  const lists = queries.map((query) => machine.list({ limit: JOBS, ...query }));
  return JSON.stringify([jobs, lists, machine.counts().byStatus, machine.workers()]);
}

/** A store's life, what its directory held early, at a kill and after a stop, and what is true. */
function live() {
  return inDirectoryWith(new Map(), (directory) => {
    const store = SqliteJobStore.open(directory);
    const scene = new Scene({}, store);
    scene.register("w1", { slots: 1000 });
    let early: Files = new Map();
    for (let number = 0; number < JOBS; number++) {
      const id = scene.submit(`job-${number}`, {
        labels: { n: String(number % 3) },
        idempotencyKey: `key-${number}`,
        // Every seventh has a row of its own.
        payload: new Uint8Array(number % 7 === 0 ? 1_500 : 150).fill(number),
      });
      if (number % 2 === 0) scene.assign(id);
      if (number % 4 === 0) scene.complete(id, { logTail: ["a line"] });
      if (number % 10 === 0) scene.machine.flush();
      if (number === 50) early = filesOf(directory, NAMES);
      if (number === 20 || number === 80) scene.machine.checkpoint();
    }
    scene.machine.flush();
    const killed = filesOf(directory, NAMES);
    const truth = { picture: picture(scene.machine), hash: scene.machine.stateHash() };
    store.close();
    return { ...truth, log: scene.log, early, killed, stopped: filesOf(directory, NAMES) };
  });
}
