/**
 * How much a worker tells its master in one message. A master refuses larger ones than `grpc.max_msg_size`, and
 * with it the session: what gathered while no master could be reached would never arrive.
 *
 * @module
 */

import type { AttemptReportView } from "../rpc/light.ts";

/** Beyond it the next one goes into a message of its own; a single larger one still goes alone, in bytes. */
export const MESSAGE_BYTES_MAX = 1024 * 1024;
/** What stands beside texts and outputs, about. */
const BESIDE_BYTES = 128;
/** Of a character in UTF-8, at most, by JavaScript's count of them. */
const CHARACTER_BYTES_MAX = 3;

/** What a report takes on the wire, at most, in bytes. */
export function reportBytes(report: AttemptReportView): number {
  if (report.kind !== "finished") return BESIDE_BYTES;
  const { output, error, logTail } = report;
  const characters = error.length + (logTail === undefined ? 0 : charactersIn(logTail));
  return BESIDE_BYTES + output.byteLength + CHARACTER_BYTES_MAX * characters;
}

/** What the progress of an attempt takes, at most, in bytes. */
export function progressBytes(
  { message, logLines }: { readonly message: string; readonly logLines: readonly string[] },
): number {
  return BESIDE_BYTES + CHARACTER_BYTES_MAX * (message.length + charactersIn(logLines));
}

/** The beginning of `all` that goes into one message: one at least, if there is any. */
export function firstOfMessage<Item>(
  all: readonly Item[],
  bytesOf: (item: Item) => number,
): number {
  let bytes = 0;
  for (let count = 0; count < all.length; count++) {
    bytes += bytesOf(all[count]!);
    if (count > 0 && bytes > MESSAGE_BYTES_MAX) return count;
  }
  return all.length;
}

function charactersIn(lines: readonly string[]): number {
  // With what each line takes beside its text.
  return lines.reduce((sum, line) => sum + line.length + 2, 0);
}
