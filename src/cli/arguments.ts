/**
 * What commander leaves as text, made into values, with an error that says what is allowed.
 *
 * @module
 */

import { parseDuration } from "../job_types/mod.ts";
import { Misuse } from "./failure.ts";
import type { Flags } from "./router.ts";

/** A whole number, or undefined when the flag was not given. */
export function integerFlag(flags: Flags, name: string, min: number): number | undefined {
  const text = flags[name];
  if (text === undefined) return undefined;
  const value = Number(text);
  if (Number.isSafeInteger(value) && value >= min && String(text).trim() !== "") return value;
  throw new Misuse(`--${dashed(name)} is ${JSON.stringify(text)}; give a whole number from ${min}`);
}

/** A duration in ms, or undefined when the flag was not given. */
export function durationFlag(flags: Flags, name: string): number | undefined {
  const text = flags[name];
  if (typeof text !== "string") return undefined;
  try {
    return parseDuration(text);
  } catch (cause) {
    throw new Misuse(
      `--${dashed(name)} is ${JSON.stringify(text)}; give a duration such as 500ms, 30s or 1m30s`,
      { cause },
    );
  }
}

/** `name=value` pairs as a record, or undefined when the flag was not given. */
export function pairsFlag(flags: Flags, name: string): Record<string, string> | undefined {
  const pairs = flags[name] as string[] | undefined;
  if (pairs === undefined) return undefined;
  return Object.fromEntries(pairs.map((pair) => {
    const equals = pair.indexOf("=");
    if (equals > 0) return [pair.slice(0, equals), pair.slice(equals + 1)];
    throw new Misuse(`--${dashed(name)} is ${JSON.stringify(pair)}; give name=value`);
  }));
}

/** A payload as it was given: text, `@FILE`, or `-` for all of stdin. */
export async function readPayload(text: string): Promise<Uint8Array> {
  if (text === "-") return new Uint8Array(await new Response(Deno.stdin.readable).arrayBuffer());
  if (!text.startsWith("@")) return new TextEncoder().encode(text);
  const path = text.slice(1);
  try {
    return await Deno.readFile(path);
  } catch (cause) {
    throw new Misuse(`cannot read the payload from ${path}: ${(cause as Error).message}`, {
      cause,
    });
  }
}

function dashed(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}
