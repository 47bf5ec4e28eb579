/**
 * The executor process's side: the worker starts this program again as `conductor __executor`, gives
 * it attempts over stdin one at a time, and kills it when one must stop.
 *
 * @module
 */

import { builtinJobTypes, loadHandlers, type ParentResult } from "../job_types/mod.ts";
import { type AttemptEnvironment, type AttemptTask, runAttempt } from "./attempt.ts";
import { FRAME_BYTES_MAX, type FromExecutor, type ToExecutor } from "./executor_protocol.ts";
import { encodeFrame, readFrames } from "./frames.ts";

/** Serves attempts until stdin ends. */
export async function serveExecutor(): Promise<void> {
  const send = frameSender();
  captureConsole((line) => send({ kind: "log", line }));
  const registry = builtinJobTypes();
  let environment: AttemptEnvironment | undefined;
  const asked = new Map<string, PromiseWithResolvers<ParentResult>>();
  for await (const message of readFrames(Deno.stdin.readable, FRAME_BYTES_MAX)) {
    const order = message as ToExecutor;
    if (order.kind === "setup") {
      environment = order.environment;
      try {
        for (const path of order.handlerPaths) {
          for (const type of await loadHandlers(path)) registry.register(type);
        }
        send({ kind: "ready" });
      } catch (failure) {
        send({ kind: "setup_failed", error: (failure as Error).message });
      }
    } else if (order.kind === "parent") {
      const { jobId, result, error = "" } = order;
      if (result !== undefined) asked.get(jobId)?.resolve(result);
      else asked.get(jobId)?.reject(new Error(error));
      asked.delete(jobId);
    } else if (environment !== undefined) {
      // Not awaited: what the attempt asks for comes by the same road. It never rejects.
      runTask(environment, order.task).then((end) => {
        asked.clear();
        send({ kind: "end", end });
      });
    }
  }
  // The worker is gone: nothing that a job left running may keep this process alive.
  Deno.exit(0);

  function runTask(environment: AttemptEnvironment, task: AttemptTask) {
    return runAttempt(registry, environment, task, {
      progress: (fraction, message) => send({ kind: "progress", fraction, message }),
      log: (line) => send({ kind: "log", line }),
      parentResult(jobId) {
        const answer = Promise.withResolvers<ParentResult>();
        asked.set(jobId, answer);
        send({ kind: "ask_parent", jobId });
        return answer.promise;
      },
    }, NEVER_ABORTED);
  }
}

/** The worker ends an attempt by ending the process: nothing in here needs to be told. */
const NEVER_ABORTED = new AbortController().signal;

/** Writes frames whole and in order. */
function frameSender(): (message: FromExecutor) => void {
  return (message) => {
    const frame = encodeFrame(message);
    for (let written = 0; written < frame.byteLength;) {
      written += Deno.stdout.writeSync(frame.subarray(written));
    }
  };
}

/** stdout carries frames, so what a handler prints becomes the job's log. */
function captureConsole(log: (line: string) => void): void {
  const print = (...values: unknown[]) => {
    const text = values.map((each) => typeof each === "string" ? each : Deno.inspect(each))
      .join(" ");
    for (const line of text.split("\n")) log(line);
  };
  Object.assign(console, { log: print, info: print, debug: print, warn: print, error: print });
}
