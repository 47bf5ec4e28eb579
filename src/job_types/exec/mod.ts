/**
 * `exec`: a command of the worker's host. Off unless the worker allows it by name; never through a shell.
 *
 * @module
 */

import { defineJobType } from "../contract.ts";
import { type ExecPayload, execPayload } from "./payload.ts";
import type { Programs } from "./programs.ts";
import { runCommand } from "./run.ts";

export { type Programs, ProgramsError, readPrograms } from "./programs.ts";

/** The name of the type, which no custom one may have. */
export const EXEC = "exec";

/**
 * The type for those commands.
 *
 * @param inherited variables that each command gets, whatever the payload says.
 */
export function execType(programs: Programs, inherited: Readonly<Record<string, string>> = {}) {
  return defineJobType<ExecPayload>({
    name: EXEC,
    summary: "Runs a command that the worker allows by name, without a shell.",
    isolation: "process",
    payloadSchema: execPayload(programs),
    example: { command: Object.keys(programs)[0] ?? "report", args: ["--month", "2026-01"] },
    run: (payload, context) => runCommand(programs, payload, context, inherited),
  });
}
