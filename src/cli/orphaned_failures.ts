/**
 * What ends no worker. Failures that nobody waits for, in a worker that runs handlers of its operator's in its own event loop: a
 * promise that such a handler left behind and that was rejected, or a timer of its that threw. The runtime
 * ends the process for either, and with it every attempt of the worker, for a fault that its job may have
 * survived. So it is told, and the worker goes on. A handler that ends its process fails its job alone, as it
 * would in an executor process.
 *
 * Without such handlers it would be a fault of ours, and ends the process as ever.
 *
 * @module
 */

import process from "node:process";
import type { JobTypeRegistry } from "../job_types/mod.ts";
import type { Logger } from "../observability/mod.ts";

/** Whether one of `names` runs in the worker itself. */
export function runsInline(registry: JobTypeRegistry, names: Iterable<string>): boolean {
  return [...names].some((name) => registry.get(name)?.isolation === "inline");
}

const exit = Deno.exit;

/** Ends this process, whatever handlers may not. */
export function exitForGood(code: number): never {
  // Taken while nobody could have changed it.
  return exit(code);
}

/** From now on a call that would end the process throws, but for {@linkcode exitForGood}. */
export function refuseExits(): void {
  const refuse = (): never => {
    throw new Error("a handler that runs inline may not end its worker");
  };
  Deno.exit = refuse;
  process.exit = refuse;
}

/** From now on tells of such failures instead of ending the process. */
export function surviveOrphanedFailures(log: Pick<Logger, "error">): void {
  const tell = (what: string, failure: unknown) =>
    log.error(`${what}, most likely by a handler that runs inline; the worker goes on`, {
      error: textOf(failure),
    });
  globalThis.addEventListener("unhandledrejection", (event) => {
    event.preventDefault();
    tell("a promise was rejected that nobody waits for", event.reason);
  });
  globalThis.addEventListener("error", (event) => {
    event.preventDefault();
    tell("an error was thrown where nobody catches it", event.error);
  });
}

/** With the place that it comes from, if it says one: the handler is to be found by it. */
function textOf(failure: unknown): string {
  return failure instanceof Error ? failure.stack ?? String(failure) : Deno.inspect(failure);
}
