/**
 * A backup of the running cluster: the state of one member at one log index, as a stream.
 *
 * @module
 */

import { closeSync, openSync, readSync, rmSync, statSync } from "node:fs";
import { type CallContext, Refusal, type StreamWriter } from "../rpc/mod.ts";
import { DiskFull } from "../raft/mod.ts";
import { BackupWriter, CopyGivenUp, StorageFailed } from "../storage/mod.ts";
import type { MasterContext } from "./context.ts";
import type { JobSnapshots } from "./snapshots.ts";

const CHUNK_BYTES = 256 * 1024;

/**
 * Writes the bytes of a backup file. It holds everything that was acknowledged before the call,
 * unless `stale`.
 *
 * @throws Refusal when no leader confirms that this member's state is current
 */
export async function backUp(
  context: MasterContext,
  snapshots: JobSnapshots,
  { stale }: { readonly stale: boolean },
  out: StreamWriter<Uint8Array>,
  call: CallContext,
): Promise<void> {
  const { facts, node, proposer, barrierTimeoutMs, now, log } = context;
  if (!stale) await proposer.readBarrier(barrierTimeoutMs);
  const copy = await snapshots.copy(() => {
    const { appliedIndex: index, appliedTerm: term } = node.status();
    return { index, term };
  }).catch((failure) => {
    throw refusalOf(failure, facts.nodeId);
  });
  try {
    if (copy.index === 0) throw new Refusal("failed_precondition", "there is no state to back up");
    const writer = new BackupWriter();
    await out.write(writer.head({
      clusterId: facts.clusterId,
      nodeId: facts.nodeId,
      version: facts.version,
      createdAtMs: now(),
      index: copy.index,
      term: copy.term,
      stateBytes: statSync(copy.path).size,
      members: node.status().members.map((each) => `${each.id}=${each.address}`),
    }));
    for (const bytes of chunksOf(copy.path)) await out.write(writer.body(bytes));
    await out.write(writer.end());
    log.info("a backup was taken", { index: copy.index, by: call.caller.userId });
  } finally {
    rmSync(copy.path, { force: true });
  }
}

/** What became of the copy, in words for whoever wanted the backup. */
function refusalOf(failure: unknown, nodeId: string): unknown {
  if (failure instanceof StorageFailed) {
    return new Refusal("data_loss", `${nodeId} ends, ask another master: ${failure.message}`);
  }
  if (failure instanceof DiskFull) {
    return new Refusal(
      "overloaded",
      `${nodeId} has no room for the copy that a backup is made of; make room there, or ask another ` +
        `master: ${failure.message}`,
    );
  }
  if (failure instanceof CopyGivenUp) {
    return new Refusal("unavailable", `ask again, or another master: ${failure.message}`);
  }
  return failure;
}

function* chunksOf(path: string): Iterable<Uint8Array> {
  const file = openSync(path, "r");
  try {
    while (true) {
      const chunk = new Uint8Array(CHUNK_BYTES);
      const bytes = readSync(file, chunk, 0, CHUNK_BYTES, null);
      if (bytes === 0) return;
      yield chunk.subarray(0, bytes);
    }
  } finally {
    closeSync(file);
  }
}
