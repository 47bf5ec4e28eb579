/**
 * Every command with its flags. What a command does is in its own file, loaded when it is called.
 *
 * @module
 */

import { Command, CommanderError, type Option } from "commander";
import { nearest } from "../config/mod.ts";
import { addAuditCommands } from "./audit_router.ts";
import { addBatchCommands } from "./batch_router.ts";
import { addBackupCommands, addMemberCommands, addTopCommand } from "./cluster_router.ts";
import { addCertsCommands } from "./certs_router.ts";
import { addDebugCommands, addDoctorCommand, addInspectCommands } from "./inspect_router.ts";
import { addJobTypeCommands, addSettingsCommands } from "./settings_router.ts";
import { addConfigFlags } from "./config_flags.ts";
import { addExamples } from "./examples.ts";
import { EXIT, Misuse, reportFailure } from "./failure.ts";
import { commandMeant, flagHint, oneDashFault } from "./flag_hints.ts";
import { addBulkCommands } from "./job_router.ts";
import { outliveHangUps } from "./interruption.ts";
import { addJobFlags } from "./job_flags.ts";
import { commandCalled } from "./other_words.ts";
import { TIMEOUT_HELP, WAIT_TIMEOUT_HELP, withOutput, withValues, withWatch } from "./options.ts";
import { addPayloadKeyCommands } from "./payload_key_router.ts";
import { addLocalCommands } from "./local_router.ts";
import { addRbacCommands, addTokenCommands } from "./token_router.ts";
import { addScheduleCommands } from "./schedule_router.ts";
import { processTerminal, type Terminal } from "./terminal.ts";
import { VERSION } from "./version.ts";

/** Statuses to choose workers by. */
export const WORKER_STATUSES = ["active", "draining", "disconnected"] as const;

/** Flags of a command, as commander parsed them. */
export type Flags = Readonly<Record<string, unknown>>;

/** Runs one command line; resolves to the exit code. */
export async function route(
  words: readonly string[],
  terminal: Terminal = processTerminal(),
): Promise<number> {
  const args = withHelpAsFlag(words);
  const program = buildProgram(terminal, args);
  try {
    if (args[0] === "__complete") {
      const { answerShell } = await import("./complete_live.ts");
      await answerShell(args.slice(1), program, terminal.out);
      return EXIT.done;
    }
    refuseUnknownCommand(program, args);
    const fault = oneDashFault(commandMeant(program, args), args);
    if (fault !== undefined) throw new Misuse(fault);
    await program.parseAsync([...args], { from: "user" });
    return EXIT.done;
  } catch (failure) {
    if (failure instanceof CommanderError) {
      return failure.exitCode === 0 ? EXIT.done : EXIT.misused;
    }
    return reportFailure(failure, terminal);
  }
}

/**
 * The program with all its commands; also what completions are made from.
 *
 * @param args what it is going to be given, for what it says of a flag that there is not
 */
export function buildProgram(terminal: Terminal, args: readonly string[] = []): Command {
  const program = new Command("conductor")
    .description(
      "A distributed job scheduler in one file: masters replicate jobs by Raft, workers run them.",
    )
    .version(`conductor ${VERSION}`, "-V, --version", "print the version")
    .helpOption("-h, --help", "print this help")
    .helpCommand("help [command]", "print the help of a command")
    .exitOverride()
    .configureHelp({
      optionDescription,
      minWidthToWrap: 20,
      styleTitle: (title) => terminal.out.style.bold(title),
    })
    .configureOutput({
      writeOut: (text) => terminal.out.write(text),
      writeErr: (text) => terminal.err.write(text),
      outputError: (text, write) => write(misuseLine(text, terminal, commandMeant(program, args))),
    })
    .addHelpText("after", EXIT_HELP);
  addNodeCommands(program, terminal);
  addJobCommands(program, terminal);
  addBatchCommands(program, terminal, client);
  addScheduleCommands(program, terminal, client);
  addSettingsCommands(program, terminal, client);
  addJobTypeCommands(program, terminal, client);
  addClusterCommands(program, terminal);
  addTopCommand(program, terminal, client);
  addInspectCommands(program, terminal);
  addDoctorCommand(program, terminal, client);
  addDebugCommands(program, terminal, client);
  addCertsCommands(program, terminal, client);
  addTokenCommands(program, terminal, client);
  addRbacCommands(program, terminal, client);
  addPayloadKeyCommands(program, terminal);
  addAuditCommands(program, terminal);
  addLocalCommands(program, terminal, { optionText: optionDescription });
  addExamples(program);
  inheritSettings(program);
  return program;
}

/** Commander knows of one word after `help`, and would tell of `dlq` who asks about `help dlq retry`. */
function withHelpAsFlag(words: readonly string[]): readonly string[] {
  const [first, command = "-"] = words;
  return first === "help" && !command.startsWith("-") ? [...words.slice(1), "--help"] : words;
}

/**
 * Names a command that does not exist. Commander would take it for an argument below a group with a
 * default (`conductor dlq retri`) and after `help`, answer `--help` for all commands in its place, and
 * think of none that is called otherwise.
 *
 * @throws Misuse
 */
function refuseUnknownCommand(program: Command, [first, second]: readonly string[]): void {
  if (first === undefined || first.startsWith("-")) return;
  const command = program.commands.find((each) => each.name() === first);
  if (command === undefined && first !== "help") throw unknownCommand(first, program);
  if (second === undefined || second.startsWith("-")) return;
  const group = command ?? program;
  const names = group.commands.map((each) => each.name());
  if (names.length > 0 && ![...names, "help"].includes(second)) throw unknownCommand(second, group);
}

function unknownCommand(word: string, group: Command): Misuse {
  const names = group.commands.map((each) => each.name());
  const isOfAll = group.parent === null;
  const near = isOfAll ? commandCalled(word) ?? nearest(word, names) : nearest(word, names);
  const where = isOfAll ? "" : ` of \`conductor ${group.name()}\``;
  const hint = near !== undefined
    ? ` (did you mean ${near}?)`
    : isOfAll
    ? "; --help shows what is possible"
    : `; there are ${names.join(", ")}`;
  return new Misuse(`unknown command '${word}'${where}${hint}`);
}

const EXIT_HELP = `
Exit codes: 0 done, 1 failed, 2 misused, 124 not done in the time to wait,
130 ended by Ctrl-C, 143 by SIGTERM. A master or worker ends with 0 when it is
told to stop, and at once with 130 or 143 when it is told twice.`;

/** Commander's complaint on one line, as all of ours are. */
function misuseLine(text: string, { err }: Terminal, command: Command): string {
  const line = text.trim().replace(/^error: /, "").replace(
    /\n\(Did you mean (.*)\)$/s,
    (_, suggestion: string) => ` (did you mean ${suggestion})`,
  );
  return `${err.style.red("conductor:")} ${line.replace(/\.$/, "")}; ${
    flagHint(line, command) ?? "--help shows what is possible"
  }\n`;
}

export function optionDescription(option: Option): string {
  const facts = option.argChoices === undefined ? [] : [option.argChoices.join(", ")];
  const { defaultValue } = option;
  if (typeof defaultValue === "string" && defaultValue !== "") {
    facts.push(`default: ${defaultValue}`);
  }
  return facts.length === 0 ? option.description : `${option.description} (${facts.join("; ")})`;
}

const NODE_HELP = `
The defaults are those of the profile development. A flag wins over the
environment, the environment over --config FILE, the file over the profile;
\`conductor config show\` prints what holds and why.`;

function addNodeCommands(program: Command, terminal: Terminal): void {
  addConfigFlags(
    program.command("master").description("run a master until it is told to stop"),
    "master",
  ).addHelpText("after", NODE_HELP).action(async (flags: Flags) => {
    outliveHangUps();
    const { runMaster } = await import("./run_master.ts");
    await runMaster(flags, terminal);
  });
  addConfigFlags(
    program.command("worker").description("run a worker until it is told to stop"),
    "worker",
  ).addHelpText("after", NODE_HELP).action(async (flags: Flags) => {
    outliveHangUps();
    const { runWorker } = await import("./run_worker.ts");
    await runWorker(flags, terminal);
  });
}

function addJobCommands(program: Command, terminal: Terminal): void {
  client(
    addJobFlags(program.command("submit").description("submit a job; prints its id"))
      .usage("--type <type> [options]")
      .option("-w, --wait", "follow the job to its end; exit 1 if it does not complete")
      .option("--wait-timeout <duration>", WAIT_TIMEOUT_HELP)
      .option("--patience <duration>", "how long to try again while the cluster takes no more jobs")
      .action(async (flags: Flags) => {
        const { submit } = await import("./submit.ts");
        await submit(flags, terminal);
      }),
  );
  client(
    withWatch(program.command("status").description("a job, or the cluster as a whole"))
      .argument("[job-id]", "the job; without it: an overview")
      .option("--stale", "answer at once from the node's own state, which may lag behind")
      .action(async (jobId: string | undefined, flags: Flags) => {
        const { status } = await import("./jobs.ts");
        await status(jobId, flags, terminal);
      }),
  );
  client(
    program.command("watch").description("follow a job to its end")
      .argument("<job-id>", "the job")
      .option("--timeout <duration>", TIMEOUT_HELP)
      .action(async (jobId: string, flags: Flags) => {
        const { watch } = await import("./submit.ts");
        await watch(jobId, flags, terminal);
      }),
  );
  client(
    program.command("logs").description("what a job's last attempt logged")
      .argument("<job-id>", "the job")
      .option("-f, --follow", "go on with what comes, until the job ends")
      .option("--tail <number>", "only that many of the last lines there are")
      .option("--timeout <duration>", "with --follow: " + TIMEOUT_HELP)
      .action(async (jobId: string, flags: Flags) => {
        const { logs } = await import("./logs.ts");
        await logs(jobId, flags, terminal);
      }),
  );
  client(
    program.command("result").description("a job's result as it is, on stdout")
      .argument("<job-id>", "the job")
      .option("--file <file>", "write it there")
      .option("-w, --wait", "wait for the job's end first")
      .option("--timeout <duration>", WAIT_TIMEOUT_HELP)
      .action(async (jobId: string, flags: Flags) => {
        const { result } = await import("./jobs.ts");
        await result(jobId, flags, terminal);
      }),
  );
  addBulkCommands(program, terminal, client);
}

function addClusterCommands(program: Command, terminal: Terminal): void {
  const workers = program.command("workers").description("the workers of the cluster");
  client(
    withWatch(
      workers.command("list", { isDefault: true }).description("the workers, and what they run"),
    )
      .addOption(
        withValues("-s, --status <status>", "only workers of this status", WORKER_STATUSES),
      )
      .option("-n, --limit <number>", "at most this many, by id (default: all)")
      .option("--cursor <cursor>", "go on where an earlier page ended")
      .option("--stale", "answer at once from the node's own state, which may lag behind")
      .action(async (flags: Flags) => {
        const { listWorkers } = await import("./workers.ts");
        await listWorkers(flags, terminal);
      }),
  );
  client(
    withWatch(
      workers.command("show").description("everything known about one, and what it runs"),
    )
      .argument("<worker-id>", "the worker")
      .action(async (workerId: string, flags: Flags) => {
        const { showWorker } = await import("./workers.ts");
        await showWorker(workerId, flags, terminal);
      }),
  );
  client(
    workers.command("drain").description("give it no new jobs")
      .argument("<worker-id>", "the worker")
      .option("--grace <duration>", "hand back what it still runs after this time, at no cost")
      .option("--wait", "wait until it holds no jobs")
      .option("--timeout <duration>", "wait no longer than this; exit code 1 if it holds some then")
      .action(async (workerId: string, flags: Flags) => {
        const { drainWorker } = await import("./workers.ts");
        await drainWorker(workerId, flags, terminal);
      }),
  );
  client(
    workers.command("undrain").description("give it jobs again")
      .argument("<worker-id>", "the worker")
      .action(async (workerId: string, flags: Flags) => {
        const { undrainWorker } = await import("./workers.ts");
        await undrainWorker(workerId, flags, terminal);
      }),
  );
  const cluster = program.command("cluster").description("the masters of the cluster");
  client(
    withWatch(
      cluster.command("status", { isDefault: true }).description("leader, members, log and queue"),
    )
      .action(async (flags: Flags) => {
        const { clusterStatus } = await import("./cluster.ts");
        await clusterStatus(flags, terminal);
      }),
  );
  addMemberCommands(cluster, terminal, client);
  addBackupCommands(program, cluster, terminal, client);
}

/** Adds the flags of every command that calls the cluster, after its own. */
function client(command: Command): Command {
  return addConfigFlags(withOutput(command), "client");
}

function inheritSettings(command: Command): void {
  for (const each of command.commands) {
    each.copyInheritedSettings(command);
    each.helpOption("-h, --help", "print this help");
    inheritSettings(each);
  }
}
