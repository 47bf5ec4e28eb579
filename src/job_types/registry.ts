/**
 * The job types that a worker offers, by name.
 *
 * @module
 */

import { closestTo } from "./closest.ts";
import type { GuardedFetch, JobType } from "./contract.ts";
import { dataAnalysis } from "./data_analysis/mod.ts";
import { execType, type Programs } from "./exec/mod.ts";
import { createGuardedFetch, type FetchPolicy } from "./guarded_fetch.ts";
import { http } from "./http/mod.ts";
import { imageProcessing } from "./image_processing/mod.ts";
import { noop } from "./noop.ts";
import { type ParsedPayload, parsePayload } from "./payload.ts";
import { testSleep } from "./test_sleep.ts";
import { JobTypeNameError, requireJobTypeName } from "./type_name.ts";
import { webScraping } from "./web_scraping/mod.ts";

export { JobTypeNameError, requireJobTypeName };

/** A set of job types; a name once taken stays taken. */
export class JobTypeRegistry {
  readonly #types = new Map<string, JobType>();

  /** @throws {JobTypeNameError} when the name is taken or cannot be one. */
  register<Payload>(type: JobType<Payload>): void {
    requireJobTypeName(type.name);
    if (this.#types.has(type.name)) {
      throw new JobTypeNameError(
        `There is a job type "${type.name}" already; give yours another name.`,
      );
    }
    // Only its own schema's output is ever given to its own run.
    this.#types.set(type.name, type as JobType);
  }

  get(name: string): JobType | undefined {
    return this.#types.get(name);
  }

  /** In alphabetical order. */
  names(): string[] {
    return [...this.#types.keys()].sort();
  }

  /** The registered name that `name` most likely meant. */
  suggest(name: string): string | undefined {
    return closestTo(name, this.names());
  }

  /** See {@linkcode parsePayload}. */
  parsePayload<Payload>(type: JobType<Payload>, bytes: Uint8Array): ParsedPayload<Payload> {
    return parsePayload(type, bytes);
  }

  /** See {@linkcode createGuardedFetch}. */
  fetchUnder(policy: FetchPolicy): GuardedFetch {
    return createGuardedFetch(policy);
  }
}

/**
 * A fresh registry with every built-in type; custom ones may be added to it. Without programs it knows
 * what a job of type `exec` looks like, and can run none.
 *
 * @param programs that jobs of type `exec` may start.
 * @param inherited variables that each of them gets.
 */
export function builtinJobTypes(
  programs: Programs = {},
  inherited: Readonly<Record<string, string>> = {},
): JobTypeRegistry {
  const registry = new JobTypeRegistry();
  registry.register(imageProcessing);
  registry.register(webScraping);
  registry.register(dataAnalysis);
  registry.register(testSleep);
  registry.register(noop);
  registry.register(http);
  registry.register(execType(programs, inherited));
  return registry;
}
