/**
 * One command, from its start to its end: fed, listened to, told to stop, and waited for.
 *
 * @module
 */

import { type JobContext, PermanentJobError } from "../contract.ts";
import { type KeptOutput, OutputReader } from "./output.ts";
import type { ExecPayload } from "./payload.ts";
import type { Programs } from "./programs.ts";

/** Its end, before it is judged. */
interface CommandEnd {
  readonly status: Deno.CommandStatus;
  readonly stdout: KeptOutput;
  readonly stderr: KeptOutput;
  readonly durationMs: number;
}

/** Time for a command to end by itself after SIGTERM when its own timeout is over, in ms. */
const TERM_GRACE_MS = 1_000;
/** When a command has ended, others may still have its output open; they are not waited for, in ms. */
const OUTPUT_WAIT_MS = 300;
/** Lines of stderr that a failure quotes, and how long they may be. */
const LINES_QUOTED = 5;
const CHARACTERS_QUOTED = 1_000;

/**
 * Runs the command of a payload.
 *
 * @param inherited variables for the command beside those of the payload.
 * @throws {PermanentJobError} for an exit code that is final, or a command that cannot be started.
 */
export async function runCommand(
  programs: Programs,
  payload: ExecPayload,
  context: JobContext,
  inherited: Readonly<Record<string, string>>,
): Promise<unknown> {
  const { command } = payload;
  const program = programs[command];
  if (program === undefined) {
    throw new PermanentJobError(`this worker allows no command named ${JSON.stringify(command)}`);
  }
  const stdin = await stdinOf(payload, context);
  const deadline = new AbortController();
  const timer = payload.timeout === undefined ? undefined : setTimeout(
    () => {
      const late = `the command took longer than its timeout of ${payload.timeout} ms`;
      deadline.abort(new Error(late));
    },
    payload.timeout,
  );
  try {
    const signal = AbortSignal.any([context.signal, deadline.signal]);
    signal.throwIfAborted();
    const child = start(program, payload, context, inherited);
    const end = await context.span(
      "run",
      () => attended(child, stdin, payload, context, signal),
      { command },
    );
    // A command that ended well in spite of being told to stop has done its work.
    if (signal.aborted && !payload.exit_codes.includes(end.status.code)) throw signal.reason;
    return judged(payload, end);
  } finally {
    clearTimeout(timer);
  }
}

async function stdinOf(
  { stdin }: ExecPayload,
  context: JobContext,
): Promise<Uint8Array<ArrayBuffer> | undefined> {
  if (stdin === undefined) return undefined;
  if (typeof stdin === "string") return new TextEncoder().encode(stdin);
  if ("base64" in stdin) return Uint8Array.fromBase64(stdin.base64);
  const { parents } = context;
  if (stdin.parent === true && parents.length !== 1) {
    throw new PermanentJobError(
      `stdin is the result of the one job that this depends on, but there are ${parents.length}; ` +
        'name one with {"parent": "JOB_ID"}',
    );
  }
  const jobId = stdin.parent === true ? parents[0]!.jobId : stdin.parent;
  const { output } = await context.parentResult(jobId);
  return new Uint8Array(output);
}

function start(
  [program, ...fixed]: readonly [string, ...string[]],
  payload: ExecPayload,
  context: JobContext,
  inherited: Readonly<Record<string, string>>,
): Deno.ChildProcess {
  const { tempDir } = context;
  try {
    return new Deno.Command(program, {
      args: [...fixed, ...payload.args],
      cwd: tempDir,
      clearEnv: true,
      env: {
        PATH: "/usr/local/bin:/usr/bin:/bin",
        HOME: tempDir,
        TMPDIR: tempDir,
        LANG: "C.UTF-8",
        ...payload.env,
        ...inherited,
        CONDUCTOR_JOB_ID: context.jobId,
        CONDUCTOR_ATTEMPT: String(context.attempt),
      },
      stdin: payload.stdin === undefined ? "null" : "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
  } catch (cause) {
    const error = `the command ${payload.command} cannot be started`;
    // Without room for one more process it may do another time.
    const isFinal = cause instanceof Deno.errors.NotFound ||
      cause instanceof Deno.errors.PermissionDenied || cause instanceof Deno.errors.NotCapable ||
      isTooLong(cause);
    throw isFinal ? new PermanentJobError(error, { cause }) : new Error(error, { cause });
  }
}

/** Arguments and variables, which the system bounds one by one and all together. */
function isTooLong(cause: unknown): boolean {
  return cause instanceof Error && "code" in cause && cause.code === "E2BIG";
}

async function attended(
  child: Deno.ChildProcess,
  stdin: Uint8Array<ArrayBuffer> | undefined,
  payload: ExecPayload,
  context: JobContext,
  signal: AbortSignal,
): Promise<CommandEnd> {
  const startedMs = performance.now();
  const logged = (name: "stdout" | "stderr") =>
    payload.log === name || payload.log === "both"
      ? (line: string) => context.log(line)
      : undefined;
  const stdout = new OutputReader(payload.output_bytes_max, logged("stdout"));
  const stderr = new OutputReader(payload.output_bytes_max, logged("stderr"));
  const read = Promise.all([stdout.read(child.stdout), stderr.read(child.stderr)]);
  const fed = stdin === undefined ? undefined : feed(child.stdin, stdin);
  const release = endWhenAborted(child, signal);
  try {
    const status = await child.status;
    const durationMs = Math.round(performance.now() - startedMs);
    const late = setTimeout(() => {
      stdout.close();
      stderr.close();
    }, OUTPUT_WAIT_MS);
    await Promise.all([read, fed]);
    clearTimeout(late);
    return { status, stdout: stdout.kept, stderr: stderr.kept, durationMs };
  } finally {
    release();
  }
}

/** A command need not read all that it is given. */
async function feed(
  stdin: WritableStream<Uint8Array<ArrayBuffer>>,
  bytes: Uint8Array<ArrayBuffer>,
): Promise<void> {
  const writer = stdin.getWriter();
  try {
    await writer.write(bytes);
    await writer.close();
  } catch {
    // It closed its stdin, or has ended: its exit code says whether that was well.
  }
}

/** Asks the command to end, and makes it end when it does not. Returns how to let go. */
function endWhenAborted(child: Deno.ChildProcess, signal: AbortSignal): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const aborted = () => {
    send(child, "SIGTERM");
    timer = setTimeout(() => send(child, "SIGKILL"), TERM_GRACE_MS);
  };
  signal.addEventListener("abort", aborted, { once: true });
  if (signal.aborted) aborted();
  return () => {
    clearTimeout(timer);
    signal.removeEventListener("abort", aborted);
  };
}

function send(child: Deno.ChildProcess, signal: Deno.Signal): void {
  try {
    child.kill(signal);
  } catch (failure) {
    if (!(failure instanceof TypeError)) throw failure; // it has ended
  }
}

function judged(payload: ExecPayload, { status, stdout, stderr, durationMs }: CommandEnd): unknown {
  if (!payload.exit_codes.includes(status.code) || status.signal !== null) {
    const how = status.signal === null
      ? `exited with code ${status.code}`
      : `was ended by ${status.signal}`;
    const said = lastLines(stderr.bytes);
    const error = `the command ${payload.command} ${how}${said === "" ? "" : `; it said: ${said}`}`;
    const isFinal = status.signal === null && payload.permanent_exit_codes.includes(status.code);
    throw isFinal ? new PermanentJobError(error) : new Error(error);
  }
  const written = (bytes: Uint8Array) =>
    payload.output === "base64" ? bytes.toBase64() : new TextDecoder().decode(bytes);
  return {
    command: payload.command,
    exit_code: status.code,
    stdout: written(stdout.bytes),
    stderr: written(stderr.bytes),
    stdout_bytes: stdout.bytesTotal,
    stderr_bytes: stderr.bytesTotal,
    truncated: stdout.isTruncated || stderr.isTruncated,
    duration_ms: durationMs,
  };
}

function lastLines(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes).trim().split("\n").slice(-LINES_QUOTED).join("\n")
    .slice(-CHARACTERS_QUOTED);
}
