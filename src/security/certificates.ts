import { createPrivateKey, X509Certificate } from "node:crypto";
import { Buffer } from "node:buffer";
import { reasonOf, SecurityConfigurationError } from "./configuration_error.ts";
import { readPublicFile } from "./key_files.ts";
import { loadX509, type X509 } from "./x509_library.ts";

/** What a verified certificate says about its holder. */
export interface CertificateIdentity {
  /** SHA-256 over the DER, lower-case hexadecimal, no colons. What revocation lists hold. */
  readonly fingerprint256: string;
  /** Subject's common name; empty when it has none. */
  readonly commonName: string;
  /** From URI names of the form `conductor:role:<role>`, in the certificate's order. */
  readonly roles: readonly string[];
  /** DNS names and IP addresses. */
  readonly names: readonly string[];
  /** Milliseconds since the epoch; valid from here ... */
  readonly notBeforeMs: number;
  /** ... to here. */
  readonly notAfterMs: number;
}

/** A parsed certificate: its identity and what must be checked before the identity is believed. */
export interface Certificate {
  readonly identity: CertificateIdentity;
  readonly der: Uint8Array;
  readonly subject: string;
  readonly issuer: string;
  /** It may sign other certificates (basic constraints say so). */
  readonly isAuthority: boolean;
  /** X.509 v3; earlier versions carry no constraints and are refused everywhere. */
  readonly hasExtensions: boolean;
  /** Extended key usages as object identifiers; empty when the extension is missing. */
  readonly extendedKeyUsages: readonly string[];
  readonly node: X509Certificate;
}

/** The URI that puts a role into a certificate's subject alternative names. */
export const ROLE_URI_PREFIX = "conductor:role:";

export const SERVER_AUTH_USAGE = "1.3.6.1.5.5.7.3.1";
export const CLIENT_AUTH_USAGE = "1.3.6.1.5.5.7.3.2";

/**
 * Parses one DER certificate. Names are read from the parsed structure, never from a printed form,
 * so that a name holding a comma or a quote cannot pass for two.
 *
 * @throws {Error} when the bytes are not a certificate
 */
export function parseCertificate(x509: X509, der: Uint8Array): Certificate {
  const owned = new Uint8Array(der);
  const parsed = new x509.X509Certificate(owned);
  const node = new X509Certificate(Buffer.from(owned));
  const alternatives = parsed.getExtension(x509.SubjectAlternativeNameExtension)?.names.items ?? [];
  const constraints = parsed.getExtension(x509.BasicConstraintsExtension);
  return {
    identity: {
      fingerprint256: node.fingerprint256.replaceAll(":", "").toLowerCase(),
      commonName: parsed.subjectName.getField("CN")[0] ?? "",
      roles: alternatives
        .filter((name) => name.type === "url" && name.value.startsWith(ROLE_URI_PREFIX))
        .map((name) => name.value.slice(ROLE_URI_PREFIX.length)),
      names: alternatives
        .filter((name) => name.type === "dns" || name.type === "ip")
        .map((name) => name.value),
      notBeforeMs: parsed.notBefore.getTime(),
      notAfterMs: parsed.notAfter.getTime(),
    },
    der: owned,
    subject: parsed.subject,
    issuer: parsed.issuer,
    isAuthority: constraints?.ca === true,
    hasExtensions: parsed.extensions.length > 0,
    extendedKeyUsages: (parsed.getExtension(x509.ExtendedKeyUsageExtension)?.usages ?? [])
      .map((usage) => String(usage)),
    node,
  };
}

/**
 * Parses every certificate of a PEM file, in its order.
 *
 * @param origin names the file for the message
 * @throws {SecurityConfigurationError} when there is none, or one cannot be parsed
 */
export function parseCertificates(x509: X509, pem: string, origin: string): Certificate[] {
  if (!pem.includes("-----BEGIN CERTIFICATE-----")) {
    const holdsKey = pem.includes("PRIVATE KEY-----");
    throw new SecurityConfigurationError([
      `${origin} holds no PEM certificate${
        holdsKey ? "; it holds a private key: are the two files swapped?" : ""
      }`,
    ]);
  }
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g) ?? [];
  try {
    const certificates = blocks.map((block) =>
      parseCertificate(x509, new Uint8Array(x509.PemConverter.decodeFirst(block)))
    );
    if (certificates.length === 0) throw new Error("the END CERTIFICATE line is missing");
    return certificates;
  } catch (thrown) {
    throw new SecurityConfigurationError([
      `${origin} holds a certificate that cannot be parsed: ${reasonOf(thrown)}`,
    ], { cause: thrown });
  }
}

/**
 * Reads every certificate of a PEM file.
 *
 * @throws {SecurityConfigurationError} naming the file
 */
export async function readCertificates(path: string): Promise<Certificate[]> {
  const pem = await readPublicFile(path, "certificate");
  return parseCertificates(await loadX509(), pem, `"${path}"`);
}

/**
 * Checks that a private key is one, is not encrypted, and belongs to the certificate.
 *
 * @throws {SecurityConfigurationError} naming the files
 */
export function assertKeyMatches(
  certificate: Certificate,
  keyPem: string,
  certificateOrigin: string,
  keyOrigin: string,
): void {
  if (/-----BEGIN ENCRYPTED PRIVATE KEY-----|Proc-Type: 4,ENCRYPTED/.test(keyPem)) {
    throw new SecurityConfigurationError([
      `${keyOrigin} is encrypted: store it unencrypted with mode 0600 (openssl pkey -in IN -out OUT)`,
    ]);
  }
  if (!keyPem.includes("PRIVATE KEY-----")) {
    const holdsCertificate = keyPem.includes("BEGIN CERTIFICATE");
    throw new SecurityConfigurationError([
      `${keyOrigin} holds no PEM private key${
        holdsCertificate ? "; it holds a certificate: are the two files swapped?" : ""
      }`,
    ]);
  }
  let matches: boolean;
  try {
    matches = certificate.node.checkPrivateKey(createPrivateKey(keyPem));
  } catch (thrown) {
    throw new SecurityConfigurationError([
      `${keyOrigin} holds a private key that cannot be parsed: ${reasonOf(thrown)}`,
    ], { cause: thrown });
  }
  if (!matches) {
    throw new SecurityConfigurationError([
      `${keyOrigin} is not the private key of the certificate in ${certificateOrigin}`,
    ]);
  }
}

/**
 * The authority that signed a certificate, found by name and proven by signature. Only a direct
 * signature counts: an intermediate authority belongs into `ca_file` beside its root.
 */
export function issuerOf(
  certificate: Certificate,
  authorities: readonly Certificate[],
): Certificate | undefined {
  return authorities.find((authority) =>
    authority.isAuthority &&
    certificate.node.checkIssued(authority.node) &&
    certificate.node.verify(authority.node.publicKey)
  );
}

/** `2026-11-24T04:05:56.000Z`, for messages. */
export function instant(epochMs: number): string {
  return new Date(epochMs).toISOString();
}
