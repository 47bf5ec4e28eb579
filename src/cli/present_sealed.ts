/**
 * What is shown of payloads and results that are encrypted, and that no key here opens.
 *
 * @module
 */

import { envelopeOf } from "../security/mod.ts";

/** `encrypted with payload key 0123..., and ...`; undefined for bytes in clear. */
export function sealedNote(bytes: Uint8Array): string | undefined {
  const envelope = envelopeOf(bytes);
  if (envelope === undefined) return undefined;
  return `encrypted with payload key ${envelope.keyId}, which was not given, or does not open it: ` +
    "--payload-key-file FILE";
}

/** The same for programs; undefined for bytes in clear. */
export function sealedJson(bytes: Uint8Array): Record<string, unknown> | undefined {
  const envelope = envelopeOf(bytes);
  return envelope && { encrypted_with: envelope.keyId, base64: bytes.toBase64() };
}
