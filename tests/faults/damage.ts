/**
 * What happens to files on bad disks and at the hands of people, as pure functions of bytes and a
 * seed. Every run draws a new seed and prints it with a failure; `CONDUCTOR_FAULT_SEED` repeats one.
 *
 * @module
 */

import type { Random } from "../simulation/random.ts";

/** Of this run. */
export const SEED = Number(Deno.env.get("CONDUCTOR_FAULT_SEED") ?? Date.now() % 2 ** 31);

/** A damaged copy of a file, and in words what was done to it. */
export interface Damaged {
  readonly what: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

const SECTOR_BYTES = 512;
const PAGE_BYTES = 4096;

type Damage = (bytes: Uint8Array<ArrayBuffer>, random: Random) => Damaged;

const DAMAGES: readonly Damage[] = [
  flipBit,
  flipBit,
  flipBit,
  scribble,
  truncate,
  truncate,
  loseSector,
  misdirect,
  tearTail,
  grow,
];

/** `count` damaged copies of `original`, of every kind in turn, at seeded places. */
export function* damagedCopies(
  original: Uint8Array<ArrayBuffer>,
  count: number,
  random: Random,
): Generator<Damaged> {
  for (let number = 0; number < count; number++) {
    const damage = DAMAGES[number % DAMAGES.length]!;
    yield damage(original.slice(), random);
  }
}

function flipBit(bytes: Uint8Array<ArrayBuffer>, random: Random): Damaged {
  const at = random.below(bytes.length);
  const bit = random.below(8);
  bytes[at]! ^= 1 << bit;
  return { what: `bit ${bit} of byte ${at} flipped`, bytes };
}

function scribble(bytes: Uint8Array<ArrayBuffer>, random: Random): Damaged {
  const at = random.below(bytes.length);
  const length = Math.min(1 + random.below(64), bytes.length - at);
  for (let offset = 0; offset < length; offset++) bytes[at + offset]! ^= 1 + random.below(255);
  return { what: `${length} bytes from ${at} on overwritten`, bytes };
}

function truncate(bytes: Uint8Array<ArrayBuffer>, random: Random): Damaged {
  const length = random.chance(0.1) ? 0 : random.below(bytes.length);
  return { what: `cut to ${length} of ${bytes.length} bytes`, bytes: bytes.slice(0, length) };
}

/** A write that the disk acknowledged and never did. */
function loseSector(bytes: Uint8Array<ArrayBuffer>, random: Random): Damaged {
  const at = random.below(Math.ceil(bytes.length / SECTOR_BYTES)) * SECTOR_BYTES;
  bytes.fill(0, at, at + SECTOR_BYTES);
  return { what: `sector at ${at} zeroed`, bytes };
}

/** A write that went to the wrong place. */
function misdirect(bytes: Uint8Array<ArrayBuffer>, random: Random): Damaged {
  const pages = Math.max(1, Math.floor(bytes.length / PAGE_BYTES));
  const [from, to] = [random.below(pages) * PAGE_BYTES, random.below(pages) * PAGE_BYTES];
  bytes.copyWithin(to, from, from + PAGE_BYTES);
  return { what: `page at ${from} written over that at ${to}`, bytes };
}

/** The last write reached the disk in part. */
function tearTail(bytes: Uint8Array<ArrayBuffer>, random: Random): Damaged {
  const torn = Math.min(bytes.length, SECTOR_BYTES * (1 + random.below(16)));
  bytes.fill(0, bytes.length - torn);
  return { what: `the last ${torn} bytes zeroed`, bytes };
}

function grow(bytes: Uint8Array<ArrayBuffer>, random: Random): Damaged {
  const more = new Uint8Array(1 + random.below(2 * PAGE_BYTES)).map(() => random.below(256));
  const grown = new Uint8Array(bytes.length + more.length);
  grown.set(bytes);
  grown.set(more, bytes.length);
  return { what: `${more.length} bytes of rubbish behind its end`, bytes: grown };
}

/** Files of a directory by name, for those names that exist. */
export type Files = ReadonlyMap<string, Uint8Array<ArrayBuffer>>;

/** Reads `names` of `directory`; those that do not exist are left out. */
export function filesOf(directory: string, names: readonly string[]): Files {
  const files = new Map<string, Uint8Array<ArrayBuffer>>();
  for (const name of names) {
    try {
      files.set(name, Deno.readFileSync(`${directory}/${name}`));
    } catch (failure) {
      if (!(failure instanceof Deno.errors.NotFound)) throw failure;
    }
  }
  return files;
}

/** Runs `check` on a directory that holds `files` and nothing else. */
export function inDirectoryWith<Result>(
  files: Files,
  check: (directory: string) => Result,
): Result {
  const directory = Deno.makeTempDirSync({ prefix: "conductor-fault-" });
  try {
    for (const [name, bytes] of files) Deno.writeFileSync(`${directory}/${name}`, bytes);
    return check(directory);
  } finally {
    Deno.removeSync(directory, { recursive: true });
  }
}
