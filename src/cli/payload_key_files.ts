/**
 * `conductor payload-key new`, `rotate` and `show`.
 *
 * @module
 */

import {
  keysIn,
  PAYLOAD_KEY_BYTES,
  PayloadKeyError,
  PayloadKeys,
  readOwnFile,
  readPayloadKeys,
} from "../security/mod.ts";
import { tell } from "./answer.ts";
import { reasonOf } from "./reason.ts";
import { configFrom } from "./config_flags.ts";
import { Misuse } from "./failure.ts";
import { payloadKeysOf } from "./payload_keys.ts";
import type { Flags } from "./router.ts";
import { renderTable } from "./table.ts";
import { printable, type Terminal } from "./terminal.ts";

/** Makes a key, and a file with it. */
export async function newPayloadKey(
  file: string | undefined,
  flags: Flags,
  terminal: Terminal,
): Promise<void> {
  const key = freshKey();
  if (file === undefined) {
    const [id] = await new PayloadKeys([key]).ids();
    return tell(flags, terminal, { json: { id, key }, text: () => `${key}\n` });
  }
  try {
    await Deno.writeTextFile(file, `${key}\n`, { createNew: true, mode: 0o600 });
  } catch (cause) {
    throw new Misuse(`cannot make the payload key file ${printable(file)}: ${reasonOf(cause)}`, {
      cause,
    });
  }
  await tellIds(readKeys(file), flags, terminal);
}

/** Puts a key in front, whole or not at all. */
export async function rotatePayloadKey(
  file: string,
  flags: Flags,
  terminal: Terminal,
): Promise<void> {
  readKeys(file); // what is no file of keys is not written over
  const incoming = `${file}.${crypto.randomUUID()}.tmp`;
  try {
    const text = [freshKey(), ...keysIn(readOwnFile(file))].map((key) => `${key}\n`).join("");
    await Deno.writeTextFile(incoming, text, { createNew: true, mode: 0o600 });
    await Deno.rename(incoming, file);
  } catch (cause) {
    await Deno.remove(incoming).catch(() => {
      // It may never have been made; the first failure is the one to tell.
    });
    throw new Misuse(`cannot write the payload key file ${printable(file)}: ${reasonOf(cause)}`, {
      cause,
    });
  }
  await tellIds(readKeys(file), flags, terminal);
}

/** Ids, and never a key. */
export async function showPayloadKeys(
  file: string | undefined,
  flags: Flags,
  terminal: Terminal,
): Promise<void> {
  const keys = file === undefined ? payloadKeysOf(configFrom({}, "client").config) : readKeys(file);
  if (keys.isEmpty) {
    throw new Misuse(
      "there is no payload key: name a file, or set CONDUCTOR_PAYLOAD_KEY_FILE or " +
        "CONDUCTOR_PAYLOAD_KEY",
    );
  }
  await tellIds(keys, flags, terminal);
}

async function tellIds(keys: PayloadKeys, flags: Flags, terminal: Terminal): Promise<void> {
  const ids = await keys.ids();
  tell(flags, terminal, {
    json: { payload_keys: ids.map((id, at) => ({ id, encrypts: at === 0 })) },
    list: "payload_keys",
    text: (sheet) =>
      renderTable(
        ["PAYLOAD KEY", "USE"],
        ids.map((id, at) => [id, at === 0 ? "encrypts and decrypts" : "decrypts"]),
        sheet,
      ),
  });
}

function readKeys(file: string): PayloadKeys {
  try {
    return readPayloadKeys({ text: "", file });
  } catch (failure) {
    if (failure instanceof PayloadKeyError) throw new Misuse(failure.message, { cause: failure });
    throw failure;
  }
}

function freshKey(): string {
  return crypto.getRandomValues(new Uint8Array(PAYLOAD_KEY_BYTES)).toBase64();
}
