/**
 * The flags of `conductor raft`, `snapshot`, `doctor` and `debug`: what looks at things and changes none.
 *
 * @module
 */

import { type Command, Option } from "commander";
import { addConfigFlags, addNodeFlags, collect } from "./config_flags.ts";
import { withOutput } from "./options.ts";
import type { Flags } from "./router.ts";
import type { Terminal } from "./terminal.ts";

const RAFT_HELP = `
The files are copied and the copy is read, so nothing is changed and a master
may run on them. Exit codes: 0 sound, 1 a master would not start on it (each
fault is told), 2 misused.`;

const SNAPSHOT_HELP = `
FILE is a backup (of which the digest is checked), a snapshot, or a state.db.
Exit codes: 0 sound, 1 damaged, 2 misused.`;

/** What says where a master's files are. */
const PLACE = ["profile", "cluster.data_dir", "cluster.raft_dir"];

/** Adds `raft` and `snapshot`. */
export function addInspectCommands(program: Command, terminal: Terminal): void {
  const raft = program.command("raft").description("a master's log, read from its files");
  offline(
    raft.command("inspect", { isDefault: true })
      .description("term, vote, membership and extent of the log; every hash is checked"),
  )
    .addHelpText("after", RAFT_HELP)
    .action(async (flags: Flags) => {
      const { inspectRaft } = await import("./inspect.ts");
      inspectRaft(flags, terminal);
    });
  offline(
    raft.command("log")
      .description("its entries, decoded; of payloads, results and logs only the sizes")
      .option("--from <index>", "none before this one")
      .option("--to <index>", "none behind this one")
      .option("-n, --limit <number>", "only the last ones; 0: all", "50")
      .option("--payloads", "payloads, results and log lines too; they may hold secrets"),
  )
    .addHelpText("after", RAFT_HELP)
    .action(async (flags: Flags) => {
      const { printRaftLog } = await import("./inspect.ts");
      printRaftLog(flags, terminal);
    });
  const snapshot = program.command("snapshot").description("a snapshot or a backup, from its file");
  withOutput(snapshot.command("inspect", { isDefault: true }))
    .description(
      "its format, where it stands in the log, what it holds; digest and rows are checked",
    )
    .argument("<file>", "the file")
    .addHelpText("after", SNAPSHOT_HELP)
    .action(async (file: string, flags: Flags) => {
      const { inspectSnapshotFile } = await import("./inspect.ts");
      inspectSnapshotFile(file, flags, terminal);
    });
}

const DOCTOR_HELP = `
It looks at the runtime, file descriptors, the configuration, ports, disks (room
and the time of an fsync), certificates, the cluster and each of its members:
way, clock, version. Exit codes: 0 nothing to mend, 1 something will not work.

Flags of \`conductor master\` and \`conductor worker\` are taken too: give it those
of the node.`;

/** Adds `doctor`. */
export function addDoctorCommand(
  program: Command,
  terminal: Terminal,
  client: (command: Command) => Command,
): void {
  const command = client(
    program.command("doctor")
      .description("what a node needs of its host and its cluster, and what to do about the rest")
      .addOption(roleOption())
      .addHelpText("after", DOCTOR_HELP),
  );
  addNodeFlags(command, ["master", "worker"]).action(async (flags: Flags) => {
    const { doctor } = await import("./doctor.ts");
    await doctor(flags, terminal);
  });
}

const BUNDLE_HELP = `
It holds versions, the configuration with secrets masked, what \`conductor
doctor\` says, the cluster, its members, workers, queues and types, ids and
states of the newest jobs, the node's status pages and metrics, what its log and
state hold in numbers, and the end of its logs. It holds no payloads, results,
labels or errors of jobs; known secrets, tokens, keys and passwords are taken
out of every part. What could not be had stands in manifest.json. Flags of
\`conductor master\` and \`conductor worker\` are taken too.`;

/** Adds `debug`. */
export function addDebugCommands(
  program: Command,
  terminal: Terminal,
  client: (command: Command) => Command,
): void {
  const debug = program.command("debug").description("what others need to find out what is wrong");
  const command = client(
    debug.command("bundle", { isDefault: true }).description(
      "all of it in one .tar.gz, without secrets",
    )
      .argument("<file>", "the file to make; - for stdout")
      .addOption(roleOption())
      .option("--log <file>", "the end of this log too (repeatable)", collect)
      .option("--force", "replace the file if there is one")
      .addHelpText("after", BUNDLE_HELP),
  );
  addNodeFlags(command, ["master", "worker"]).action(async (file: string, flags: Flags) => {
    const { debugBundle } = await import("./debug_bundle.ts");
    await debugBundle(file, flags, terminal);
  });
}

function roleOption(): Option {
  return new Option("-r, --role <role>", "who is to run here").choices([
    "master",
    "worker",
    "client",
  ]).default("master");
}

/** Flags of a command that looks at a master's files: which configuration says where they are. */
function offline(command: Command): Command {
  return addConfigFlags(withOutput(command), "master", PLACE);
}
