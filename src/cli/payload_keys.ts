/**
 * Payload keys on the command line: where they come from, and what a client does with them.
 *
 * @module
 */

import { statSync } from "node:fs";
import type { Config } from "../config/mod.ts";
import { builtinJobTypes, type JobTypeRegistry } from "../job_types/mod.ts";
import {
  type Calls,
  type ChannelOptions,
  ClusterChannel,
  inNamespace,
  sealedCalls,
} from "../rpc/mod.ts";
import {
  PayloadKeyError,
  type PayloadKeys,
  readPayloadKeys,
  type Reloadable,
} from "../security/mod.ts";
import { Misuse } from "./failure.ts";

/**
 * The keys of a configuration; none where it names none.
 *
 * @throws Misuse when they cannot be had
 */
export function payloadKeysOf({ security }: Config): PayloadKeys {
  try {
    return readPayloadKeys({ text: security.payloadKey, file: security.payloadKeyFile });
  } catch (failure) {
    if (failure instanceof PayloadKeyError) throw new Misuse(failure.message, { cause: failure });
    throw failure;
  }
}

/**
 * The keys of a process that goes on: those of a file are looked at whenever they are asked for, so
 * that no job fails for a key that was put there before it was submitted.
 */
export class LivePayloadKeys implements Reloadable {
  readonly name = "security.payload_key_file";
  readonly #config: Config;
  #current: PayloadKeys;
  #seen: string;

  /** @throws Misuse when they cannot be had */
  constructor(config: Config) {
    this.#config = config;
    this.#seen = this.#state();
    this.#current = payloadKeysOf(config);
  }

  get current(): PayloadKeys {
    const state = this.#state();
    if (state === this.#seen) return this.#current;
    this.#seen = state;
    try {
      this.reload();
    } catch (failure) {
      // Whoever reads files anew finds the same, and says so in the log.
      if (!(failure instanceof Misuse)) throw failure;
    }
    return this.#current;
  }

  files(): readonly string[] {
    const { payloadKeyFile } = this.#config.security;
    return payloadKeyFile === "" ? [] : [payloadKeyFile];
  }

  reload(): void {
    this.#current = payloadKeysOf(this.#config);
  }

  #state(): string {
    return this.files().map((file) => {
      const stat = statSync(file, { throwIfNoEntry: false });
      return `${stat?.mtimeMs} ${stat?.size} ${stat?.ino}`;
    }).join();
  }
}

/**
 * A channel that encrypts what is submitted, if there is a key, and decrypts what is answered. What it
 * asks is about the namespace of the configuration.
 *
 * @throws Misuse when that names several
 */
export function sealedChannel(channel: ChannelOptions, config: Config): Calls {
  const calls = inNamespace(new ClusterChannel(channel), namespaceOf(config));
  return sealedCalls(calls, payloadKeysOf(config), faultOf);
}

/** Where a command works; undefined: wherever its token says, or everywhere. */
export function namespaceOf({ jobs: { namespaces } }: Config): string | undefined {
  const [only, another] = namespaces;
  if (another === undefined) return only;
  throw new Misuse(
    `--namespace (CONDUCTOR_NAMESPACE) names ${
      namespaces.join(", ")
    }; a command works in one, or, ` +
      "without it, in all that you may see",
  );
}

let builtin: JobTypeRegistry | undefined;

/** What masters say of payloads of the built-in types that they can look at. */
function faultOf(jobType: string, payload: Uint8Array): string | undefined {
  builtin ??= builtinJobTypes();
  const type = builtin.get(jobType);
  if (type === undefined) return undefined;
  const parsed = builtin.parsePayload(type, payload);
  return parsed.ok ? undefined : parsed.message;
}
