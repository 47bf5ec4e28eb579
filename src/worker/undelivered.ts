/**
 * Reports that a worker could not deliver before it ended, kept for its next life.
 *
 * @module
 */

import { decode, encode } from "cborg";
import { dirname } from "node:path";
import type { AttemptReportView } from "../rpc/mod.ts";

const FORMAT = 1;

/** Writes the reports to `path`, or removes the file when there are none. */
export async function keepUndelivered(
  path: string,
  reports: readonly AttemptReportView[],
): Promise<void> {
  if (reports.length === 0) {
    await removeIfThere(path);
    return;
  }
  await Deno.mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const part = `${path}.part`;
  await Deno.writeFile(part, encode({ format: FORMAT, reports }), { mode: 0o600 });
  await Deno.rename(part, path);
}

/**
 * The reports of `path`, or none where there is no such file.
 *
 * @throws Error when the file is there and cannot be understood: what to do is said.
 */
export async function takeUndelivered(path: string): Promise<readonly AttemptReportView[]> {
  let bytes: Uint8Array;
  try {
    bytes = await Deno.readFile(path);
  } catch (failure) {
    if (failure instanceof Deno.errors.NotFound) return [];
    throw failure;
  }
  try {
    const kept = decode(bytes) as { format: number; reports: AttemptReportView[] };
    if (kept.format !== FORMAT) throw new Error(`it has format ${kept.format}, not ${FORMAT}`);
    // Programs before this one did not count the lines that they cut.
    return kept.reports.map((each) =>
      each.kind === "finished" ? { ...each, logLinesCut: each.logLinesCut ?? 0 } : each
    );
  } catch (cause) {
    throw new Error(
      `cannot read the undelivered results in ${path}: ${(cause as Error).message}; ` +
        "remove the file to start without them (their jobs run again)",
      { cause },
    );
  }
}

async function removeIfThere(path: string): Promise<void> {
  try {
    await Deno.remove(path);
  } catch (failure) {
    if (!(failure instanceof Deno.errors.NotFound)) throw failure;
  }
}
