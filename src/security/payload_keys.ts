/**
 * Encryption of payloads and results between those who submit jobs and those who run them: masters
 * carry envelopes and hold no key. AES-256-GCM by Web Crypto.
 *
 * Every message has a key of its own, derived by HMAC-SHA-256 from the payload key and the first half
 * of a nonce of 192 bits; the second half is the IV. So neither random nor derived nonces come near
 * the 2^32 messages at which one key with IVs of 96 bits should be put away.
 *
 * A nonce is random, except where the same content must become the same bytes: a submission that is
 * repeated under its idempotency key. Masters compare what was submitted under a key, byte by byte, and
 * would call the second a different job. There the nonce is an HMAC of the idempotency key, the context
 * and the content (a synthetic IV), so that two messages share a nonce only if they are one message.
 * What masters learn by it is what the key told them already, that it is the same submission; equal
 * payloads under different keys look as different as any.
 *
 * @module
 */

import {
  bytesOfBase64,
  envelopeOf,
  headerOf,
  hexOf,
  holdsSealedText,
  NONCE_BYTES,
  replaceSealedTexts,
  textOfEnvelope,
} from "./payload_envelope.ts";

/**
 * Where a message belongs. It is authenticated, so that masters cannot put it elsewhere: a payload is
 * bound to its job's type (the id is not known yet when it is encrypted), all else to its job.
 */
export type SealContext =
  | { readonly kind: "payload"; readonly jobType: string }
  | { readonly kind: "result" | "text"; readonly jobId: string };

/** Bytes of a payload key. */
export const PAYLOAD_KEY_BYTES = 32;

/** The message names ids of keys, and never a key. */
export class PayloadKeyError extends Error {
  override name = "PayloadKeyError";
}

interface PreparedKey {
  readonly id: string;
  /** Derives each message's own key. */
  readonly messages: CryptoKey;
  /** Makes nonces of content. */
  readonly nonces: CryptoKey;
}

const UTF8 = new TextEncoder();

/** Payload keys: the first encrypts, all decrypt, so that keys can be rolled. */
export class PayloadKeys {
  readonly #keys: Promise<readonly PreparedKey[]>;

  /** None: what is sealed stays so. */
  static readonly none: PayloadKeys = new PayloadKeys([]);

  /**
   * @param keys 32 bytes each, in base64
   * @param origin names where they come from, for the message
   * @throws PayloadKeyError for what is no key
   */
  constructor(keys: readonly string[], origin = "the payload key") {
    const raw = keys.map((each, at) => {
      const bytes = bytesOfBase64(each.replaceAll("-", "+").replaceAll("_", "/"));
      if (bytes?.length === PAYLOAD_KEY_BYTES) return bytes;
      throw new PayloadKeyError(
        `${origin}${keys.length > 1 ? ` (number ${at + 1})` : ""} is not ${PAYLOAD_KEY_BYTES} ` +
          "bytes in base64: make one with `conductor payload-key new FILE`",
      );
    });
    this.#keys = Promise.all(raw.map(prepared));
    this.isEmpty = raw.length === 0;
  }

  /** There is no key. */
  readonly isEmpty: boolean;

  /** By which envelopes name their keys; in hexadecimal, the one that encrypts first. */
  async ids(): Promise<readonly string[]> {
    return (await this.#keys).map(({ id }) => id);
  }

  /**
   * Encrypts.
   *
   * @param idempotencyKey where given, the same content under it becomes the same bytes
   * @param generation which of the keys; 0: the one that encrypts
   */
  async seal(
    clear: Uint8Array,
    context: SealContext,
    { idempotencyKey, generation = 0 }: {
      readonly idempotencyKey?: string;
      readonly generation?: number;
    } = {},
  ): Promise<Uint8Array<ArrayBuffer>> {
    const key = (await this.#keys)[generation];
    if (key === undefined) throw new PayloadKeyError("there is no payload key to encrypt with");
    const header = headerOf(key.id);
    const associated = associatedWith(header, context);
    const content = new Uint8Array(clear);
    const nonce = idempotencyKey === undefined
      ? crypto.getRandomValues(new Uint8Array(NONCE_BYTES))
      : await syntheticNonce(key, associated, idempotencyKey, content);
    const own = await messageKey(key, nonce, "encrypt");
    const ciphertext = await crypto.subtle.encrypt(algorithm(nonce, associated), own, content);
    return joined(header, nonce, new Uint8Array(ciphertext));
  }

  /**
   * Decrypts.
   *
   * @throws PayloadKeyError when its key is not here, or it is not what was encrypted for this context
   */
  async open(sealed: Uint8Array, context: SealContext): Promise<Uint8Array<ArrayBuffer>> {
    const envelope = envelopeOf(sealed);
    if (envelope === undefined) throw new PayloadKeyError("these bytes are no sealed envelope");
    const { header, keyId, nonce, ciphertext } = envelope;
    const keys = await this.#keys;
    const key = keys.find(({ id }) => id === keyId);
    if (key === undefined) {
      const here = keys.length === 0
        ? "there is no payload key here"
        : `here is ${keys.map(({ id }) => id).join(", ")}`;
      throw new PayloadKeyError(`it is encrypted with payload key ${keyId}, and ${here}`);
    }
    const own = await messageKey(key, nonce, "decrypt");
    try {
      const how = algorithm(nonce, associatedWith(header, context));
      return new Uint8Array(await crypto.subtle.decrypt(how, own, ciphertext));
    } catch (cause) {
      throw new PayloadKeyError(
        `it does not open with payload key ${keyId}, with which it says it was encrypted: it was ` +
          `changed on the way, or is not of ${placeOf(context)}`,
        { cause },
      );
    }
  }

  /** A short text, as a text. */
  async sealText(clear: string, context: SealContext): Promise<string> {
    return textOfEnvelope(await this.seal(UTF8.encode(clear), context));
  }

  /** A text with what is encrypted in it decrypted, or described where that cannot be. */
  async openText(text: string, context: SealContext): Promise<string> {
    if (!holdsSealedText(text)) return text;
    return await replaceSealedTexts(text, async (envelope) => {
      if (envelope === undefined) return "[encrypted, and cut off]";
      try {
        return new TextDecoder().decode(await this.open(envelope, context));
      } catch (failure) {
        if (!(failure instanceof PayloadKeyError)) throw failure;
        return `[encrypted with payload key ${envelopeOf(envelope)!.keyId}]`;
      }
    });
  }
}

async function prepared(raw: Uint8Array<ArrayBuffer>): Promise<PreparedKey> {
  const hmac = { name: "HMAC", hash: "SHA-256" };
  const root = await crypto.subtle.importKey("raw", raw, hmac, false, ["sign"]);
  const derived = async (use: string) =>
    new Uint8Array(await crypto.subtle.sign("HMAC", root, UTF8.encode(`conductor payload ${use}`)));
  const [id, messages, nonces] = await Promise.all(["id", "messages", "nonces"].map(derived));
  const imported = (bytes: Uint8Array<ArrayBuffer>) =>
    crypto.subtle.importKey("raw", bytes, hmac, false, ["sign"]);
  return {
    id: hexOf(id!.subarray(0, 8)),
    messages: await imported(messages!),
    nonces: await imported(nonces!),
  };
}

async function messageKey(
  { messages }: PreparedKey,
  nonce: Uint8Array<ArrayBuffer>,
  use: "encrypt" | "decrypt",
): Promise<CryptoKey> {
  const raw = await crypto.subtle.sign("HMAC", messages, nonce.subarray(0, NONCE_BYTES / 2));
  return await crypto.subtle.importKey("raw", raw, "AES-GCM", false, [use]);
}

function algorithm(nonce: Uint8Array<ArrayBuffer>, additionalData: Uint8Array<ArrayBuffer>) {
  return { name: "AES-GCM", iv: nonce.subarray(NONCE_BYTES / 2), additionalData };
}

/** The lengths in front keep one part from running into the next. */
async function syntheticNonce(
  { nonces }: PreparedKey,
  associated: Uint8Array<ArrayBuffer>,
  idempotencyKey: string,
  content: Uint8Array<ArrayBuffer>,
): Promise<Uint8Array<ArrayBuffer>> {
  const name = UTF8.encode(idempotencyKey);
  const lengths = UTF8.encode(`${associated.length},${name.length};`);
  const all = joined(lengths, associated, name, content);
  return new Uint8Array(await crypto.subtle.sign("HMAC", nonces, all)).slice(0, NONCE_BYTES);
}

function associatedWith(header: Uint8Array, context: SealContext): Uint8Array<ArrayBuffer> {
  const of = context.kind === "payload" ? context.jobType : context.jobId;
  return joined(header, UTF8.encode(JSON.stringify([context.kind, of])));
}

function placeOf(context: SealContext): string {
  return context.kind === "payload"
    ? `a job of type ${JSON.stringify(context.jobType)}`
    : `job ${context.jobId}`;
}

function joined(...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((bytes, part) => bytes + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
