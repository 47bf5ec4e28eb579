/**
 * `conductor backup`: the bytes come as a stream, are checked, and appear under their name whole or
 * not at all.
 *
 * @module
 */

import { BackupChecker, type BackupHead } from "../master/mod.ts";
import { tell } from "./answer.ts";
import { type BackupTarget, FileTarget, STDOUT_TARGET, targetPath } from "./backup_target.ts";
import { Interrupted, Misuse } from "./failure.ts";
import { onInterruption } from "./interruption.ts";
import { LiveLine } from "./live_line.ts";
import { withMemberClient } from "./members.ts";
import type { Flags } from "./router.ts";
import { printable, type Terminal } from "./terminal.ts";

/** Writes the backup to `file`, or to stdout for `-`. */
export async function backup(file: string, flags: Flags, terminal: Terminal): Promise<void> {
  const isStdout = file === "-";
  if (isStdout && terminal.out.isTerminal) {
    throw new Misuse("a backup is no text for a terminal; name a file, or pipe it");
  }
  const path = isStdout ? file : await targetPath(file, { replaces: flags.force === true });
  const open = isStdout ? () => Promise.resolve(STDOUT_TARGET) : () => FileTarget.open(file, path);
  const name = isStdout ? "the backup" : file;
  const undone = isStdout ? `${name} is not whole` : `${printable(name)} was not made`;
  const interruption = new AbortController();
  const deafen = onInterruption((signal) => interruption.abort(new Interrupted(undone, signal)));
  try {
    await withMemberClient(flags, terminal, async (client) => {
      const { signal } = interruption;
      const chunks = client.backup({ stale: flags.stale === true }, signal);
      const target = await open();
      try {
        const { head, bytes } = await copy(chunks, name, target, terminal);
        tellMade(file, head, bytes, flags, terminal);
      } catch (failure) {
        await target.abandon();
        throw signal.aborted ? signal.reason : failure;
      }
    });
  } finally {
    deafen();
  }
}

/** What was copied. */
interface Copied {
  readonly head: BackupHead;
  readonly bytes: number;
}

async function copy(
  chunks: AsyncIterable<Uint8Array>,
  name: string,
  target: BackupTarget,
  terminal: Terminal,
): Promise<Copied> {
  const line = new LiveLine(terminal.err);
  const checker = new BackupChecker();
  let bytes = 0;
  try {
    for await (const chunk of chunks) {
      checker.take(chunk);
      bytes += chunk.byteLength;
      line.show(`${name}  ${(bytes / 2 ** 20).toFixed(1)} MiB`);
      await target.write(chunk);
    }
    const head = checker.finish(name);
    await target.finish();
    return { head, bytes };
  } finally {
    line.clear();
  }
}

function tellMade(
  file: string,
  head: BackupHead,
  bytes: number,
  flags: Flags,
  terminal: Terminal,
): void {
  const what = `the state of cluster ${printable(head.clusterId)} at entry ${head.index}, ` +
    `${bytes} bytes`;
  // stdout is the backup's then.
  if (file === "-") return terminal.err.write(`conductor: backed up ${what}\n`);
  const answer = {
    file,
    bytes,
    cluster_id: head.clusterId,
    node_id: head.nodeId,
    index: head.index,
    term: head.term,
    created_at: new Date(head.createdAtMs).toISOString(),
    version: head.version,
  };
  tell(flags, terminal, { json: answer, text: () => `${printable(file)}: ${what}\n` });
}
