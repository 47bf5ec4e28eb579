/**
 * Making keys and certificates: v3 only, an authority that signs peers directly, the role of a peer
 * in a URI among its names. What is made is read back and compared, since the library reads some
 * characters of a name as syntax.
 */

import { isIP } from "node:net";
import { Buffer } from "node:buffer";
import { createPrivateKey } from "node:crypto";
import { type Certificate, parseCertificate, ROLE_URI_PREFIX } from "./certificates.ts";
import { reasonOf, SecurityConfigurationError } from "./configuration_error.ts";
import type { X509 } from "./x509_library.ts";

/** Kinds of keys that this runtime's TLS takes and that are made here. */
const KEY_TYPES = ["ecdsa-p256", "ed25519"] as const;
export type KeyType = typeof KEY_TYPES[number];

const ALGORITHMS = {
  "ecdsa-p256": { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" },
  ed25519: { name: "Ed25519" },
} as const;

/** Whom an authority's certificate is for, and how long; times in ms since the epoch. */
export interface AuthorityRequest {
  readonly organization: string;
  readonly commonName: string;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  readonly keyType?: KeyType;
}

/** What a certificate shall say; times in ms since the epoch. */
export interface LeafRequest {
  readonly organization: string;
  readonly commonName: string;
  readonly roles: readonly string[];
  /** DNS names and IP addresses. */
  readonly names: readonly string[];
  /** Whether it may be shown by a server too; every one may be by a client. */
  readonly isServer: boolean;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  readonly keyType?: KeyType;
  /** PEM (PKCS #8) of a key to certify in place of a new one. */
  readonly privateKeyPem?: string;
}

/** A certificate with its key, both PEM. */
export interface MadePair {
  readonly certificatePem: string;
  readonly privateKeyPem: string;
}

/** An authority that can sign. */
export interface Signer {
  readonly certificate: Certificate;
  /** PEM (PKCS #8), in clear text. */
  readonly privateKeyPem: string;
}

/** Basic constraints only ever carry a path length when they speak of an authority. */
const NO_INTERMEDIATES = 0;

/** Makes an authority that signs itself and, directly, all peers. */
export async function makeAuthority(x509: X509, request: AuthorityRequest): Promise<MadePair> {
  const algorithm = ALGORITHMS[request.keyType ?? "ecdsa-p256"];
  const keys = await newKeys(algorithm);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: newSerialNumber(),
    name: [{ O: [request.organization] }, { CN: [request.commonName] }],
    notBefore: new Date(request.notBeforeMs),
    notAfter: new Date(request.notAfterMs),
    signingAlgorithm: algorithm,
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, NO_INTERMEDIATES, true),
      new x509.KeyUsagesExtension(
        x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign,
        true,
      ),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return {
    certificatePem: `${certificate.toString("pem")}\n`,
    privateKeyPem: `${await privateKeyPem(x509, keys.privateKey)}\n`,
  };
}

/**
 * Makes a certificate that `signer` vouches for.
 *
 * @throws {SecurityConfigurationError} when the common name cannot be one, or the key given is none
 */
export async function makeLeaf(
  x509: X509,
  signer: Signer,
  request: LeafRequest,
): Promise<MadePair> {
  const issuer = new x509.X509Certificate(new Uint8Array(signer.certificate.der));
  const keys = request.privateKeyPem === undefined
    ? await newKeys(ALGORITHMS[request.keyType ?? "ecdsa-p256"])
    : await keysOf(x509, request.privateKeyPem);
  const signing = await keysOf(x509, signer.privateKeyPem);
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: newSerialNumber(),
    subject: [{ O: [request.organization] }, { CN: [request.commonName] }],
    issuer: issuer.subject,
    notBefore: new Date(request.notBeforeMs),
    notAfter: new Date(request.notAfterMs),
    signingAlgorithm: signing.algorithm,
    publicKey: keys.publicKey,
    signingKey: signing.privateKey,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([
        ...(request.isServer ? [x509.ExtendedKeyUsage.serverAuth] : []),
        x509.ExtendedKeyUsage.clientAuth,
      ]),
      new x509.SubjectAlternativeNameExtension([
        ...request.names.map((value) =>
          ({ type: isIP(value) === 0 ? "dns" : "ip", value }) as const
        ),
        ...request.roles.map((role) =>
          ({ type: "url", value: `${ROLE_URI_PREFIX}${role}` }) as const
        ),
      ]),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
      await x509.AuthorityKeyIdentifierExtension.create(issuer),
    ],
  });
  const made = parseCertificate(x509, new Uint8Array(certificate.rawData));
  if (made.identity.commonName !== request.commonName) {
    throw new SecurityConfigurationError([
      `no certificate can be issued to ${JSON.stringify(request.commonName)}: ` +
      "use letters, digits, dots and dashes",
    ]);
  }
  return {
    certificatePem: `${certificate.toString("pem")}\n`,
    privateKeyPem: `${await privateKeyPem(x509, keys.privateKey)}\n`,
  };
}

/** PEM of a parsed certificate. */
export function certificatePem(x509: X509, certificate: Certificate): string {
  return `${x509.PemConverter.encode(new Uint8Array(certificate.der), "CERTIFICATE")}\n`;
}

/**
 * A private key's PEM as PKCS #8, encrypted (PBES2, AES-256-CBC, as OpenSSL does) if there is a
 * passphrase.
 */
export function sealedKey(privateKeyPem: string, passphrase: string | undefined): string {
  if (passphrase === undefined) return privateKeyPem;
  return String(
    createPrivateKey(privateKeyPem).export({
      type: "pkcs8",
      format: "pem",
      cipher: "aes-256-cbc",
      passphrase,
    }),
  );
}

/** Whether a PEM file's private key is encrypted. */
export function isSealed(privateKeyPem: string): boolean {
  return /-----BEGIN ENCRYPTED PRIVATE KEY-----|Proc-Type: 4,ENCRYPTED/.test(privateKeyPem);
}

/**
 * The clear text of what {@linkcode sealedKey} made.
 *
 * @param origin names the file for the message
 * @throws {SecurityConfigurationError} when the passphrase is missing or wrong
 */
export function openedKey(
  sealedPem: string,
  passphrase: string | undefined,
  origin: string,
): string {
  if (!isSealed(sealedPem)) return sealedPem;
  if (passphrase === undefined) {
    throw new SecurityConfigurationError([
      `${origin} is encrypted: give its passphrase with --passphrase-file FILE or in ` +
      "CONDUCTOR_CA_PASSPHRASE",
    ]);
  }
  try {
    return String(
      createPrivateKey({ key: Buffer.from(sealedPem), format: "pem", passphrase })
        .export({ type: "pkcs8", format: "pem" }),
    );
  } catch (thrown) {
    throw new SecurityConfigurationError([
      `${origin} cannot be decrypted; is the passphrase right? (${reasonOf(thrown)})`,
    ], { cause: thrown });
  }
}

type Algorithm = typeof ALGORITHMS[KeyType];

async function newKeys(algorithm: Algorithm): Promise<CryptoKeyPair> {
  return await crypto.subtle.generateKey(algorithm, true, ["sign", "verify"]) as CryptoKeyPair;
}

/** Both halves of a key in a PEM file, and how it signs. */
async function keysOf(
  x509: X509,
  pem: string,
): Promise<CryptoKeyPair & { readonly algorithm: Algorithm }> {
  const { asymmetricKeyType } = createPrivateKey(pem);
  const algorithm = ALGORITHMS[asymmetricKeyType === "ed25519" ? "ed25519" : "ecdsa-p256"];
  try {
    const privateKey = await crypto.subtle.importKey(
      "pkcs8",
      x509.PemConverter.decodeFirst(pem),
      algorithm,
      true,
      ["sign"],
    );
    const { d: _, key_ops: _ops, ...publicHalf } = await crypto.subtle.exportKey("jwk", privateKey);
    const publicKey = await crypto.subtle.importKey("jwk", publicHalf, algorithm, true, ["verify"]);
    return { privateKey, publicKey, algorithm };
  } catch (thrown) {
    throw new SecurityConfigurationError([
      `the private key is none that can be used here (${KEY_TYPES.join(", ")}): ${
        reasonOf(thrown)
      }`,
    ], { cause: thrown });
  }
}

async function privateKeyPem(x509: X509, key: CryptoKey): Promise<string> {
  return x509.PemConverter.encode(await crypto.subtle.exportKey("pkcs8", key), "PRIVATE KEY");
}

/** 127 random bits, as hexadecimal; the highest is kept clear, since a serial must be positive. */
function newSerialNumber(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x01;
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
