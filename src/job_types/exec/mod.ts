/**
 * `exec`: a command of the worker's host. Off unless the worker allows it by name; never through a shell.
 *
 * @module
 */

import { defineJobType, type TypeLimit } from "../contract.ts";
import {
  ARGUMENT_BYTES_MAX,
  type ExecPayload,
  execPayload,
  execResult,
  OUTPUT_BYTES_MAX,
} from "./payload.ts";
import type { Programs } from "./programs.ts";
import { runCommand } from "./run.ts";

export { type Programs, ProgramsError, readPrograms } from "./programs.ts";

/** The name of the type, which no custom one may have. */
export const EXEC = "exec";

const LIMITS: readonly TypeLimit[] = [
  {
    name: "commands",
    key: "worker.exec_commands",
    meaning: "Others cannot be started, and without any the type is not offered.",
  },
  {
    name: "arguments",
    value: `${ARGUMENT_BYTES_MAX / 1024} KiB`,
    meaning: "All of them together.",
  },
  {
    name: "output",
    value: `${OUTPUT_BYTES_MAX / 1024 / 1024} MiB`,
    meaning: "Most that output_bytes_max may ask for; what is beyond is left out in the middle.",
  },
  {
    name: "result",
    key: "jobs.result_bytes_max",
    meaning: "Ask for less output, or write files elsewhere: a longer result fails for good.",
  },
  {
    name: "memory",
    key: "worker.executor_memory",
    meaning: "Of the command and all that it starts; beyond, all are ended and the attempt fails.",
  },
  {
    name: "processes",
    key: "worker.executor_processes",
    meaning: "That live at once; beyond, all are ended and the attempt fails.",
  },
  {
    name: "disk",
    key: "worker.executor_disk",
    meaning: "Files in the attempt's directory, which is where the command starts.",
  },
];

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
    resultSchema: execResult,
    limits: LIMITS,
    example: { command: Object.keys(programs)[0] ?? "report", args: ["--month", "2026-01"] },
    examples: [{
      title: "feeds a command, and takes two exit codes for success",
      payload: {
        command: Object.keys(programs)[0] ?? "grep",
        args: ["-c", "error"],
        stdin: "one error\nand another error\n",
        exit_codes: [0, 1],
        timeout: "10s",
      },
    }],
    run: (payload, context) => runCommand(programs, payload, context, inherited),
  });
}
