/**
 * Runs each attempt in a process of its own, so that a crash, a runaway loop or memory without end
 * takes only that attempt down. A process that ended its attempt well is kept for the next one.
 *
 * @module
 */

import type {
  AttemptEnd,
  AttemptEnvironment,
  AttemptListener,
  AttemptTask,
  Executor,
} from "./attempt.ts";
import { FRAME_BYTES_MAX, type FromExecutor, type ToExecutor } from "./executor_protocol.ts";
import { encodeFrame, readFrames } from "./frames.ts";
import { watchMemory } from "./resident_memory.ts";

/** How executor processes are started. */
export interface ProcessExecutorOptions {
  /** Program and arguments that lead to `serveExecutor`. */
  readonly command: readonly string[];
  readonly environment: AttemptEnvironment;
  /** Modules with custom job types. */
  readonly handlerPaths: readonly string[];
  /** JavaScript heap of one process, in MiB. */
  readonly heapMebibytesMax: number;
  /** All memory of one process, in MiB; watched on Linux. */
  readonly memoryMebibytesMax: number;
  /** Idle processes kept ready. */
  readonly idleMax: number;
}

/** Attempts after which a process is replaced, so that leaks in foreign code stay small. */
const ATTEMPTS_PER_PROCESS_MAX = 1_000;
/** Lines of a dying process's stderr that are quoted. */
const STDERR_LINES_KEPT = 5;

export class ProcessExecutor implements Executor {
  readonly #options: ProcessExecutorOptions;
  readonly #idle: ExecutorProcess[] = [];
  readonly #all = new Set<ExecutorProcess>();
  #isClosed = false;

  constructor(options: ProcessExecutorOptions) {
    this.#options = options;
  }

  async run(
    task: AttemptTask,
    listener: AttemptListener,
    signal: AbortSignal,
  ): Promise<AttemptEnd> {
    let process: ExecutorProcess;
    try {
      if (this.#isClosed) throw new Error("the worker is shutting down");
      process = this.#idle.pop() ?? this.#start();
    } catch (failure) {
      const error = `an executor process could not be started: ${(failure as Error).message}`;
      return { ok: false, error, permanent: false };
    }
    const kill = () => process.kill();
    signal.addEventListener("abort", kill, { once: true });
    try {
      if (signal.aborted) kill();
      const end = await process.run(task, listener);
      if (signal.aborted) return endOfAborted(signal);
      this.#giveBack(process);
      return end;
    } catch (failure) {
      process.kill();
      if (signal.aborted) return endOfAborted(signal);
      return { ok: false, error: (failure as Error).message, permanent: false };
    } finally {
      signal.removeEventListener("abort", kill);
      // A directory that stays behind changes nothing about how the attempt ended.
      await removeIfThere(task.tempDir).catch((failure) =>
        listener.log(`cannot remove ${task.tempDir}: ${String(failure)}`)
      );
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    for (const process of this.#all) process.kill();
    await Promise.all([...this.#all].map((process) => process.ended));
  }

  #start(): ExecutorProcess {
    const process = new ExecutorProcess(this.#options);
    this.#all.add(process);
    process.ended.then(() => {
      this.#all.delete(process);
      const position = this.#idle.indexOf(process);
      if (position >= 0) this.#idle.splice(position, 1);
    });
    return process;
  }

  #giveBack(process: ExecutorProcess): void {
    const isWorn = process.attempts >= ATTEMPTS_PER_PROCESS_MAX;
    if (this.#isClosed || isWorn || this.#idle.length >= this.#options.idleMax) process.kill();
    else this.#idle.push(process);
  }
}

function endOfAborted(signal: AbortSignal): AttemptEnd {
  const reason: unknown = signal.reason;
  return {
    ok: false,
    error: reason instanceof Error ? reason.message : String(reason),
    permanent: false,
  };
}

async function removeIfThere(directory: string): Promise<void> {
  try {
    await Deno.remove(directory, { recursive: true });
  } catch (failure) {
    if (!(failure instanceof Deno.errors.NotFound)) throw failure;
  }
}

class ExecutorProcess {
  /** Settles when the process is gone. */
  readonly ended: Promise<void>;
  attempts = 0;
  readonly #child: Deno.ChildProcess;
  readonly #stdin: WritableStreamDefaultWriter<Uint8Array>;
  readonly #stderr: Promise<string>;
  readonly #ready: Promise<void>;
  /** Why it was killed, if by our own decision. */
  #verdict = "";
  #listener: AttemptListener | undefined;
  #settle: { resolve(end: AttemptEnd): void; reject(failure: Error): void } | undefined;

  constructor(options: ProcessExecutorOptions) {
    const [program, ...args] = options.command;
    if (program === undefined) throw new Error("the executor command is empty");
    this.#child = new Deno.Command(program, {
      args,
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
      clearEnv: true,
      env: {
        ...inheritedEnvironment(),
        DENO_NO_UPDATE_CHECK: "1",
        DENO_V8_FLAGS: `--max-old-space-size=${options.heapMebibytesMax}`,
      },
    }).spawn();
    this.#stdin = this.#child.stdin.getWriter();
    this.#stderr = lastLines(this.#child.stderr);
    const ready = Promise.withResolvers<void>();
    this.#ready = ready.promise;
    this.#ready.catch(() => {}); // whoever runs an attempt awaits it and is told
    const unwatch = watchMemory(this.#child.pid, options.memoryMebibytesMax, (excess) => {
      this.#verdict = excess;
      this.kill();
    });
    this.ended = this.#read(ready).finally(unwatch);
    this.#send({
      kind: "setup",
      environment: options.environment,
      handlerPaths: options.handlerPaths,
    }).catch(ready.reject);
  }

  async run(task: AttemptTask, listener: AttemptListener): Promise<AttemptEnd> {
    this.attempts++;
    await this.#ready;
    const ended = Promise.withResolvers<AttemptEnd>();
    this.#settle = ended;
    this.#listener = listener;
    try {
      await Promise.race([this.#send({ kind: "run", task }), ended.promise]);
      return await ended.promise;
    } finally {
      this.#settle = undefined;
      this.#listener = undefined;
    }
  }

  kill(): void {
    try {
      this.#child.kill("SIGKILL");
    } catch (failure) {
      const isGone = failure instanceof Deno.errors.NotFound || failure instanceof TypeError;
      if (!isGone) throw failure;
    }
  }

  async #send(order: ToExecutor): Promise<void> {
    await this.#stdin.write(encodeFrame(order));
  }

  /** Reads the process to its end, then says how it died to whoever still waits for it. */
  async #read(ready: PromiseWithResolvers<void>): Promise<void> {
    let broken: unknown;
    try {
      for await (const message of readFrames(this.#child.stdout, FRAME_BYTES_MAX)) {
        this.#take(message as FromExecutor, ready);
      }
    } catch (failure) {
      broken = failure;
      this.kill();
    }
    const status = await this.#child.status;
    await this.#stdin.close().catch(() => {}); // the pipe broke with the process
    const death = new Error(await this.#deathOf(status, broken));
    ready.reject(death);
    this.#settle?.reject(death);
  }

  #take(message: FromExecutor, ready: PromiseWithResolvers<void>): void {
    switch (message.kind) {
      case "ready":
        return ready.resolve();
      case "setup_failed":
        return ready.reject(new Error(message.error));
      case "progress":
        return this.#listener?.progress(message.fraction, message.message);
      case "log":
        return this.#listener?.log(message.line);
      case "ask_parent":
        return this.#askParent(message.jobId);
      case "end":
        return this.#settle?.resolve(message.end);
    }
  }

  /** A process that is gone meanwhile needs no answer. */
  #askParent(jobId: string): void {
    const asked = this.#listener?.parentResult(jobId) ?? Promise.reject(new Error("it has ended"));
    asked.then(
      (result) => this.#send({ kind: "parent", jobId, result }),
      (failure) => this.#send({ kind: "parent", jobId, error: (failure as Error).message }),
    ).catch(() => {});
  }

  async #deathOf(status: Deno.CommandStatus, broken: unknown): Promise<string> {
    if (this.#verdict !== "") return `the executor process was ended: ${this.#verdict}`;
    const how = status.signal === null
      ? `exited with code ${status.code}`
      : `was ended by ${status.signal}`;
    const why = broken instanceof Error ? `; its output could not be read: ${broken.message}` : "";
    const said = await this.#stderr;
    return `the executor process ${how}${why}${said === "" ? "" : `; it said: ${said}`}`;
  }
}

/** A job sees where things are, and none of the worker's secrets. */
function inheritedEnvironment(): Record<string, string> {
  const names = ["PATH", "HOME", "TMPDIR", "TEMP", "SystemRoot", "LANG", "TZ", "DENO_DIR"];
  const found = names.map((name) => [name, Deno.env.get(name)] as const);
  return Object.fromEntries(
    found.filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
}

async function lastLines(stream: ReadableStream<Uint8Array>): Promise<string> {
  let kept = "";
  const decoder = new TextDecoder();
  for await (const chunk of stream) {
    kept = (kept + decoder.decode(chunk, { stream: true })).slice(-4096);
  }
  return kept.trim().split("\n").slice(-STDERR_LINES_KEPT).join("\n");
}
