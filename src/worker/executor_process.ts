/**
 * The executor process's side: the worker starts this program again as `conductor __executor` and gives
 * it attempts over stdin, one at a time. When one shall stop it is told, and ended if it does not.
 *
 * @module
 */

import { AsyncLocalStorage } from "node:async_hooks";
import {
  builtinJobTypes,
  type JobTypeRegistry,
  loadHandlers,
  type ParentResult,
} from "../job_types/mod.ts";
import { PermanentJobError } from "../job_types/light.ts";
import {
  type AttemptEnd,
  type AttemptEnvironment,
  type AttemptTask,
  runAttempt,
} from "./attempt.ts";
import type { ToldSpan } from "./attempt_spans.ts";
import { type Confinement, openConfinement } from "./confinement.ts";
import { ExecutorNews } from "./executor_news.ts";
import type { PermissionName } from "./executor_permissions.ts";
import { type FromExecutor, ORDER_BYTES_MAX, type ToExecutor } from "./executor_protocol.ts";
import { encodeFrame, readFrames } from "./frames.ts";
import { MARK_VARIABLE } from "./process_tree.ts";
import { TimerFailures } from "./timer_failures.ts";

/** Serves attempts until stdin ends, which is when the worker is gone. */
export async function serveExecutor(): Promise<void> {
  // First of all: whatever is printed from here on is no frame.
  const confinement = openConfinement();
  const server = new ExecutorServer((message) => confinement.write(encodeFrame(message)));
  for await (const message of readFrames(Deno.stdin.readable, ORDER_BYTES_MAX)) {
    const order = message as ToExecutor;
    if (order.kind === "setup") await server.setUp(order, confinement.confine);
    else server.take(order);
  }
  // Nothing that a job left running may keep this process alive, or outlive it.
  confinement.leave();
}

/** Longest word about a failure that nobody waits for, in characters. */
const ORPHAN_CHARACTERS_MAX = 2_000;

/** An attempt, by which is known whose a failure is that nobody waits for. */
interface Life {
  readonly task: Pick<AttemptTask, "jobId" | "jobType">;
  isOver: boolean;
}

class ExecutorServer {
  readonly #send: (message: FromExecutor) => void;
  readonly #news: ExecutorNews;
  readonly #asked = new Map<string, PromiseWithResolvers<ParentResult>>();
  #registry: JobTypeRegistry | undefined;
  #environment: AttemptEnvironment | undefined;
  #stop = new AbortController();
  /** An attempt does: what is printed is its. */
  #runs = false;
  readonly #lives = new AsyncLocalStorage<Life>();
  readonly #timerFailures = new TimerFailures(this.#lives);
  /** The attempt that runs, or the last one. */
  #life: Life | undefined;
  readonly #home = new WorkingDirectory();

  constructor(send: (message: FromExecutor) => void) {
    this.#send = send;
    this.#news = new ExecutorNews(send);
    captureConsole((line) => {
      if (this.#runs) this.#news.log(line);
    });
    globalThis.addEventListener("unhandledrejection", (event) => {
      this.#orphaned(event, event.reason, this.#lives.getStore());
    });
    globalThis.addEventListener("error", (event) => {
      const timer = this.#timerFailures.contextOf(event.error);
      // Of what comes by another road it is not always known whose it is: then it is the last one's, or older.
      const life = (timer === undefined ? this.#lives.getStore() : timer.context) ?? this.#life;
      this.#orphaned(event, event.error, life);
    });
  }

  /**
   * An attempt's own failure ends the process, and with it the attempt, as ever. What one that has ended left
   * behind must not take along the next one, which is somebody else's.
   */
  #orphaned(event: Event, failure: unknown, life: Life | undefined): void {
    if (life?.isOver !== true) return;
    event.preventDefault();
    const { jobId, jobType } = life.task;
    const error = Deno.inspect(failure).slice(0, ORPHAN_CHARACTERS_MAX);
    this.#send({ kind: "orphan", jobId, jobType, error });
  }

  async setUp(
    { setup, mark }: Extract<ToExecutor, { kind: "setup" }>,
    confine: Confinement["confine"],
  ): Promise<void> {
    const { environment, programs, handlerPaths, confinement, drop } = setup;
    try {
      const refused = confine(confinement);
      await giveUp(drop.filter((name) => !NEEDED_TO_LOAD.has(name)));
      const registry = builtinJobTypes(programs, { [MARK_VARIABLE]: mark });
      for (const path of handlerPaths) {
        for (const type of await loadHandlers(path)) registry.register(type);
      }
      await giveUp(drop);
      this.#registry = registry;
      this.#environment = environment;
      this.#send({ kind: "ready", refused });
    } catch (failure) {
      this.#send({ kind: "setup_failed", error: (failure as Error).message });
    }
  }

  take(order: Exclude<ToExecutor, { kind: "setup" }>): void {
    switch (order.kind) {
      case "prepare":
        // What cannot be prepared fails when it is needed, and there it is told.
        this.#prepare(order.jobTypes).catch(() => {});
        return;
      case "run":
        // Not awaited: what the attempt asks for comes by the same road. It never rejects.
        this.#run(order.task).then((end) => {
          this.#asked.clear();
          this.#news.flush();
          this.#send({ kind: "end", end });
        });
        return;
      case "stop":
        return this.#stop.abort(new Error(order.reason));
      case "parent":
        return this.#answered(order);
    }
  }

  #run(task: AttemptTask): Promise<AttemptEnd> {
    const registry = this.#registry;
    const environment = this.#environment;
    if (registry === undefined || environment === undefined) {
      const error = "the executor process was given an attempt before it was set up";
      return Promise.resolve({ ok: false, error, permanent: false });
    }
    this.#stop = new AbortController();
    this.#runs = true;
    const life: Life = { task, isOver: false };
    this.#life = life;
    // What a job says once it has ended would be heard as the next one's, which is somebody else's.
    const unlessOver =
      <Said extends unknown[]>(say: (...said: Said) => void) => (...said: Said) => {
        if (!life.isOver) say(...said);
      };
    const listener = {
      progress: unlessOver((fraction: number, message: string) =>
        this.#news.progress(fraction, message)
      ),
      log: unlessOver((line: string) => this.#news.log(line)),
      parentResult: (jobId: string) => this.#ask(jobId),
      span: unlessOver((told: ToldSpan) => this.#send({ kind: "span", told })),
    };
    const { signal } = this.#stop;
    return this.#lives.run(
      life,
      () => runAttempt(registry, environment, task, listener, signal, "when it returns"),
    ).finally(() => {
      life.isOver = true;
      this.#runs = false;
      this.#home.comeBack();
    });
  }

  async #prepare(jobTypes: readonly string[]): Promise<void> {
    const limits = this.#environment?.limits;
    if (limits === undefined) return;
    for (const name of jobTypes) await this.#registry?.get(name)?.prepare?.(limits);
  }

  #ask(jobId: string): Promise<ParentResult> {
    const answer = Promise.withResolvers<ParentResult>();
    this.#asked.set(jobId, answer);
    this.#send({ kind: "ask_parent", jobId });
    return answer.promise;
  }

  #answered(
    { jobId, result, error = "", permanent }: Extract<ToExecutor, { kind: "parent" }>,
  ): void {
    const failure = permanent === true ? new PermanentJobError(error) : new Error(error);
    if (result !== undefined) this.#asked.get(jobId)?.resolve(result);
    else this.#asked.get(jobId)?.reject(failure);
    this.#asked.delete(jobId);
  }
}

/**
 * The directory that a process works in. A job may have gone to another, most likely its own, which is put
 * away with it: the next one of the process could then not even ask where it is.
 */
class WorkingDirectory {
  readonly #path: string | undefined;

  constructor() {
    try {
      this.#path = Deno.cwd();
    } catch {
      // It may not read, and so go nowhere, or it has been removed.
    }
  }

  comeBack(): void {
    if (this.#path === undefined) return;
    try {
      Deno.chdir(this.#path);
    } catch {
      // A permission to read was given up: nobody has left, since that takes it as well.
    }
  }
}

const NEEDED_TO_LOAD: ReadonlySet<PermissionName> = new Set(["read", "import"]);

async function giveUp(names: readonly PermissionName[]): Promise<void> {
  for (const name of names) {
    const { state } = await Deno.permissions.revoke({ name });
    if (state === "granted") throw new Error(`the executor process cannot give up ${name}`);
  }
}

/** What a handler prints is the job's log. */
function captureConsole(log: (line: string) => void): void {
  const print = (...values: unknown[]) => {
    const text = values.map((each) => typeof each === "string" ? each : Deno.inspect(each))
      .join(" ");
    for (const line of text.split("\n")) log(line);
  };
  Object.assign(console, { log: print, info: print, debug: print, warn: print, error: print });
}
