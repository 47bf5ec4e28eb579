/**
 * Files with payload keys: one a line in base64, the one that encrypts first; what begins with `#` is
 * a remark. They are secrets, so nobody but their owner may read them. On Deno and on Node.
 *
 * @module
 */

import { closeSync, fstatSync, openSync, readFileSync } from "node:fs";
import process from "node:process";
import { PayloadKeyError, PayloadKeys } from "./payload_keys.ts";
import { exposedMode } from "./secret_mode.ts";

/** Where a program's payload keys are. */
export interface PayloadKeyPlace {
  /** The keys themselves, by commas or blanks; "": none here. */
  readonly text: string;
  /** Of a file; "": none. */
  readonly file: string;
}

/**
 * Reads them; none where neither is given.
 *
 * @throws PayloadKeyError when both are given, a file cannot be read, is open to others than its owner
 * or holds no key, or something is no key
 */
export function readPayloadKeys({ text, file }: PayloadKeyPlace): PayloadKeys {
  if (text.trim() !== "" && file !== "") {
    throw new PayloadKeyError(
      "a payload key and a payload key file are both given; give one of them",
    );
  }
  if (file === "") {
    const keys = text.split(/[\s,]+/).filter((each) => each !== "");
    return keys.length === 0 ? PayloadKeys.none : new PayloadKeys(keys);
  }
  const keys = keysIn(readOwnFile(file));
  if (keys.length === 0) throw new PayloadKeyError(`the payload key file ${file} holds no key`);
  return new PayloadKeys(keys, `a line of the payload key file ${file}`);
}

/** The keys of a file's text. */
export function keysIn(text: string): readonly string[] {
  return text.split(/\r?\n/).map((line) => line.replace(/#.*/, "").trim())
    .filter((line) => line !== "");
}

/** @throws PayloadKeyError when it cannot be read, or others may read it */
export function readOwnFile(path: string): string {
  let exposed: string | undefined;
  let text: string;
  try {
    // The mode is taken from the opened file, so that it is the mode of what is read.
    const descriptor = openSync(path, "r");
    try {
      const { mode, uid } = fstatSync(descriptor);
      const isWindows = process.platform === "win32";
      exposed = exposedMode({ mode: isWindows ? null : mode, uid }, process.getuid?.() ?? null);
      text = readFileSync(descriptor, "utf8");
    } finally {
      closeSync(descriptor);
    }
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    // Without Node's code in front, and the name of the call behind.
    const told = reason.replace(/^E[A-Z0-9]+: (.*?), [a-z]+(?: '.*')?$/s, "$1");
    throw new PayloadKeyError(`cannot read the payload key file ${path}: ${told}`, { cause });
  }
  if (exposed !== undefined) {
    throw new PayloadKeyError(
      `the payload key file ${path} can be read by others than its owner (mode ${exposed}): run ` +
        `chmod 600 ${path}`,
    );
  }
  return text;
}
