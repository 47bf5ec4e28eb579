/**
 * The flags of `conductor token` and `conductor rbac`.
 *
 * @module
 */

import type { Command } from "commander";
import { collect } from "./config_flags.ts";
import type { Flags } from "./router.ts";
import type { Terminal } from "./terminal.ts";

type Adapt = (command: Command) => Command;

const TOKEN_HELP = `
Tokens come from --token-file (mode 0600) or CONDUCTOR_TOKEN rather than from
--token, which other users of the host can see. A token file holds the token
and, on its second line, a refresh token if there is one.

  conductor token issue --subject ci --role operator --ttl 1h --out ci.token
  conductor token issue --join-worker --out worker.token
      lets one worker in, once
  conductor token issue --join-workers --ttl 90d --out pool.token
      lets in whatever workers a pool starts
  conductor token issue --offline --subject root --role admin --out root.token
      signed here with security.jwt.secret_key`;

/** Adds `token` with its subcommands. */
export function addTokenCommands(program: Command, terminal: Terminal, client: Adapt): void {
  const token = program.command("token").description("tokens: issue, look at, renew, revoke")
    .addHelpText("after", TOKEN_HELP);
  client(
    token.command("issue").description("sign a token with no more rights than your own; prints it")
      .option("--subject <name>", "who will present it; of a worker or a master: its id")
      .option("--role <role>", "what it may do (repeatable)", collect)
      .option("--ttl <duration>", "how long it lives (default: as the masters are configured)")
      .option("--refresh", "with a refresh token, to be exchanged for the next pair")
      .option("--refresh-ttl <duration>", "how long that one lives, counted from its last use")
      .option("--join-master", "a token that lets one master in, once, and opens nothing else")
      .option("--join-worker", "the same for a worker")
      .option("--join-workers", "the same for any number of workers, until it ends")
      .option("--out <file>", "write it there, readable by you alone, instead of printing it")
      .option("--offline", "sign it here with the key of this configuration, as for the first one"),
  ).action(async (flags: Flags) => {
    const { issueToken } = await import("./tokens.ts");
    await issueToken(flags, terminal);
  });
  client(
    token.command("inspect", { isDefault: true }).description(
      "what a token says, without showing it; needs no master",
    )
      .argument("[file]", "a token file, or - for stdin; without it: the token that you present"),
  ).action(async (file: string | undefined, flags: Flags) => {
    const { inspectToken } = await import("./token_inspect.ts");
    await inspectToken(file, flags, terminal);
  });
  client(
    token.command("refresh").description(
      "exchange the refresh token of a file for a new pair in it",
    )
      .argument("<file>", "a token file with a refresh token"),
  ).action(async (file: string, flags: Flags) => {
    const { refreshToken } = await import("./tokens.ts");
    await refreshToken(file, flags, terminal);
  });
  client(
    token.command("revoke").description("from now on no member accepts it")
      .argument("[file]", "a token file; of a refresh token, all that comes of it is revoked")
      .option("--token-id <id>", "a token by its id (jti)")
      .option("--family <id>", "all that comes of one refresh token")
      .option("--subject <name>", "everything that was issued to somebody until now")
      .option("--expires-at <time>", "when the token has ended, so that this may be forgotten then")
      .option("--reason <text>", "why, for the list and the audit log"),
  ).action(async (file: string | undefined, flags: Flags) => {
    const { revokeToken } = await import("./tokens.ts");
    await revokeToken(file, flags, terminal);
  });
  client(
    token.command("revocations").description("what is revoked, certificates too, the latest first")
      .option("--limit <number>", "at most this many"),
  ).action(async (flags: Flags) => {
    const { listRevocations } = await import("./tokens.ts");
    await listRevocations(flags, terminal);
  });
}

const RBAC_HELP = `
The policy is the cluster's: its first value is the file that
security.rbac.policy_file names, and from then on it is changed here.

  conductor rbac show --file policy.json
  conductor rbac test SubmitJob --role viewer --file policy.json
  conductor rbac set policy.json`;

/** Adds `rbac` with its subcommands. */
export function addRbacCommands(program: Command, terminal: Terminal, client: Adapt): void {
  const rbac = program.command("rbac").description("who may do what: see, try, change")
    .addHelpText("after", RBAC_HELP);
  client(
    rbac.command("show", { isDefault: true }).description("roles, and what methods ask for")
      .option("--file <file>", "write the policy there, to be changed"),
  ).action(async (flags: Flags) => {
    const { showPolicy } = await import("./rbac.ts");
    await showPolicy(flags, terminal);
  });
  client(
    rbac.command("test").description("whether a role may call a method, and why; exit 1 if not")
      .argument("<method>", "such as SubmitJob or /proto.MasterService/SubmitJob")
      .option("--role <role>", "whose; without it: your own (repeatable)", collect)
      .option("--file <file>", "by the policy in this file, not the cluster's"),
  ).action(async (method: string, flags: Flags) => {
    const { testPolicy } = await import("./rbac.ts");
    await testPolicy(method, flags, terminal);
  });
  client(
    rbac.command("set").description("make a file the cluster's policy")
      .argument("<file>", "roles and policies, in JSON; - for stdin")
      .option("--revision <number>", "that the file was made from (default: the present one)"),
  ).action(async (file: string, flags: Flags) => {
    const { setPolicy } = await import("./rbac.ts");
    await setPolicy(file, flags, terminal);
  });
}
