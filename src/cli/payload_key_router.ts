/**
 * The flags of `conductor payload-key`.
 *
 * @module
 */

import type { Command } from "commander";
import { withOutput } from "./options.ts";
import type { Flags } from "./router.ts";
import type { Terminal } from "./terminal.ts";

const PAYLOAD_KEY_HELP = `
With such a key, \`submit\`, \`batch submit\` and \`schedule add\` encrypt payloads,
workers decrypt them and encrypt what jobs leave and say, and \`status\`,
\`result\`, \`logs\` and the like decrypt that. Masters have no key and see no clear
text. Give it as --payload-key-file FILE, or in the environment as
CONDUCTOR_PAYLOAD_KEY_FILE or CONDUCTOR_PAYLOAD_KEY, to clients and workers.

  conductor payload-key new payload.key      a key, which nobody else may read
  conductor payload-key rotate payload.key   one more, which encrypts now
  conductor payload-key show payload.key     by which names jobs tell their keys`;

/** Adds `payload-key` with its subcommands. */
export function addPayloadKeyCommands(program: Command, terminal: Terminal): void {
  const group = program.command("payload-key")
    .description("keys that encrypt payloads between clients and workers")
    .addHelpText("after", PAYLOAD_KEY_HELP);
  withOutput(
    group.command("new").description("make a key; prints its id, or without a file the key")
      .argument("[file]", "where it goes; there must be no such file"),
  ).action(async (file: string | undefined, flags: Flags) => {
    const { newPayloadKey } = await import("./payload_key_files.ts");
    await newPayloadKey(file, flags, terminal);
  });
  withOutput(
    group.command("rotate").description("put a new key in front of those of a file")
      .argument("<file>", "the file"),
  ).action(async (file: string, flags: Flags) => {
    const { rotatePayloadKey } = await import("./payload_key_files.ts");
    await rotatePayloadKey(file, flags, terminal);
  });
  withOutput(
    group.command("show", { isDefault: true }).description(
      "the ids of the keys, the one that encrypts first",
    )
      .argument("[file]", "a file with keys; without it: those that the environment names"),
  ).action(async (file: string | undefined, flags: Flags) => {
    const { showPayloadKeys } = await import("./payload_key_files.ts");
    await showPayloadKeys(file, flags, terminal);
  });
}
