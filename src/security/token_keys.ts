import { createPrivateKey, createPublicKey, type KeyObject } from "node:crypto";
import { Buffer } from "node:buffer";
import { type CryptoKey, importPKCS8, importSPKI } from "jose";
import { readSecretFile, type SecretFileRules } from "./key_files.ts";
import {
  reasonOf,
  SecurityConfigurationError,
  type SecurityProfile,
} from "./configuration_error.ts";

/** What a kind of key signs with. A key is only ever used with its own algorithm. */
export type TokenAlgorithm = "HS256" | "RS256" | "ES256" | "EdDSA";

/** A key and the one algorithm it may be used with. */
export interface TokenKey {
  readonly algorithm: TokenAlgorithm;
  readonly key: CryptoKey | Uint8Array;
}

/** Fewest bytes of a secret outside development: as many as HS256's digest has (RFC 7518 §3.2). */
const SECRET_BYTES_MIN = 32;
const RSA_BITS_MIN = 2048;
const DISTINCT_BYTES_MIN = 10;

/** Secrets that were ever printed in a configuration, a script or a manual, in lower case. */
const KNOWN_SECRETS: readonly string[] = [
  "change-this-secret-key",
  "production-jwt-secret-key-safe",
  "your-256-bit-secret",
  "your-secret-key",
  "your_jwt_secret",
  "jwt-secret",
  "jwt_secret_key",
  "change-me",
  "changeme",
  "change_me",
  "secret-key",
  "replace-me",
];

/**
 * Why a signing secret must not be used, or undefined when it may. Development takes any; staging
 * and production need {@linkcode SECRET_BYTES_MIN} bytes that nobody published and that are not a
 * pattern.
 *
 * @param what names the secret for the message
 */
export function weaknessOfSecret(
  secret: string,
  profile: SecurityProfile,
  what = "security.jwt.secret_key",
): string | undefined {
  if (profile === "development") return undefined;
  const bytes = new TextEncoder().encode(secret);
  const remedy = "make one with: openssl rand -base64 48";
  if (bytes.length < SECRET_BYTES_MIN) {
    return `${what} has ${bytes.length} bytes and needs at least ` +
      `${SECRET_BYTES_MIN}: ${remedy}`;
  }
  const lowered = secret.toLowerCase();
  if (KNOWN_SECRETS.some((known) => lowered.includes(known))) {
    return `${what} contains a published default or placeholder: ${remedy}`;
  }
  if (/^\$\{.*\}$/.test(secret)) {
    return `${what} is a variable that was not expanded: ${remedy}`;
  }
  if (new Set(bytes).size < DISTINCT_BYTES_MIN) {
    return `${what} is a repetition of a few characters: ${remedy}`;
  }
  return undefined;
}

/** An HS256 key. Strength is {@linkcode weaknessOfSecret}'s business. */
export function secretKey(secret: string): TokenKey {
  return { algorithm: "HS256", key: new TextEncoder().encode(secret) };
}

/**
 * A public key that checks tokens, from PEM: a public key, or a certificate that holds one.
 *
 * @param origin names the file for the message
 * @throws {SecurityConfigurationError} when it is a private key, cannot be parsed, or is of a kind
 * or size that is not accepted
 */
export async function publicKey(pem: string, origin: string): Promise<TokenKey> {
  if (pem.includes("PRIVATE KEY-----")) {
    throw new SecurityConfigurationError([
      `${origin} holds a private key: give the public key, whoever only checks tokens must not be ` +
      "able to sign them (openssl pkey -in IN -pubout -out OUT)",
    ]);
  }
  return await imported(origin, async () => {
    const key = createPublicKey(Buffer.from(pem));
    const algorithm = algorithmOf(key, origin);
    const spki = key.export({ type: "spki", format: "pem" }).toString();
    return { algorithm, key: await importSPKI(spki, algorithm) };
  });
}

/**
 * A private key that signs tokens, from PEM.
 *
 * @throws {SecurityConfigurationError} as {@linkcode publicKey} does
 */
export async function privateKey(pem: string, origin: string): Promise<TokenKey> {
  return await imported(origin, async () => {
    const key = createPrivateKey(Buffer.from(pem));
    const algorithm = algorithmOf(key, origin);
    const pkcs8 = key.export({ type: "pkcs8", format: "pem" }).toString();
    return { algorithm, key: await importPKCS8(pkcs8, algorithm) };
  });
}

/**
 * The public half of a private key that signs tokens, which checks them.
 *
 * @throws {SecurityConfigurationError} as {@linkcode publicKey} does
 */
export async function publicHalf(pem: string, origin: string): Promise<TokenKey> {
  return await imported(origin, async () => {
    const key = createPublicKey(createPrivateKey(Buffer.from(pem)));
    const algorithm = algorithmOf(key, origin);
    const spki = key.export({ type: "spki", format: "pem" }).toString();
    return { algorithm, key: await importSPKI(spki, algorithm) };
  });
}

/**
 * Reads the PEM file of the key that signs tokens; nothing where `path` is empty.
 *
 * @throws {SecurityConfigurationError} when it cannot be read, or is open to others outside development
 */
export async function readPrivateKey(
  path: string,
  rules: SecretFileRules,
): Promise<{ readonly privateKeyPem?: string }> {
  if (path === "") return {};
  const what = "security.jwt.private_key_path";
  const privateKeyPem = await readSecretFile(path, what, rules);
  await privateKey(privateKeyPem, `${what}: "${path}"`);
  return { privateKeyPem };
}

async function imported(origin: string, load: () => Promise<TokenKey>): Promise<TokenKey> {
  try {
    return await load();
  } catch (thrown) {
    if (thrown instanceof SecurityConfigurationError) throw thrown;
    throw new SecurityConfigurationError([
      `${origin} holds no PEM key that can be used: ${reasonOf(thrown)}`,
    ], { cause: thrown });
  }
}

function algorithmOf(key: KeyObject, origin: string): TokenAlgorithm {
  const details = key.asymmetricKeyDetails ?? {};
  switch (key.asymmetricKeyType) {
    case "rsa": {
      const bits = details.modulusLength ?? 0;
      if (bits >= RSA_BITS_MIN) return "RS256";
      throw new SecurityConfigurationError([
        `${origin} holds an RSA key of ${bits} bits; at least ${RSA_BITS_MIN} are needed`,
      ]);
    }
    case "ec":
      if (details.namedCurve === "prime256v1" || details.namedCurve === "P-256") return "ES256";
      throw new SecurityConfigurationError([
        `${origin} holds a key on the curve ${details.namedCurve}; ES256 needs P-256`,
      ]);
    case "ed25519":
      return "EdDSA";
    default:
      throw new SecurityConfigurationError([
        `${origin} holds a key of the kind ${key.asymmetricKeyType}; RSA, EC P-256 and Ed25519 ` +
        "are accepted",
      ]);
  }
}
