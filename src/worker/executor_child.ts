/**
 * One executor process, as its worker sees it: started, given attempts one at a time, told to stop, and
 * ended with all that it started.
 *
 * @module
 */

import { PermanentJobError } from "../job_types/light.ts";
import type { AttemptEnd, AttemptListener, AttemptTask, ExecutorFault } from "./attempt.ts";
import {
  checkedNews,
  type ExecutorSetup,
  type FromExecutor,
  NEWS_BYTES_MAX,
  type ToExecutor,
} from "./executor_protocol.ts";
import { type AttemptBounds, AttemptWatch, type Excess } from "./executor_watch.ts";
import { encodeFrame, readFrames } from "./frames.ts";
import { descendantsOf, isAlive } from "./process_table.ts";
import { endLeftovers, endTree, MARK_VARIABLE, ownBytesOf } from "./process_tree.ts";
import { TextTail } from "./text_tail.ts";

/** How an executor process is started, and what bounds it. */
export interface ExecutorChildOptions {
  /** Program and arguments that lead to `serveExecutor`. */
  readonly command: readonly string[];
  readonly setup: ExecutorSetup;
  readonly bounds: AttemptBounds;
  /** JavaScript heap, in MiB. */
  readonly heapMebibytesMax: number;
  /** The worker's own flags of V8, as DENO_V8_FLAGS has them; left out: none. */
  readonly v8Flags?: string;
  /** Whether its permissions let it start processes. */
  readonly startsProcesses: boolean;
  /** Time for an attempt that was told to stop, in ms. */
  readonly killGraceMs: number;
  /** Begins the marks of this worker's executor processes. */
  readonly markPrefix: string;
  /** Told which bounds the system refuses to such processes. */
  readonly onRefused?: (bounds: readonly string[]) => void;
  /** Told of what an attempt left behind, and that failed when it had ended. */
  readonly onOrphan?: (orphan: Orphan) => void;
}

/** A promise of an attempt that has ended, which was rejected, or a timer of it that threw. */
export interface Orphan {
  readonly jobType: string;
  readonly jobId: string;
  readonly error: string;
}

/** The process ended before its attempt did. */
export class ExecutorDeath extends Error {
  override name = "ExecutorDeath";
  readonly fault: ExecutorFault;

  constructor(message: string, fault: ExecutorFault) {
    super(message);
    this.fault = fault;
  }
}

/** Of the memory that an attempt may take, what its process may keep for the next one. */
const KEPT_SHARE = 1 / 4;
/** With less it is kept whatever the bound: the program itself and its libraries take some 150 MiB. */
const KEPT_MEBIBYTES_MIN = 256;
/** Bytes of a process's stderr that are kept for the message about its death. */
const STDERR_BYTES_KEPT = 4_096;
/** What a dead process printed last is there by then, in ms. */
const STDERR_WAIT_MS = 500;
/** Of two processes one of which shall die for want of memory, the system takes the executor. */
const OOM_SCORE = "500";

export class ExecutorChild {
  /** Settles when the process is gone. */
  readonly ended: Promise<void>;
  attempts = 0;
  /** Something of an attempt that has ended still goes on in it: it is to have no further one. */
  isHaunted = false;
  readonly #options: ExecutorChildOptions;
  readonly #child: Deno.ChildProcess;
  readonly #mark: string;
  readonly #stdin: WritableStreamDefaultWriter<Uint8Array>;
  readonly #stderr = new TextTail(STDERR_BYTES_KEPT);
  readonly #ready: Promise<void>;
  #excess: Excess | undefined;
  #isEnded = false;
  #wasEndedWithAll = false;
  #watch: AttemptWatch | undefined;
  #listener: AttemptListener | undefined;
  #settle: { resolve(end: AttemptEnd): void; reject(failure: Error): void } | undefined;

  constructor(options: ExecutorChildOptions) {
    this.#options = options;
    this.#mark = `${options.markPrefix}${crypto.randomUUID()}`;
    this.#child = spawn(options, this.#mark);
    this.#stdin = this.#child.stdin.getWriter();
    const ready = Promise.withResolvers<void>();
    this.#ready = ready.promise;
    this.#ready.catch(() => {}); // whoever runs an attempt awaits it and is told
    this.ended = this.#read(ready);
    this.#send({ kind: "setup", setup: options.setup, mark: this.#mark }).catch(ready.reject);
  }

  /**
   * Runs one attempt. When `signal` is aborted the attempt is told, and has its grace to end.
   *
   * @throws ExecutorDeath when the process ended first; another error when it could not be set up.
   */
  async run(
    task: AttemptTask,
    listener: AttemptListener,
    signal: AbortSignal,
  ): Promise<AttemptEnd> {
    this.attempts++;
    const stop = new StopOrder(signal, this.#options.killGraceMs, {
      tell: (reason) => this.#send({ kind: "stop", reason }).catch(() => this.kill()),
      kill: (graceMs) => {
        if (graceMs > 0) listener.log(`it did not stop within ${graceMs} ms, and was ended`);
        this.kill();
      },
    });
    const { startsProcesses, bounds } = this.#options;
    const watched = { pid: this.#child.pid, startsProcesses, directory: task.tempDir };
    const watch = this.#watch = new AttemptWatch(watched, bounds, (excess) => {
      this.#excess = excess;
      this.kill();
    });
    try {
      await this.#ready;
      const ended = Promise.withResolvers<AttemptEnd>();
      this.#settle = ended;
      this.#listener = listener;
      this.#stderr.clear();
      await Promise.race([this.#send({ kind: "run", task }), ended.promise]);
      stop.begin();
      return await ended.promise;
    } finally {
      stop.release();
      watch.stop();
      this.#settle = undefined;
      this.#listener = undefined;
    }
  }

  /** Lets it do ahead what takes long the first time that a job of these types runs. */
  prepare(jobTypes: readonly string[]): void {
    // A process that cannot be set up says so to the attempt that it is given.
    this.#ready.then(() => this.#send({ kind: "prepare", jobTypes })).catch(() => {});
  }

  /** Processes that the attempt has left, dead ones too if nobody took leave of them. */
  leftovers(): number {
    const looks = this.#options.startsProcesses && Deno.build.os === "linux";
    return looks ? descendantsOf(this.#child.pid).length : 0;
  }

  /**
   * Whether it has kept so much of what its attempts took (WebAssembly gives none back) that the next one
   * would be blamed for it, and an idle process would keep it from others.
   */
  isBloated(): boolean {
    const { memoryMebibytesMax } = this.#options.bounds;
    const keptMebibytesMax = Math.max(KEPT_MEBIBYTES_MIN, memoryMebibytesMax * KEPT_SHARE);
    return ownBytesOf(this.#child.pid) > keptMebibytesMax * 1024 * 1024;
  }

  /** Ends the process with all that it started. */
  kill(): void {
    if (this.#isEnded) return;
    // One that has died already has no descendants any more: they are to be looked for.
    this.#wasEndedWithAll ||= isAlive(this.#child.pid);
    endTree(this.#child.pid);
  }

  async #send(order: ToExecutor): Promise<void> {
    await this.#stdin.write(encodeFrame(order));
  }

  /** Reads the process to its end, then says how it died to whoever still waits for it. */
  async #read(ready: PromiseWithResolvers<void>): Promise<void> {
    const said = this.#stderr.fill(this.#child.stderr);
    let broken: unknown;
    try {
      const longest = this.#options.setup.environment.limits.resultBytesMax + NEWS_BYTES_MAX;
      for await (const message of readFrames(this.#child.stdout, longest)) {
        this.#take(checkedNews(message), ready);
      }
    } catch (failure) {
      broken = failure;
      this.kill();
    }
    const status = await this.#child.status;
    this.#isEnded = true;
    if (this.#options.startsProcesses && !this.#wasEndedWithAll) {
      endLeftovers({ mark: this.#mark, session: this.#child.pid, known: this.#watch?.descendants });
    }
    await this.#stdin.close().catch(() => {}); // the pipe broke with the process
    // Who has got away from us may hold it open for ever.
    const late = setTimeout(() => this.#stderr.close(), STDERR_WAIT_MS);
    await said;
    clearTimeout(late);
    const death = this.#deathOf(status, broken);
    ready.reject(death);
    this.#settle?.reject(death);
  }

  #take(message: FromExecutor, ready: PromiseWithResolvers<void>): void {
    switch (message.kind) {
      case "ready":
        if (message.refused.length > 0) this.#options.onRefused?.(message.refused);
        return ready.resolve();
      case "setup_failed":
        return ready.reject(new Error(message.error));
      case "progress":
        return this.#listener?.progress(message.fraction, message.message);
      case "log":
        if (message.skipped > 0) this.#listener?.skippedLog?.(message.skipped);
        return message.lines.forEach((line) => this.#listener?.log(line));
      case "span":
        return this.#listener?.span(message.told);
      case "ask_parent":
        return this.#askParent(message.jobId);
      case "orphan":
        // Once: whoever got hold of the channel shall not fill the worker's log.
        if (!this.isHaunted) this.#options.onOrphan?.(message);
        this.isHaunted = true;
        return;
      case "end":
        return this.#settle?.resolve(message.end);
    }
  }

  /** A process that is gone meanwhile needs no answer. */
  #askParent(jobId: string): void {
    const asked = this.#listener?.parentResult(jobId) ?? Promise.reject(new Error("it has ended"));
    asked.then(
      (result) => this.#send({ kind: "parent", jobId, result }),
      (failure) =>
        this.#send({
          kind: "parent",
          jobId,
          error: (failure as Error).message,
          permanent: failure instanceof PermanentJobError,
        }),
    ).catch(() => {});
  }

  #deathOf(status: Deno.CommandStatus, broken: unknown): ExecutorDeath {
    if (this.#excess !== undefined) {
      const { what, fault } = this.#excess;
      return new ExecutorDeath(`the executor process was ended: ${what}`, fault);
    }
    const said = this.#stderr.text;
    if (/^# Fatal JavaScript out of memory|JavaScript heap out of memory/m.test(said)) {
      const heap = this.#options.heapMebibytesMax;
      return new ExecutorDeath(
        `the executor process ran out of memory; its JavaScript heap may take ${heap} MiB`,
        "memory",
      );
    }
    const how = status.signal === null
      ? `exited with code ${status.code}`
      : `was ended by ${status.signal}`;
    const why = broken instanceof Error ? `; its output could not be read: ${broken.message}` : "";
    const quoted = said === "" ? "" : `; it said: ${said}`;
    return new ExecutorDeath(`the executor process ${how}${why}${quoted}`, "crashed");
  }
}

/** Tells an attempt to stop when its signal says so, and ends it when its grace is over. */
class StopOrder {
  readonly #signal: AbortSignal;
  readonly #graceMs: number;
  readonly #acts: { tell(reason: string): void; kill(graceMs: number): void };
  #timer: ReturnType<typeof setTimeout> | undefined;
  #hasBegun = false;

  constructor(
    signal: AbortSignal,
    graceMs: number,
    acts: { tell(reason: string): void; kill(graceMs: number): void },
  ) {
    this.#signal = signal;
    this.#graceMs = graceMs;
    this.#acts = acts;
    signal.addEventListener("abort", this.#aborted, { once: true });
    if (signal.aborted) this.#aborted();
  }

  /** The attempt can be told from now on. */
  begin(): void {
    this.#hasBegun = true;
  }

  release(): void {
    clearTimeout(this.#timer);
    this.#signal.removeEventListener("abort", this.#aborted);
  }

  readonly #aborted = () => {
    // Before it has begun there is nothing to put away.
    if (!this.#hasBegun || this.#graceMs === 0) return this.#acts.kill(0);
    const { reason } = this.#signal;
    this.#acts.tell(reason instanceof Error ? reason.message : String(reason));
    this.#timer = setTimeout(() => this.#acts.kill(this.#graceMs), this.#graceMs);
  };
}

function spawn(options: ExecutorChildOptions, mark: string): Deno.ChildProcess {
  const [program, ...args] = options.command;
  if (program === undefined) throw new Error("the executor command is empty");
  const child = new Deno.Command(program, {
    args,
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
    // In a session of its own: its group can be ended at once, and Ctrl-C at the worker's terminal is
    // the worker's business.
    detached: Deno.build.os !== "windows",
    clearEnv: true,
    env: {
      ...inheritedEnvironment(),
      [MARK_VARIABLE]: mark,
      DENO_NO_UPDATE_CHECK: "1",
      // Logs and messages are no terminal, which the runtime does not ask about its own errors.
      NO_COLOR: "1",
      DENO_V8_FLAGS: v8Flags(options),
    },
  }).spawn();
  preferForOom(child.pid);
  return child;
}

/**
 * The worker's flags and the limit. Code that was cached under other flags is of no use to the runtime, which
 * would compile it all anew, and write it over what is cached: the worker's next start would pay as well.
 */
function v8Flags({ v8Flags: own = "", heapMebibytesMax }: ExecutorChildOptions): string {
  const limit = `--max-old-space-size=${heapMebibytesMax}`;
  return own === "" ? limit : `${own},${limit}`;
}

function preferForOom(pid: number): void {
  if (Deno.build.os !== "linux") return;
  try {
    Deno.writeTextFileSync(`/proc/${pid}/oom_score_adj`, OOM_SCORE);
  } catch {
    // It has ended already, or the system does not let us: then its own choice has to do.
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
