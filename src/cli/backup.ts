/**
 * `conductor backup`: the bytes come as a stream, are checked, and appear under their name whole or
 * not at all.
 *
 * @module
 */

import { dirname } from "node:path";
import { BackupChecker, type BackupHead } from "../master/mod.ts";
import { tell } from "./answer.ts";
import { Interrupted, Misuse } from "./failure.ts";
import { onInterruption } from "./interruption.ts";
import { LiveLine } from "./live_line.ts";
import { withMemberClient } from "./members.ts";
import type { Flags } from "./router.ts";
import type { Terminal } from "./terminal.ts";

export async function backup(file: string, flags: Flags, terminal: Terminal): Promise<void> {
  if (flags.force !== true) await refuseExisting(file);
  const interruption = new AbortController();
  const deafen = onInterruption((signal) =>
    interruption.abort(new Interrupted(`${file} was not made`, signal))
  );
  try {
    await backUp(file, flags, terminal, interruption.signal);
  } finally {
    deafen();
  }
}

async function backUp(
  file: string,
  flags: Flags,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<void> {
  const line = new LiveLine(terminal.err);
  await withMemberClient(flags, terminal, async (client) => {
    const partial = `${file}.partial-${crypto.randomUUID()}`;
    let head: BackupHead;
    let bytes = 0;
    try {
      const target = await Deno.open(partial, { write: true, createNew: true, mode: 0o600 });
      try {
        const checker = new BackupChecker();
        for await (const chunk of client.backup({ stale: flags.stale === true }, signal)) {
          checker.take(chunk);
          bytes += chunk.byteLength;
          line.show(`${file}  ${(bytes / 2 ** 20).toFixed(1)} MiB`);
          for (let at = 0; at < chunk.byteLength;) at += await target.write(chunk.subarray(at));
        }
        head = checker.finish(file);
        await target.sync();
      } finally {
        target.close();
      }
      await Deno.rename(partial, file);
      await syncDirectory(dirname(file));
    } catch (failure) {
      await removeIfThere(partial);
      throw signal.aborted ? signal.reason : failure;
    } finally {
      line.clear();
    }
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
    tell(flags, terminal, {
      json: answer,
      text: () =>
        `${file}: the state of cluster ${head.clusterId} at entry ${head.index}, ${bytes} bytes\n`,
    });
  });
}

async function refuseExisting(file: string): Promise<void> {
  try {
    await Deno.stat(file);
  } catch (failure) {
    if (failure instanceof Deno.errors.NotFound) return;
    throw new Misuse(`cannot make ${file}: ${(failure as Error).message}`, { cause: failure });
  }
  throw new Misuse(`${file} is there already; choose another name, or replace it with --force`);
}

async function removeIfThere(path: string): Promise<void> {
  try {
    await Deno.remove(path);
  } catch (failure) {
    if (!(failure instanceof Deno.errors.NotFound)) throw failure;
  }
}

/** Makes the new name durable; Windows has no way to, and needs none. */
async function syncDirectory(path: string): Promise<void> {
  if (Deno.build.os === "windows") return;
  const directory = await Deno.open(path === "" ? "." : path);
  try {
    await directory.sync();
  } finally {
    directory.close();
  }
}
