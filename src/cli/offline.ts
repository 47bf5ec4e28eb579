/**
 * `conductor restore` and `conductor cluster recover`: work on the files of a master that is stopped.
 *
 * @module
 */

import { join } from "node:path";
import type { Config } from "../config/mod.ts";
import {
  inspectSurvivor,
  recoverSurvivor,
  restoreBackup,
  type SurvivorState,
} from "../master/mod.ts";
import { masterAddresses } from "./addresses.ts";
import { tell } from "./answer.ts";
import { reasonOf } from "./reason.ts";
import { configFrom } from "./config_flags.ts";
import { Misuse, NegativeAnswer } from "./failure.ts";
import type { Flags } from "./router.ts";
import { renderPairs } from "./table.ts";
import { printable, type Terminal } from "./terminal.ts";

/** Makes a backup the beginning of a new cluster. */
export function restore(file: string, flags: Flags, terminal: Terminal): Promise<void> {
  refuseUnreadable(file);
  const { config } = configFrom(flags, "master");
  const { nodeId, raftDir, dataDir } = config.cluster;
  const restored = restoreBackup(file, {
    nodeId,
    raftDir,
    dataDir,
    address: masterAddresses(config),
  });
  const { backup, clusterId, index, liveJobs, releasedAttempts } = restored;
  const answer = {
    file,
    data_dir: dataDir,
    node_id: nodeId,
    cluster_id: clusterId,
    backup_of_cluster_id: backup.clusterId,
    backup_index: backup.index,
    backup_created_at: new Date(backup.createdAtMs).toISOString(),
    first_log_index: index + 1,
    unfinished_jobs: liveJobs,
    released_attempts: releasedAttempts,
  };
  const text = () =>
    renderPairs([
      ["Restored", `${file}, entry ${backup.index} of cluster ${backup.clusterId}`],
      ["Taken", answer.backup_created_at],
      ["Into", `${dataDir}, as master ${nodeId} of the new cluster ${clusterId}`],
      ["Jobs", `${liveJobs} unfinished; ${releasedAttempts} attempts went back to the queue`],
      ["Next", `${startOf(config, flags)}; others join it, empty`],
    ]);
  tell(flags, terminal, { json: answer, text });
  return Promise.resolve();
}

/** The command that starts a master where the backup is now. */
export function startOf(
  { cluster: { nodeId, dataDir, raftDir } }: {
    readonly cluster: Pick<Config["cluster"], "nodeId" | "dataDir" | "raftDir">;
  },
  flags: Flags,
): string {
  const words = ["conductor", "master"];
  if (typeof flags.config === "string") words.push("--config", flags.config);
  words.push("--node-id", nodeId, "--data-dir", dataDir);
  if (raftDir !== join(dataDir, "raft")) words.push("--raft-dir", raftDir);
  return words.map((word) =>
    /^[\w./:@%+=-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`
  )
    .join(" ");
}

/** What the system says of a backup that cannot be read names a call of ours. */
function refuseUnreadable(file: string): void {
  if (file === "-") {
    throw new Misuse(
      "restore reads its backup more than once, which stdin cannot be; write it to a file, and " +
        "name that",
    );
  }
  const name = printable(file);
  let isFile: boolean;
  try {
    ({ isFile } = Deno.statSync(file));
    // A pipe would be waited for.
    if (isFile) Deno.openSync(file).close();
  } catch (cause) {
    throw new Misuse(`cannot read the backup ${name}: ${reasonOf(cause)}`, { cause });
  }
  if (!isFile) throw new Misuse(`the backup ${name} is no regular file; name one that is`);
}

/** Lets the survivor of a lost majority go on alone. */
export async function recover(flags: Flags, terminal: Terminal): Promise<void> {
  const { cluster } = configFrom(flags, "master").config;
  const place = { raftDir: cluster.raftDir, dataDir: cluster.dataDir };
  const survivor = inspectSurvivor(place);
  const { voters } = survivor.membership;
  if (!survivor.isUnfinished && voters.length === 1 && voters[0]?.id === survivor.nodeId) {
    throw new NegativeAnswer(
      `${survivor.nodeId} is the only voter of its cluster, so no majority is lost: start it`,
    );
  }
  if (flags.acceptDataLoss !== true) {
    terminal.err.write(`${warningText(survivor)}\n`);
    throw new NegativeAnswer(
      "nothing was changed; to go on, give the same command with --accept-data-loss",
    );
  }
  terminal.err.write(`${warningText(survivor)}\n`);
  const recovered = await recoverSurvivor(place);
  const answer = {
    data_dir: place.dataDir,
    node_id: survivor.nodeId,
    old_cluster_id: survivor.clusterId,
    cluster_id: recovered.clusterId,
    old_last_index: survivor.lastIndex,
    old_term: survivor.term,
    first_log_index: recovered.index + 1,
    unfinished_jobs: recovered.liveJobs,
    released_attempts: recovered.releasedAttempts,
    old_files: recovered.putAside,
  };
  const text = () =>
    renderPairs([
      ["Recovered", `${survivor.nodeId}, alone, as the new cluster ${recovered.clusterId}`],
      [
        "Jobs",
        `${recovered.liveJobs} unfinished; ${recovered.releasedAttempts} attempts went back to ` +
        "the queue",
      ],
      ["Old files", `${recovered.putAside}, in ${place.dataDir} and ${place.raftDir}`],
      [
        "Next",
        "start it without --join; the others join it with empty data directories. If one of the " +
        "old ones comes back, it is refused",
      ],
    ]);
  tell(flags, terminal, { json: answer, text });
}

function warningText(survivor: SurvivorState): string {
  const { nodeId, lastIndex, lastTerm, commitIndex, term, membership } = survivor;
  if (survivor.isUnfinished) return `An earlier recovery of ${nodeId} is unfinished.`;
  const others = [...membership.voters, ...membership.learners]
    .map((each) => printable(each.id)).filter((id) => id !== nodeId);
  return [
    `${nodeId} will go on alone, without ${others.join(", ") || "anybody"}.`,
    `It holds the log up to entry ${lastIndex} (term ${lastTerm}; its current term is ${term}), ` +
    `of which it knew entry ${commitIndex} to be committed when it last wrote.`,
    `LOST: whatever the others acknowledged behind entry ${lastIndex}. A majority of them may ` +
    "have; if one of them can still be had, ask `conductor cluster recover` there too, without " +
    "the flag, and take the one whose last term and last entry are highest.",
    `KEPT: ${entriesText(commitIndex + 1, lastIndex)}, though perhaps nobody was told that they ` +
    "were accepted.",
  ].filter((line) => !line.startsWith("KEPT") || commitIndex < lastIndex).join("\n");
}

function entriesText(first: number, last: number): string {
  return first === last ? `entry ${last}` : `entries ${first} to ${last}`;
}
