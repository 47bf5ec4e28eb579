/**
 * JSON Web Key Sets: many public keys, of which a token's `kid` names one, so that keys can be rolled
 * while tokens of the old one still live. The set comes from the configuration; nothing that a token
 * says of where keys are (`jku`, `x5u`, `jwk`) is looked at.
 */

import {
  createLocalJWKSet,
  createRemoteJWKSet,
  type CryptoKey,
  customFetch,
  errors,
  type FlattenedJWSInput,
  type JSONWebKeySet,
  type JWSHeaderParameters,
} from "jose";
import {
  reasonOf,
  SecurityConfigurationError,
  type SecurityProfile,
} from "./configuration_error.ts";
import { readPublicFile } from "./key_files.ts";

/** Finds the key for a token's header. Throws {@linkcode KeysUnavailable}, or jose's errors. */
export type KeySet = (header: JWSHeaderParameters, token: FlattenedJWSInput) => Promise<CryptoKey>;

/** The set cannot be had at this moment. The message may be shown to a caller. */
export class KeysUnavailable extends Error {
  override name = "KeysUnavailable";
}

/** How long an answer of the other side may take, in ms. */
const FETCH_TIMEOUT_MS = 5_000;
/** A set is good for so long, in ms; a `kid` that it has not is looked for anew, but not sooner than ... */
const SET_MAX_AGE_MS = 10 * 60 * 1000;
/** ... so long after the last look, in ms: made-up kids must not make us ask all the time. */
const COOLDOWN_MS = 30_000;
/** After a look that failed, the next one comes no sooner than so many ms later, where there is no set to go on with. */
const FAILURE_COOLDOWN_MS = 2_000;
/** A set that cannot be had anew is gone on with for so long, in ms: who rolls keys has those, too, in the set. */
const GONE_ON_WITH_MS = 24 * 60 * 60 * 1000;
const SET_BYTES_MAX = 256 * 1024;
const KEYS_MAX = 100;

/** The last set that an address gave, kept when keys are read anew, and when it was had. */
export interface LastKeySet {
  readonly set: JSONWebKeySet;
  /** On the clock of `monotonicMs`. */
  readonly atMs: number;
}

/** Where it is kept. */
export interface KeySetMemory {
  last?: LastKeySet;
}

/** What {@linkcode fileKeySet} and {@linkcode urlKeySet} may be told, the latter two for tests. */
export interface KeySetOptions {
  readonly memory?: KeySetMemory;
  /** Milliseconds of a clock that does not jump. Default `performance.now`. */
  readonly monotonicMs?: () => number;
  readonly fetch?: typeof fetch;
}

/**
 * A set in a file, read again when the file has changed.
 *
 * @param what names the key for the message
 * @throws {SecurityConfigurationError} when it cannot be read now, or holds no set
 */
export async function fileKeySet(
  path: string,
  what: string,
  { monotonicMs = () => performance.now() }: KeySetOptions = {},
): Promise<KeySet> {
  const read = async () => localKeySet(parsedSet(await readPublicFile(path, what), what, path));
  let keys = await read();
  let mtimeMs = await mtimeOf(path);
  let lookedAtMs = monotonicMs();
  const renew = async () => {
    const seenMs = await mtimeOf(path);
    if (seenMs === mtimeMs) return;
    try {
      keys = await read();
      mtimeMs = seenMs;
    } catch (failure) {
      // It is being written, or was written wrongly: the keys that are there are better than none.
      if (!(failure instanceof SecurityConfigurationError)) throw failure;
    }
  };
  return async (header, token) => {
    if (monotonicMs() - lookedAtMs >= COOLDOWN_MS) {
      lookedAtMs = monotonicMs();
      await renew();
    }
    return await keys(header, token);
  };
}

/**
 * A set at an address, fetched when it is first needed, again when it is old, and for a `kid` that it
 * has not. Where it cannot be had, the last one goes on for a day: whoever issues tokens may be away, and
 * those who hold them are not to be shut out.
 *
 * @param what names the key for the message
 * @throws {SecurityConfigurationError} when the address is none, or not of HTTPS outside development
 */
export function urlKeySet(
  address: string,
  what: string,
  profile: SecurityProfile,
  options: KeySetOptions = {},
): KeySet {
  const { monotonicMs = () => performance.now(), fetch: fetchSet = fetch, memory = {} } = options;
  const url = URL.parse(address);
  const isSafe = url?.protocol === "https:" ||
    url?.protocol === "http:" && profile === "development";
  if (url === null || !isSafe) {
    throw new SecurityConfigurationError([
      `${what} is "${address}"; it must be an https:// address` +
      (profile === "development" ? ", or http:// in development" : ""),
    ]);
  }
  const remote = createRemoteJWKSet(url, {
    timeoutDuration: FETCH_TIMEOUT_MS,
    cooldownDuration: COOLDOWN_MS,
    cacheMaxAge: SET_MAX_AGE_MS,
    [customFetch]: async (...request) => {
      isNew = true;
      return await bounded(await fetchSet(...request), what);
    },
  });
  let isNew = false;
  let failedAtMs = Number.NEGATIVE_INFINITY;
  let reason = "";
  const remember = () => {
    const set = isNew ? remote.jwks() : undefined;
    if (set !== undefined) memory.last = { set, atMs: monotonicMs() };
    isNew = false;
    failedAtMs = Number.NEGATIVE_INFINITY;
  };
  const without: KeySet = async (header, token) => {
    const { last } = memory;
    if (last !== undefined && monotonicMs() - last.atMs < GONE_ON_WITH_MS) {
      try {
        return await localKeySet(last.set)(header, token);
      } catch (failure) {
        // A kid that is not there may be in the set that cannot be had.
        if (!(failure instanceof errors.JWKSNoMatchingKey)) throw failure;
      }
    }
    throw unavailable(what, reason);
  };
  return async (header, token) => {
    const cooldownMs = memory.last === undefined ? FAILURE_COOLDOWN_MS : COOLDOWN_MS;
    if (monotonicMs() - failedAtMs < cooldownMs) return await without(header, token);
    try {
      const key = await remote(header, token);
      remember();
      return key;
    } catch (failure) {
      if (isAboutTheToken(failure)) {
        remember();
        throw failure;
      }
      isNew = false;
      failedAtMs = monotonicMs();
      reason = reasonOf(failure);
      return await without(header, token);
    }
  };
}

function isAboutTheToken(failure: unknown): boolean {
  return failure instanceof errors.JWKSNoMatchingKey ||
    failure instanceof errors.JWKSMultipleMatchingKeys ||
    failure instanceof errors.JOSENotSupported;
}

function unavailable(what: string, reason: string): KeysUnavailable {
  return new KeysUnavailable(
    `the keys of ${what} cannot be had at this moment (${reason}); try again`,
  );
}

function localKeySet(set: JSONWebKeySet): KeySet {
  return createLocalJWKSet(set);
}

function parsedSet(text: string, what: string, path: string): JSONWebKeySet {
  try {
    const set = JSON.parse(text);
    createLocalJWKSet(set); // refuses what is no set
    const faults = faultsOf(set as JSONWebKeySet);
    if (faults.length === 0) return set as JSONWebKeySet;
    throw new Error(faults.join("; "));
  } catch (thrown) {
    throw new SecurityConfigurationError([
      `${what}: "${path}" holds no JSON Web Key Set of public keys: ${reasonOf(thrown)}`,
    ], { cause: thrown });
  }
}

function faultsOf({ keys }: JSONWebKeySet): string[] {
  if (keys.length === 0) return ["it has no key"];
  if (keys.length > KEYS_MAX) return [`it has ${keys.length} keys, and may have ${KEYS_MAX}`];
  return keys.flatMap((key) =>
    key.d !== undefined || key.k !== undefined
      ? [`the key "${key.kid ?? ""}" is secret: whoever only checks tokens must not have it`]
      : []
  );
}

async function mtimeOf(path: string): Promise<number> {
  try {
    return (await Deno.stat(path)).mtime?.getTime() ?? 0;
  } catch {
    return -1; // gone for a moment, while it is replaced
  }
}

/** The answer, read up to a bound: whoever sends more sends no key set. */
async function bounded(response: Response, what: string): Promise<Response> {
  const reader = response.body?.getReader();
  if (reader === undefined) return response;
  const parts: Uint8Array<ArrayBuffer>[] = [];
  let bytes = 0;
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    bytes += part.value.byteLength;
    if (bytes > SET_BYTES_MAX) {
      await reader.cancel();
      throw new Error(`${what} answers with more than ${SET_BYTES_MAX} bytes`);
    }
    parts.push(part.value);
  }
  return new Response(new Blob(parts), { status: response.status, headers: response.headers });
}
