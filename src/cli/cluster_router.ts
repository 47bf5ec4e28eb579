/**
 * The commands for those who run a cluster; what each does is in its own file.
 *
 * @module
 */

import type { Command } from "commander";
import { addConfigFlags } from "./config_flags.ts";
import { withOutput, withWatch } from "./options.ts";
import type { Flags } from "./router.ts";
import type { Terminal } from "./terminal.ts";

/** Adds the subcommands of `cluster`; `client` adds the flags of commands that call the cluster. */
export function addMemberCommands(
  cluster: Command,
  terminal: Terminal,
  client: (command: Command) => Command,
): void {
  client(
    withWatch(
      cluster.command("members").description("the masters, as their leader sees them"),
    )
      .action(async (flags: Flags) => {
        const { listMembers } = await import("./members.ts");
        await listMembers(flags, terminal);
      }),
  );
  client(
    cluster.command("add").description("announce a master, which then starts with --join")
      .argument("<node-id>", "what it will be called")
      .argument("<raft-address>", "HOST:PORT where the other masters will reach it")
      .option("--grpc-address <address>", "HOST:PORT where clients and workers will reach it", "")
      .action(async (nodeId: string, raftAddress: string, flags: Flags) => {
        const { addMember } = await import("./members.ts");
        await addMember(nodeId, raftAddress, flags, terminal);
      }),
  );
  client(
    cluster.command("remove").description("take a master out of the cluster")
      .argument("<node-id>", "the master")
      .option("--force", "even if too few of the others answer to go on without it")
      .action(async (nodeId: string, flags: Flags) => {
        const { removeMember } = await import("./members.ts");
        await removeMember(nodeId, flags, terminal);
      }),
  );
  client(
    cluster.command("promote").description("let a learner vote; it must have caught up")
      .argument("<node-id>", "the learner")
      .action(async (nodeId: string, flags: Flags) => {
        const { promoteMember } = await import("./members.ts");
        await promoteMember(nodeId, flags, terminal);
      }),
  );
  client(
    cluster.command("transfer-leadership").description(
      "hand leadership over, and wait until it is",
    )
      .option("--to <node-id>", "to this master (default: the one that is furthest)")
      .action(async (flags: Flags) => {
        const { transferLeadership } = await import("./members.ts");
        await transferLeadership(flags, terminal);
      }),
  );
  client(
    cluster.command("snapshot").description(
      "let the master at --addr save its state to disk and compact its log",
    ).action(async (flags: Flags) => {
      const { takeSnapshot } = await import("./members.ts");
      await takeSnapshot(flags, terminal);
    }),
  );
}

/** Adds `top`. */
export function addTopCommand(
  program: Command,
  terminal: Terminal,
  client: (command: Command) => Command,
): void {
  client(
    program.command("top").description("the cluster live: members, queues, workers, newest jobs")
      .option("--interval <duration>", "time between two samples", "2s")
      .option("--once", "print one sample, as is done where there is no terminal")
      .addHelpText("after", TOP_HELP)
      .action(async (flags: Flags) => {
        const { top } = await import("./top.ts");
        await top(flags, terminal);
      }),
  );
}

const TOP_HELP = `
Keys: 1-4 one section alone, Up and Down scroll it, f chooses jobs, + and - the
pace, Space pauses, r samples at once, h helps, q leaves.`;

/** Adds `cluster recover`, `backup` and `restore`. */
export function addBackupCommands(
  program: Command,
  cluster: Command,
  terminal: Terminal,
  client: (command: Command) => Command,
): void {
  offline(
    cluster.command("recover").description(
      "let the one survivor of a lost majority go on alone, with what it holds (it must be stopped)",
    )
      .option("--accept-data-loss", "do it, knowing that acknowledged writes may be lost")
      .action(async (flags: Flags) => {
        const { recover } = await import("./offline.ts");
        await recover(flags, terminal);
      }),
  );
  client(
    program.command("backup").description("copy the whole state of the cluster to a file")
      .argument("<file>", "the file to make; - for stdout")
      .option("--stale", "do not ask the leader whether the member's state is current")
      .option("--force", "replace the file if there is one")
      .action(async (file: string, flags: Flags) => {
        const { backup } = await import("./backup.ts");
        await backup(file, flags, terminal);
      }),
  );
  offline(
    program.command("restore").description(
      "make a backup the beginning of a new cluster, in an empty data directory",
    )
      .argument("<file>", "the backup")
      .action(async (file: string, flags: Flags) => {
        const { restore } = await import("./offline.ts");
        await restore(file, flags, terminal);
      }),
  );
}

/** Flags of a command that works on a stopped master's files: where they are, and who it is. */
function offline(command: Command): Command {
  return withOutput(addConfigFlags(command, "master"));
}
