/**
 * The flags of `conductor certs`.
 *
 * @module
 */

import { type Command, Option } from "commander";
import { collect } from "./config_flags.ts";
import { withOutput } from "./options.ts";
import type { Flags } from "./router.ts";
import type { Terminal } from "./terminal.ts";

/** Kinds of keys; as `KEY_TYPES` of src/security, which is loaded when a command needs it. */
const KEY_TYPES = ["ecdsa-p256", "ed25519"] as const;

const CERTS_HELP = `
From nothing to mutual TLS:
  conductor certs init
  conductor certs issue --role master m1 --san m1.internal --san 10.0.0.1
  conductor certs issue --role worker w1
  conductor certs issue --role admin alice
Each \`issue\` prints the lines that its holder's configuration needs.`;

/** Adds `certs` with its subcommands; `client` adds the flags of commands that call the cluster. */
export function addCertsCommands(
  program: Command,
  terminal: Terminal,
  client: (command: Command) => Command,
): void {
  const certs = program.command("certs").description("a certificate authority of your own")
    .addHelpText("after", CERTS_HELP);
  const run = (
    name: "init" | "issue" | "renew" | "revoke" | "list" | "show",
    flags: Flags,
    args: readonly string[] = [],
  ) => import("./certs.ts").then(({ certsCommands }) => certsCommands[name](args, flags, terminal));

  signing(
    own(certs.command("init").description("make the authority, in a new directory"))
      .option("--name <name>", "what it is called (default: Conductor CA and a random number)")
      .option("--lifetime <duration>", "how long it lives (default: 3650d)"),
    keyType,
  ).action((flags: Flags) => run("init", flags));

  signing(
    own(certs.command("issue").description("issue a certificate and its key"))
      .argument("<name>", "a node's id, or a user's name")
      .requiredOption("--role <role>", "master, worker, client, or a role of the access policies")
      .addOption(
        new Option(
          "--san <name>",
          "a DNS name or IP address under which it is reached (repeatable)",
        ).argParser(collect),
      )
      .option(
        "--lifetime <duration>",
        "how long it lives (default: 365d for nodes, 90d for others)",
      )
      .option("--out <directory>", "where certificate and key go (default: the authority's)"),
    keyType,
  ).action((name: string, flags: Flags) => run("issue", flags, [name]));

  signing(
    own(certs.command("renew").description("issue again with the same name, role and SANs"))
      .argument("[names...]", "whose")
      .option("--ending", "all that have less than a quarter of their lifetime left")
      .option("--all", "all that were not revoked")
      .option("--keep-key", "certify the same key again")
      .option("--lifetime <duration>", "how long it lives (default: as long as the last one)"),
  ).action((names: string[], flags: Flags) => run("renew", flags, names));

  client(
    directory(
      certs.command("revoke").description("revoke certificates, and tell the cluster"),
    )
      .argument("<which>", "a name, a serial or a fingerprint")
      .option("--reason <text>", "why, for the index and the cluster", "")
      .option("--offline", "only write it down here, in the index and in revoked.json"),
  ).action((which: string, flags: Flags) => run("revoke", flags, [which]));

  own(certs.command("list", { isDefault: true }).description("what the authority has issued"))
    .action((flags: Flags) => run("list", flags));

  own(certs.command("show").description("everything that a certificate says"))
    .argument("<which>", "a name, a serial, a fingerprint, or a PEM file")
    .action((which: string, flags: Flags) => run("show", flags, [which]));
}

function directory(command: Command): Command {
  return command.option("--dir <directory>", "where the authority is kept", "certs");
}

/** Flags of every command that works on an authority alone. */
function own(command: Command): Command {
  return withOutput(directory(command));
}

/** Flags of commands that need the authority's key. */
function signing(command: Command, ...more: ((command: Command) => Command)[]): Command {
  const adapted = more.reduce((each, adapt) => adapt(each), command);
  return adapted.option(
    "--passphrase-file <file>",
    "file (mode 0600) with the passphrase of its key (or CONDUCTOR_CA_PASSPHRASE)",
  );
}

function keyType(command: Command): Command {
  return command.addOption(
    new Option("--key-type <type>", "kind of key").choices(KEY_TYPES).default("ecdsa-p256"),
  );
}
