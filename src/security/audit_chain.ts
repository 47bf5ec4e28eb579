/**
 * Audit lines as a chain: each carries its number, the hash of the line before and its own, so that
 * a line edited, removed or put in between shows. The hash is over the very bytes of the line before
 * `,"hash":"..."}` is added, so that checking needs no notion of canonical JSON.
 *
 * That the end was cut off shows by `path.head`, which the writer keeps beside the log. What a chain
 * cannot show is that somebody who may write both files made the whole anew. For that, ship the lines
 * elsewhere as they are written, or note the last hash elsewhere and ask for it when checking.
 */

import { hash } from "node:crypto";
import { reasonOf } from "./configuration_error.ts";

/** Where a chain stands after a line. */
export interface ChainHead {
  /** Number of the last line; 0 before the first. */
  readonly sequence: number;
  /** Its hash; 64 zeros before the first. */
  readonly hash: string;
}

/** What is wrong at a line. */
export interface AuditFault {
  readonly path: string;
  /** From 1; of what is missing at the end, the number of the last line that is there. */
  readonly line: number;
  readonly kind: "unreadable" | "edited" | "gap" | "torn" | "truncated";
  readonly message: string;
}

/** What checking a log found. */
export interface AuditReport {
  readonly files: readonly string[];
  readonly lines: number;
  readonly faults: readonly AuditFault[];
  /** Numbers of the first and last line; undefined in an empty log. */
  readonly firstSequence: number | undefined;
  readonly lastSequence: number | undefined;
  /** Write it down elsewhere, and a later check can tell that nothing before it changed. */
  readonly lastHash: string;
}

/** Before the first line of a chain. */
export const CHAIN_START: ChainHead = { sequence: 0, hash: "0".repeat(64) };

/** Where the writer of a log notes its last line. */
export function headPathOf(path: string): string {
  return `${path}.head`;
}

/** What stands in that file. */
export function headText({ sequence, hash }: ChainHead): string {
  return `${sequence} ${hash}\n`;
}

/** How every line of a chain ends. A value that a caller chose cannot look like it: quotes in it are
 * escaped. */
const LINK = /,"seq":(\d{1,15}),"prev":"([0-9a-f]{64})"(,"hash":"([0-9a-f]{64})"\})$/;

/**
 * Adds a line to the chain.
 *
 * @param object an object's JSON text, not empty
 */
export function chained(
  object: string,
  head: ChainHead,
): { readonly line: string; readonly head: ChainHead } {
  const sequence = head.sequence + 1;
  const body = `${object.slice(0, -1)},"seq":${sequence},"prev":"${head.hash}"`;
  const digest = hash("sha256", body, "hex");
  return { line: `${body},"hash":"${digest}"}`, head: { sequence, hash: digest } };
}

/**
 * Where the chain of a log stands, from its last whole line; {@linkcode CHAIN_START} when there is
 * none, or when the last line is no chained one (a chain then starts anew, which checking reports).
 */
export function headOf(lastLine: string | undefined): ChainHead {
  const link = linkOf(lastLine ?? "");
  return link === undefined ? CHAIN_START : { sequence: link.sequence, hash: link.hash };
}

interface Link extends ChainHead {
  readonly previous: string;
  /** What the hash is over. */
  readonly body: string;
}

function linkOf(line: string): Link | undefined {
  const [, sequence, previous, end, digest] = LINK.exec(line) ?? [];
  if (
    sequence === undefined || previous === undefined || end === undefined || digest === undefined
  ) return undefined;
  const body = line.slice(0, -end.length);
  return { sequence: Number(sequence), previous, hash: digest, body };
}

/**
 * Checks a chained audit log with the files that were moved aside (`path.N` to `path.1`, then
 * `path`), line by line, in constant memory, and that it goes as far as `path.head` says.
 *
 * @param expectedHash of a line that was seen there before, and so must still be there
 * @throws {Error} when a file cannot be read
 */
export async function verifyAuditFile(path: string, expectedHash?: string): Promise<AuditReport> {
  const noted = await notedHead(path);
  const files = await filesOf(path);
  const faults: AuditFault[] = [];
  let isExpectedThere = expectedHash === undefined || expectedHash === CHAIN_START.hash;
  let isNotedThere = noted === undefined;
  let head: ChainHead | undefined;
  let lines = 0;
  let number = 0;
  let firstSequence: number | undefined;
  for (const file of files) {
    number = 0;
    for await (const { text, isWhole } of linesOf(file)) {
      number++;
      lines++;
      const result = check(text, isWhole, head);
      if (result.fault !== undefined) faults.push({ path: file, line: number, ...result.fault });
      if (result.head !== undefined) head = result.head;
      if (result.head?.hash === expectedHash) isExpectedThere = true;
      if (result.head?.hash === noted?.hash) isNotedThere = true;
      firstSequence ??= head?.sequence;
    }
  }
  const truncated = (message: string) =>
    faults.push({ path, line: number, kind: "truncated", message });
  if (noted !== undefined && !isNotedThere) {
    truncated(`number ${noted.sequence} was written, says ${headPathOf(path)}, and is not there`);
  }
  if (!isExpectedThere) truncated(`no line has the expected hash ${expectedHash}`);
  return {
    files,
    lines,
    faults,
    firstSequence,
    lastSequence: head?.sequence,
    lastHash: head?.hash ?? CHAIN_START.hash,
  };
}

type Fault = Pick<AuditFault, "kind" | "message">;

/** @param head of the line before; undefined at the very first, which may be any */
function check(
  text: string,
  isWhole: boolean,
  head: ChainHead | undefined,
): { readonly fault?: Fault; readonly head?: ChainHead } {
  if (!isWhole) return { fault: { kind: "torn", message: "the line does not end" } };
  const link = linkOf(text);
  if (link === undefined) {
    return { fault: { kind: "unreadable", message: "the line is not part of a chain" } };
  }
  if (hash("sha256", link.body, "hex") !== link.hash) {
    return {
      fault: { kind: "edited", message: `number ${link.sequence} is not what was written` },
      head: link,
    };
  }
  const follows = head === undefined ||
    link.sequence === head.sequence + 1 && link.previous === head.hash;
  if (follows) return { head: link };
  return {
    fault: {
      kind: "gap",
      message: `number ${link.sequence} does not follow on number ${head.sequence}`,
    },
    head: link,
  };
}

/** What the writer noted; undefined where there is no such file, as of logs that were copied. */
async function notedHead(path: string): Promise<ChainHead | undefined> {
  let text: string;
  try {
    text = await Deno.readTextFile(headPathOf(path));
  } catch (thrown) {
    if (thrown instanceof Deno.errors.NotFound) return undefined;
    throw new Error(`cannot read "${headPathOf(path)}": ${reasonOf(thrown)}`, { cause: thrown });
  }
  const [, sequence, digest] = /^(\d{1,15}) ([0-9a-f]{64})\n$/.exec(text) ?? [];
  // Cut short by a crash in the middle of writing it: it says nothing.
  if (sequence === undefined || digest === undefined) return undefined;
  return Number(sequence) === 0 ? undefined : { sequence: Number(sequence), hash: digest };
}

/** Oldest first. A number that is missing ends the search, as rotation leaves no holes. */
async function filesOf(path: string): Promise<string[]> {
  const files = [path];
  for (let index = 1;; index++) {
    try {
      await Deno.stat(`${path}.${index}`);
    } catch (thrown) {
      if (thrown instanceof Deno.errors.NotFound) return files.reverse();
      throw thrown;
    }
    files.push(`${path}.${index}`);
  }
}

async function* linesOf(path: string): AsyncGenerator<{ text: string; isWhole: boolean }> {
  let rest = "";
  for await (const chunk of chunksOf(path)) {
    const parts = (rest + chunk).split("\n");
    rest = parts.pop() ?? "";
    for (const text of parts) yield { text, isWhole: true };
  }
  if (rest !== "") yield { text: rest, isWhole: false };
}

/** @throws {Error} naming the file: a directory can be opened, and not read */
async function* chunksOf(path: string): AsyncGenerator<string> {
  try {
    const file = await Deno.open(path, { read: true });
    yield* file.readable.pipeThrough(new TextDecoderStream());
  } catch (thrown) {
    throw new Error(`cannot read "${path}": ${reasonOf(thrown)}`, { cause: thrown });
  }
}

/**
 * The last whole line of a file, read from its end, and whether something unfinished follows it.
 */
export function tailOf(
  path: string,
): { readonly line: string | undefined; readonly isTorn: boolean } {
  let file: Deno.FsFile;
  try {
    file = Deno.openSync(path, { read: true });
  } catch (thrown) {
    if (thrown instanceof Deno.errors.NotFound) return { line: undefined, isTorn: false };
    throw thrown;
  }
  using _ = file;
  const { size } = file.statSync();
  // A line is bounded (see audit.ts), so that its start is within this.
  const length = Math.min(size, 128 * 1024);
  file.seekSync(size - length, Deno.SeekMode.Start);
  const bytes = new Uint8Array(length);
  let read = 0;
  while (read < length) {
    const count = file.readSync(bytes.subarray(read));
    if (count === null) break;
    read += count;
  }
  const parts = new TextDecoder().decode(bytes.subarray(0, read)).split("\n");
  const rest = parts.pop() ?? "";
  return { line: parts.at(-1), isTorn: rest !== "" };
}
