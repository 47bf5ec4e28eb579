/**
 * The flags of `conductor audit`.
 *
 * @module
 */

import type { Command } from "commander";
import { withOutput } from "./options.ts";
import type { Flags } from "./router.ts";
import type { Terminal } from "./terminal.ts";

const AUDIT_HELP = `
A log is checked together with the files that were moved aside when it was full
(FILE.1, FILE.2, ...) and with FILE.head, which says how far it went. Exit
codes: 0 whole, 1 not whole, 2 it cannot be read.

  conductor audit verify /var/log/conductor/audit.log
  conductor audit verify audit.log --expect 5c1f...
      with the hash that an earlier check printed`;

/** Adds `audit` with its subcommand. */
export function addAuditCommands(program: Command, terminal: Terminal): void {
  const audit = program.command("audit").description("the log of who did, or was refused, what");
  withOutput(
    audit.command("verify", { isDefault: true })
      .description("find lines that were edited, removed, inserted or cut off")
      .argument("<file...>", "audit logs, as log.audit_output names them")
      .option("--expect <hash>", "of a line that must be in the log"),
  )
    .addHelpText("after", AUDIT_HELP)
    .action(async (files: string[], flags: Flags) => {
      const { verifyAudit } = await import("./audit.ts");
      await verifyAudit(files, flags, terminal);
    });
}
