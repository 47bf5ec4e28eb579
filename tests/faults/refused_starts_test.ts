/**
 * Directories that the real program must not run on: it ends with code 1 and one line that names the
 * file, what is wrong with it, and a way out; and where the way out is a step on this machine, the
 * step works.
 */

import assert from "node:assert/strict";
import { decodeSlot, encodeSlot, SLOT_BYTES } from "../../src/storage/slot_file.ts";
import { FaultyMaster, onFaultyDisk } from "./process.ts";

interface Case {
  readonly what: string;
  /** Damages a copy of a sound data directory. */
  readonly damage: (data: string) => void;
  readonly says: RegExp;
  /** Does what the line says, after which the master starts and has its jobs. */
  readonly repair?: (data: string) => void;
}

const CASES: readonly Case[] = [
  {
    what: "state.db with a flipped bit",
    damage: (data) => flip(`${data}/state.db`),
    says: /state\.db".*not those that this node left.*move it away/,
    repair: (data) => Deno.renameSync(`${data}/state.db`, `${data}/moved.db`),
  },
  {
    what: "a state.db cut to nothing",
    damage: (data) => Deno.truncateSync(`${data}/state.db`, 0),
    says: /state\.db".*not those that this node left.*move it away/,
    repair: (data) => Deno.renameSync(`${data}/state.db`, `${data}/moved.db`),
  },
  {
    what: "raft.db with a flipped bit",
    damage: (data) => flip(`${data}/raft/raft.db`),
    says: /Cannot (use|open|read) ".*raft\.db".*--join HOST:PORT/,
  },
  {
    what: "a removed raft.db",
    damage: (data) => Deno.removeSync(`${data}/raft/raft.db`),
    says: /raft\.db": it is missing, though .*raft\.marker/,
  },
  {
    what: "a removed raft.marker",
    damage: (data) => Deno.removeSync(`${data}/raft/raft.marker`),
    says: /marker ".*raft\.marker" is missing; put it back/,
  },
  {
    what: "a raft.journal of a later version",
    damage: (data) => {
      const path = `${data}/raft/raft.journal`;
      const bytes = Deno.readFileSync(path);
      const head = decodeSlot(bytes.subarray(0, SLOT_BYTES));
      assert.ok(typeof head === "object" && head !== null);
      bytes.set(encodeSlot({ ...head, format: 9 }, new Uint8Array(SLOT_BYTES)));
      Deno.writeFileSync(path, bytes);
    },
    says: /format of ".*raft\.journal" is 9.*start the newer version/,
  },
  {
    what: "a removed directory of the log",
    damage: (data) => Deno.removeSync(`${data}/raft`, { recursive: true }),
    says: /state\.db": it belongs to cluster .*/,
  },
  {
    what: "a file where snapshots should lie",
    damage: (data) => {
      Deno.removeSync(`${data}/snapshots`, { recursive: true });
      Deno.writeTextFileSync(`${data}/snapshots`, "");
    },
    says: /Cannot use data directory ".*snapshots": it, or a part of its path, is a file/,
    repair: (data) => Deno.removeSync(`${data}/snapshots`),
  },
];

Deno.test("a master refuses a data directory it must not use, in one line, with a way out that works", () =>
  onFaultyDisk(async (master) => {
    const jobId = await livedOnce(master);
    const sound = `${master.dataDir}.sound`;
    copy(master.dataDir, sound);
    for (const { what, damage, says, repair } of CASES) {
      Deno.removeSync(master.dataDir, { recursive: true });
      copy(sound, master.dataDir);
      damage(master.dataDir);
      const { code, stderr } = await master.start();
      assert.equal(code, 1, `${what}: ${stderr}`);
      assert.match(stderr, says, what);
      assert.equal(stderr.trim().split("\n").length, 1, `${what}: ${stderr}`);
      if (repair === undefined) continue;
      repair(master.dataDir);
      await assertHolds(master, jobId);
    }
  }));

Deno.test("a data directory that cannot be written is refused with its name and the reason", () =>
  onFaultyDisk(async (_, directory) => {
    // Nobody, not even root, makes directories there.
    const master = new FaultyMaster(directory, "/proc/conductor");
    const { code, stderr } = await master.start();
    assert.equal(code, 1, stderr);
    assert.match(stderr, /^conductor: Cannot (make|use) data directory "\/proc\/conductor/);
    assert.equal(stderr.trim().split("\n").length, 1, stderr);
  }));

/** Lets it take a job, and stop. */
async function livedOnce(master: FaultyMaster): Promise<string> {
  const ended = master.start();
  await master.ready();
  const client = master.client();
  try {
    const payload = new Uint8Array(10);
    return (await client.submit({ type: "custom", payload, priority: 5 })).jobId;
  } finally {
    client.close();
    await master.stop();
    assert.equal((await ended).code, 0);
  }
}

async function assertHolds(master: FaultyMaster, jobId: string): Promise<void> {
  const ended = master.start();
  await master.ready();
  const client = master.client();
  try {
    assert.equal((await client.getJob(jobId)).job.id, jobId);
  } finally {
    client.close();
    await master.stop();
    assert.equal((await ended).code, 0);
  }
}

function flip(path: string): void {
  const bytes = Deno.readFileSync(path);
  // Behind the header, in a page that is in use.
  const at = bytes.findLastIndex((byte) => byte !== 0);
  bytes[at]! ^= 4;
  Deno.writeFileSync(path, bytes);
}

function copy(from: string, to: string): void {
  Deno.mkdirSync(to);
  for (const { name, isDirectory } of Deno.readDirSync(from)) {
    if (isDirectory) copy(`${from}/${name}`, `${to}/${name}`);
    else Deno.copyFileSync(`${from}/${name}`, `${to}/${name}`);
  }
}
