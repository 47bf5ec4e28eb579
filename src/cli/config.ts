/**
 * `conductor config show`.
 *
 * @module
 */

import { describeFault, examineConfig, renderConfig, type Role } from "../config/mod.ts";
import { formatOf, tell } from "./answer.ts";
import { flagsFrom } from "./config_flags.ts";
import { NegativeAnswer } from "./failure.ts";
import type { Flags } from "./router.ts";
import { cut } from "./table.ts";
import type { Terminal } from "./terminal.ts";

/**
 * Prints the effective configuration, and on stderr what is wrong with it.
 *
 * @throws NegativeAnswer when a node of that role would refuse it.
 */
export function showConfig(flags: Flags, terminal: Terminal): void {
  const role = flags.role as Role;
  const examined = examineConfig({
    flags: flagsFrom(flags, "master"),
    env: Deno.env.toObject(),
    readTextFile: (path) => Deno.readTextFileSync(path),
    role,
  });
  // As YAML it is a file that a node can be started with, its sources in comments.
  if (formatOf(flags) === "yaml") terminal.out.write(renderConfig(examined, "yaml"));
  else {
    tell(flags, terminal, {
      json: JSON.parse(renderConfig(examined, "json")),
      text: ({ columns }) => {
        const lines = renderConfig(examined, "table").trimEnd().split("\n");
        return lines.map((line) => `${cut(line, columns)}\n`).join("");
      },
    });
  }
  for (const warning of examined.warnings) terminal.err.write(`conductor: ${warning}\n`);
  if (examined.faults.length === 0) return;
  throw new NegativeAnswer(
    [`a ${role} would refuse this configuration:`, ...examined.faults.map(describeFault)]
      .join("\n  "),
  );
}
