/**
 * What a job of type `exec` is told, and what it hands back.
 *
 * @module
 */

import { z } from "zod";
import { parseDuration } from "../duration.ts";
import { recordOf } from "../record_of.ts";
import type { Programs } from "./programs.ts";

/** Bytes of each of stdout and stderr that are kept when a payload says nothing. */
const OUTPUT_BYTES_DEFAULT = 64 * 1024;
/** Most that a payload may ask for, of each. */
export const OUTPUT_BYTES_MAX = 8 * 1024 * 1024;
/** All arguments together: what Linux takes for one, so that it is never the system that refuses. */
export const ARGUMENT_BYTES_MAX = 128 * 1024;
const ENTRIES_MAX = 1_000;
/** A timer of the runtime for longer fires at once. */
const TIMEOUT_MS_MAX = 2 ** 31 - 1;

const plain = z.string().refine((text) => !text.includes("\0"), "it must not hold a NUL character");

const timeout = z.union([z.string(), z.number()]).transform((written, context) => {
  try {
    return parseDuration(written);
  } catch (error) {
    context.addIssue({ code: "custom", message: (error as Error).message });
    return z.NEVER;
  }
}).refine((ms) => ms > 0 && ms <= TIMEOUT_MS_MAX, "it must be more than 0 and at most 24 days");

const exitCodes = z.array(z.number().int().min(0).max(255)).max(256);

/**
 * Variables by which what is started could be made to run other code than its own: a shell that reads
 * `BASH_ENV` first, or a Python that goes on with its stdin for `PYTHONINSPECT`, would turn the one
 * program that a worker allows into any. Others than the usual ones there will always be: who allows a
 * program that heeds such names it has set, or cleared, by `env` in the worker's own first arguments.
 */
const CODE_LOADING = new RegExp(
  `^(?:${
    [
      // The dynamic loader, the C library, the cryptographic one.
      "LD_.*|DYLD_.*|GCONV_PATH|LOCPATH|OPENSSL_(?:CONF|ENGINES|MODULES)",
      // Shells.
      "BASH_(?:ENV|LOADABLES_PATH)|ENV|SHELLOPTS|BASHOPTS|PS4|IFS|ZDOTDIR|FPATH",
      "PYTHON_?(?:PATH|HOME|STARTUP|INSPECT|BREAKPOINT|USERBASE|WARNINGS|PLATLIBDIR|PYCACHEPREFIX|PRESITE)",
      "PERL5?(?:OPT|LIB|DB)|PERLLIB|RUBY(?:OPT|LIB)|GEM_(?:HOME|PATH)|BUNDLE_GEMFILE",
      "NODE_(?:OPTIONS|PATH)|BUN_OPTIONS|_?JAVA_(?:TOOL_)?OPTIONS|JDK_JAVA_OPTIONS|CLASSPATH",
      "PHPRC|PHP_INI_SCAN_DIR|LUA_(?:INIT|C?PATH).*|R_(?:HOME|PROFILE.*|ENVIRON.*|LIBS.*)|JULIA_.*",
      // Programs that others start.
      "GIT_(?!AUTHOR_|COMMITTER_).*|(?:MAN|.*_)?PAGER|(?:.*_)?(?:EDITOR|ASKPASS)|VISUAL|BROWSER|LESSOPEN|LESSCLOSE",
      "MAGICK_.*_PATH|CONDUCTOR_.*",
    ].join("|")
  })$`,
);

const environment = recordOf(z.string(), plain).superRefine((variables, context) => {
  const names = Object.keys(variables);
  if (names.length > ENTRIES_MAX) {
    context.addIssue({ code: "custom", message: `it must have at most ${ENTRIES_MAX} variables` });
  }
  const bad = names.find((name) =>
    !/^[A-Za-z_][A-Za-z0-9_]*$/.test(name) || CODE_LOADING.test(name)
  );
  if (bad !== undefined) {
    context.addIssue({
      code: "custom",
      message: `the variable ${JSON.stringify(bad)} may not be set`,
    });
  }
});

/** As the command is given it, in UTF-8. */
function bytesOf(text: string): number {
  return new TextEncoder().encode(text).length;
}

/** Names those commands that this worker has; without any, for documentation, whatever name. */
export function execPayload(programs: Programs) {
  const names = Object.keys(programs);
  const command = names.length === 0 ? z.string().min(1) : z.enum(names as [string, ...string[]]);
  return z.strictObject({
    command: command.describe(
      "the name of a command that the worker allows with worker.exec_commands (--allow-exec)",
    ),
    args: z.array(plain).max(ENTRIES_MAX).default([]).refine(
      (args) => args.reduce((sum, arg) => sum + bytesOf(arg) + 1, 0) <= ARGUMENT_BYTES_MAX,
      `all arguments together may have ${ARGUMENT_BYTES_MAX} bytes`,
    ).describe("arguments, after those that the worker gives; no shell reads them"),
    stdin: z.union([
      z.string(),
      z.strictObject({ base64: z.base64().describe("its bytes") }),
      z.strictObject({
        parent: z.union([z.string().min(1), z.literal(true)]).describe("a job's id, or true"),
      }),
    ]).optional().describe(
      'text, or {"base64": "…"}, or {"parent": "JOB_ID"} for the result of a job that this one ' +
        'depends on ({"parent": true} if there is one only); left out: nothing to read',
    ),
    env: environment.default({}).describe(
      "variables, beside PATH, HOME, TMPDIR, LANG, CONDUCTOR_JOB_ID and CONDUCTOR_ATTEMPT; none by which " +
        "shells and interpreters run other code (BASH_ENV, PYTHONPATH, NODE_OPTIONS and such)",
    ),
    timeout: timeout.optional().describe(
      'longest run, such as "30s", beside the job\'s own timeout; then the attempt fails',
    ),
    exit_codes: exitCodes.min(1).default([0]).describe("exit codes that complete the job"),
    permanent_exit_codes: exitCodes.default([]).describe(
      "exit codes after which the job is not tried again",
    ),
    output: z.enum(["text", "base64"]).default("text").describe(
      "how stdout and stderr are given back; text replaces what is no UTF-8",
    ),
    output_bytes_max: z.number().int().min(0).max(OUTPUT_BYTES_MAX).default(OUTPUT_BYTES_DEFAULT)
      .describe("bytes that are kept of each of stdout and stderr: the first and the last half"),
    log: z.enum(["none", "stdout", "stderr", "both"]).default("none").describe(
      "whose lines go to the job's log while the command runs",
    ),
  });
}

export type ExecPayload = z.output<ReturnType<typeof execPayload>>;

/** What a command left. */
export const execResult = z.strictObject({
  command: z.string().describe("the command's name"),
  exit_code: z.number().describe("one of exit_codes"),
  stdout: z.string().describe("what it printed there, as far as it is kept"),
  stderr: z.string().describe("the same of stderr"),
  stdout_bytes: z.number().describe("all that it printed there, kept or not"),
  stderr_bytes: z.number().describe("all that it printed there"),
  truncated: z.boolean().describe("something of stdout or stderr is not kept"),
  duration_ms: z.number().describe("from its start to its end"),
});
