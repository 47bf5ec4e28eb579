/**
 * The real program, and a flipped bit in a row of `state.db`: after a kill it does not start, and where the bit
 * flips while it runs it ends when it reads it, with one line, and does not start again. Nothing is made of
 * such a file, no backup either.
 */

import assert from "node:assert/strict";
import { join } from "node:path";
import { run } from "../e2e/support.ts";
import { type FaultyMaster, onFaultyDisk } from "./process.ts";

const ADVICE = /To rebuild it, move it away .* --join HOST:PORT.*conductor restore FILE/;
/** Of a payload; there is no other text like it in the file. */
const MARK = "a payload that nobody else has: ".repeat(60);

Deno.test("a payload that rots after a kill -9 keeps the master from starting", () =>
  onFaultyDisk(async (master) => {
    const [jobId] = await withJobsOnDisk(master, 1);
    master.start();
    await master.ready();
    await master.stop("SIGKILL");
    const path = `${master.dataDir}/state.db`;
    const sound = Deno.readFileSync(path);
    rot(master);
    await assertRefused(master);
    Deno.writeFileSync(path, sound);
    const ended = master.start();
    await master.ready();
    await assertHolds(master, jobId!);
    await master.stop();
    assert.equal((await ended).code, 0);
  }));

Deno.test("a page that rots while the master runs ends it when it is read, with one line, for good", () =>
  onFaultyDisk(async (master) => {
    // Several pages of them: what the start or a look of the leader's left in memory, of whichever page, is
    // answered from there, and so all rot and are asked for until one is read.
    const jobs = await withJobsOnDisk(master, 300, "cancelled");
    const ended = master.start();
    await master.ready();
    rot(master, '{"id":"');
    const client = master.client("impatient");
    const readAll = async () => {
      for (const jobId of jobs) await client.getJob(jobId);
    };
    // Not INTERNAL: another master can be asked, if there is one.
    await assert.rejects(readAll(), { reason: "unavailable" }).finally(() => client.close());
    assertSaid(await ended, /^conductor: Cannot read ".*state\.db": page \d+ of finished jobs/);
    await assertRefused(master);
  }));

Deno.test("a master does not make a backup of a damaged state, and ends", () =>
  onFaultyDisk(async (master, directory) => {
    await withJobsOnDisk(master, 1);
    const ended = master.start();
    await master.ready();
    rot(master);
    const file = join(directory, "a.backup");
    const { code, stderr } = await run(["backup", file, `--addr=${master.address}`]);
    assert.equal(code, 1, stderr);
    assert.deepEqual(
      [...Deno.readDirSync(directory)].filter(({ name }) => name.includes(".backup")),
      [],
    );
    assertSaid(
      await ended,
      /^conductor: Cannot copy ".*state\.db": the payload of job number 1 is/,
    );
    await assertRefused(master);
  }));

Deno.test("damage that nobody read is found at an orderly stop, and not sealed as good", () =>
  onFaultyDisk(async (master) => {
    await withJobsOnDisk(master, 1);
    const ended = master.start();
    await master.ready();
    rot(master);
    await master.stop();
    assertSaid(
      await ended,
      /^conductor: Cannot seal ".*state\.db": the payload of job number 1 is/,
    );
    await assertRefused(master);
  }));

Deno.test("a directory with half a restore is refused, and nothing is founded in it", () =>
  onFaultyDisk(async (master) => {
    Deno.mkdirSync(`${master.dataDir}/restoring`, { recursive: true });
    const { code, stderr } = await master.start();
    assert.equal(code, 1, stderr);
    assert.match(
      stderr,
      /^conductor: a restore into ".*" did not end; run it again: conductor restore/,
    );
    assert.deepEqual([...Deno.readDirSync(master.dataDir)].map(({ name }) => name), ["restoring"]);
  }));

/** One life in which jobs come that nobody runs; they are in `state.db`, and not in the journal alone. */
async function withJobsOnDisk(
  master: FaultyMaster,
  count: number,
  fate: "waits" | "cancelled" = "waits",
): Promise<string[]> {
  const ended = master.start();
  await master.ready();
  const client = master.client();
  try {
    const payload = new TextEncoder().encode(MARK);
    const spec = { type: "custom", payload, priority: 5 };
    const submitted = await Promise.all(Array.from({ length: count }, () => client.submit(spec)));
    const jobs = submitted.map(({ jobId }) => jobId);
    if (fate === "cancelled") await Promise.all(jobs.map((jobId) => client.cancel(jobId)));
    return jobs;
  } finally {
    client.close();
    await master.stop();
    assert.equal((await ended).code, 0);
  }
}

/** Flips a bit of what is in the file, wherever it is. */
function rot(master: FaultyMaster, text = MARK.slice(0, 500)): void {
  const path = `${master.dataDir}/state.db`;
  const bytes = Deno.readFileSync(path);
  const wanted = new TextEncoder().encode(text);
  let found = 0;
  for (let at = 0; at < bytes.length - wanted.length; at++) {
    if (bytes[at] !== wanted[0] || !wanted.every((byte, place) => bytes[at + place] === byte)) {
      continue;
    }
    using file = Deno.openSync(path, { write: true });
    file.seekSync(at + 3, Deno.SeekMode.Start);
    file.writeSync(new Uint8Array([bytes[at + 3]! ^ 1]));
    found++;
  }
  assert.ok(found > 0, `there is no ${text} in ${path}`);
}

async function assertRefused(master: FaultyMaster): Promise<void> {
  assertSaid(await master.start(), /^conductor: Cannot open ".*state\.db": it is damaged \(/);
}

function assertSaid({ code, stderr }: { code: number; stderr: string }, says: RegExp): void {
  assert.equal(code, 1, stderr);
  assert.match(stderr, says);
  assert.match(stderr, ADVICE);
  assert.equal(stderr.trim().split("\n").length, 1, stderr);
}

async function assertHolds(master: FaultyMaster, jobId: string): Promise<void> {
  const client = master.client();
  try {
    assert.equal((await client.getJob(jobId)).job.id, jobId);
  } finally {
    client.close();
  }
}
