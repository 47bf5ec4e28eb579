/**
 * The standard health service: https://github.com/grpc/grpc/blob/master/doc/health-checking.md
 *
 * @module
 */

import {
  Health,
  HealthCheckResponse_ServingStatus as Serving,
} from "./gen/grpc/health/v1/health_pb.ts";
import type { RpcServer } from "./server.ts";
import { Refusal } from "./status.ts";

/** Which services of a process can serve now. The empty name is the process as a whole. */
export class HealthRegistry {
  readonly #serving = new Map<string, boolean>();
  readonly #watchers = new Set<() => void>();

  /** `names` are the services that can be asked for; all start as not serving. */
  constructor(names: readonly string[]) {
    for (const name of ["", ...names]) this.#serving.set(name, false);
  }

  /** Sets every service at once and wakes those who watch. */
  setServing(serving: boolean): void {
    for (const name of this.#serving.keys()) this.#serving.set(name, serving);
    for (const wake of this.#watchers) wake();
  }

  /** Adds the health service to a server. */
  serveOn(server: RpcServer): void {
    server.add(Health, {
      check: ({ service }) => {
        const serving = this.#serving.get(service);
        if (serving === undefined) {
          throw new Refusal("not_found", `service "${service}" is not served here`);
        }
        return { status: serving ? Serving.SERVING : Serving.NOT_SERVING };
      },
      list: () => ({
        statuses: Object.fromEntries(
          [...this.#serving].map(([name, serving]) => [
            name,
            { status: serving ? Serving.SERVING : Serving.NOT_SERVING },
          ]),
        ),
      }),
      watch: async ({ service }, call, out) => {
        let last: Serving | undefined;
        const changed = this.#changes(call.signal);
        while (true) {
          const serving = this.#serving.get(service);
          const now = serving === undefined
            ? Serving.SERVICE_UNKNOWN
            : serving
            ? Serving.SERVING
            : Serving.NOT_SERVING;
          if (now !== last) await out.write({ status: now });
          last = now;
          await changed();
        }
      },
    });
  }

  /** A function whose promise resolves at the next change, and rejects when `signal` aborts. */
  #changes(signal: AbortSignal): () => Promise<void> {
    let wake = () => {};
    let hasChanged = false;
    const onChange = () => {
      hasChanged = true;
      wake();
    };
    this.#watchers.add(onChange);
    signal.addEventListener("abort", () => this.#watchers.delete(onChange), { once: true });
    return () =>
      new Promise((resolve, reject) => {
        const aborted = () => reject(signal.reason);
        if (signal.aborted) return aborted();
        signal.addEventListener("abort", aborted, { once: true });
        wake = () => {
          signal.removeEventListener("abort", aborted);
          hasChanged = false;
          resolve();
        };
        if (hasChanged) wake();
      });
  }
}
