/**
 * From the `security.tls.*` (and `security.raft_tls.*`) keys to keys and certificates that are checked.
 * `tls_doors.ts` makes of them what grpc-js wants, `live_tls.ts` reads them anew while a node lives.
 */

import { inspect } from "node:util";
import {
  assertKeyMatches,
  type Certificate,
  CLIENT_AUTH_USAGE,
  instant,
  issuerOf,
  parseCertificates,
  SERVER_AUTH_USAGE,
} from "./certificates.ts";
import {
  SecurityConfigurationError,
  type SecurityProfile,
  type Warn,
} from "./configuration_error.ts";
import { issueForDevelopment } from "./development_authority.ts";
import { fileExists, readPublicFile, readSecretFile } from "./key_files.ts";
import { nextCertificateFile } from "./pair_files.ts";
import { loadX509, type X509 } from "./x509_library.ts";

/** One `tls` section of the configuration, and who it is for. Empty strings mean "not set". */
export interface TlsOptions {
  /** The section's path, for messages: `security.tls` or `security.raft_tls`. */
  readonly section: string;
  readonly profile: SecurityProfile;
  readonly enabled: boolean;
  readonly certFile: string;
  readonly keyFile: string;
  /** Every authority whose certificates are accepted; with intermediates, if there are any. */
  readonly caFile: string;
  /** Name that servers must prove, when it is not the one that was dialled. */
  readonly serverName: string;
  /**
   * Servers ask for no client certificate; clients do not check servers. Not in production.
   */
  readonly skipVerify: boolean;
  /** Issue from the development authority what is missing. Not in production. */
  readonly autoGenerate: boolean;
  /** Where the development authority lives; nodes that share it trust each other. */
  readonly generatedDir: string;
  /**
   * `server`: certificate, key and (unless `skipVerify`) authorities are needed. `client`: all may
   * be missing; then no certificate is shown and the system's authorities are trusted.
   */
  readonly purpose: "server" | "client";
  /** Common name of a generated certificate: the node's id or the user's name. */
  readonly commonName: string;
  /** Role in a generated certificate: `master`, `worker` or `client`. */
  readonly role: string;
  /**
   * For clients: roles of which a server's certificate must carry one, so that a worker's
   * certificate cannot pose as a master's. Not for certificates issued without roles.
   */
  readonly serverRoles?: readonly string[];
  /** Further DNS names and IP addresses in a generated certificate (the advertised host). */
  readonly names?: readonly string[];
  readonly warn?: Warn;
  /** Milliseconds since the epoch, for validity. Default: now. */
  readonly nowMs?: number;
}

/** Keys and certificates, read and checked. Logged or made JSON, it shows no private key. */
export interface TlsMaterial {
  readonly options: TlsOptions;
  /** This node's own certificate; undefined for a client without one. */
  readonly own: Certificate | undefined;
  readonly certificatePem: string | undefined;
  readonly privateKeyPem: string | undefined;
  /** Undefined: the system's authorities. */
  readonly authorities: readonly Certificate[] | undefined;
  readonly authoritiesPem: string | undefined;
  /** Where all of it was read, after what was missing had been generated. */
  readonly files: TlsFiles;
  readonly x509: X509;
}

/** Files of a section. Empty: none. */
export interface TlsFiles {
  readonly certFile: string;
  readonly keyFile: string;
  readonly caFile: string;
}

/**
 * Reads what a `tls` section names, generating it where that is asked for, and checks that it fits
 * together: files readable, the key private and the certificate's own, certificates in their
 * validity and fit for their use.
 *
 * @returns null when TLS is not enabled
 * @throws {SecurityConfigurationError} naming each key and file that is at fault
 */
export async function loadTls(options: TlsOptions): Promise<TlsMaterial | null> {
  if (!options.enabled) return null;
  refuseRelaxationInProduction(options);
  const x509 = await loadX509();
  const files = await filesOf(options, x509);
  const authoritiesPem = files.caFile === ""
    ? undefined
    : await readPublicFile(files.caFile, `${options.section}.ca_file`);
  const authorities = authoritiesPem === undefined
    ? undefined
    : parseAuthorities(x509, authoritiesPem, files.caFile, options);
  const pair = files.certFile === "" ? undefined : await readPair(x509, files, options);
  const material: TlsMaterial = {
    options,
    own: pair?.certificate,
    certificatePem: pair?.certificatePem,
    privateKeyPem: pair?.privateKeyPem,
    authorities,
    authoritiesPem,
    files,
    x509,
  };
  assertComplete(material, files);
  return guardedFromPrinting(material);
}

function refuseRelaxationInProduction(options: TlsOptions): void {
  if (options.profile !== "production") return;
  const faults = [
    ...(options.skipVerify ? [`${options.section}.skip_verify must be false in production`] : []),
    ...(options.autoGenerate
      ? [`${options.section}.auto_generate must be false in production: issue certificates`]
      : []),
  ];
  if (faults.length > 0) throw new SecurityConfigurationError(faults);
}

/** What is logged by accident, whole or inside something else, must not hold the key. */
function guardedFromPrinting(material: TlsMaterial): TlsMaterial {
  const { options, own } = material;
  const shown = () => ({
    section: options.section,
    subject: own?.subject,
    fingerprint256: own?.identity.fingerprint256,
  });
  Object.defineProperties(material, {
    toJSON: { value: shown },
    [inspect.custom]: { value: shown },
    [Symbol.for("Deno.customInspect")]: { value: () => Deno.inspect(shown()) },
  });
  return material;
}

/** The files to use, after generating those that are missing where that is asked for. */
async function filesOf(options: TlsOptions, x509: X509): Promise<TlsFiles> {
  const { certFile, keyFile, caFile, section } = options;
  if ((certFile === "") !== (keyFile === "")) {
    const [given, missing] = certFile === ""
      ? ["key_file", "cert_file"]
      : ["cert_file", "key_file"];
    throw new SecurityConfigurationError([
      `${section}.${given} is set and ${section}.${missing} is not: set both or neither`,
    ]);
  }
  if (!options.autoGenerate) return { certFile, keyFile, caFile };
  const certThere = certFile !== "" && await fileExists(certFile);
  const keyThere = keyFile !== "" && await fileExists(keyFile);
  if (certThere && keyThere) return { certFile, keyFile, caFile };
  if (certThere || keyThere) {
    const [there, missing] = certThere ? [certFile, keyFile] : [keyFile, certFile];
    throw new SecurityConfigurationError([
      `${section}.auto_generate: "${there}" exists and "${missing}" does not, and it will not be ` +
      "overwritten: add the missing file or remove the other",
    ]);
  }
  const issued = await issueForDevelopment(x509, options.generatedDir, {
    commonName: options.commonName,
    role: options.role,
    names: options.names ?? [],
    certFile,
    keyFile,
    caFile,
    nowMs: options.nowMs ?? Date.now(),
  });
  return {
    ...issued,
    caFile: caFile === "" || !(await fileExists(caFile)) ? issued.caFile : caFile,
  };
}

function parseAuthorities(
  x509: X509,
  pem: string,
  caFile: string,
  options: TlsOptions,
): Certificate[] {
  const what = `${options.section}.ca_file: "${caFile}"`;
  const authorities = parseCertificates(x509, pem, what);
  const nowMs = options.nowMs ?? Date.now();
  const faults = authorities.flatMap((authority) =>
    !authority.isAuthority
      ? [
        `${what} holds "${authority.subject}", which is no certificate authority ` +
        "(X.509 v3 with basic constraints CA:TRUE)",
      ]
      : authority.identity.notAfterMs <= nowMs
      ? [
        `${what} holds "${authority.subject}", which expired at ${
          instant(authority.identity.notAfterMs)
        }`,
      ]
      : []
  );
  // One that is still good is enough to go on with: authorities overlap while they are rolled.
  if (faults.length === authorities.length) throw new SecurityConfigurationError(faults);
  for (const fault of faults) options.warn?.(fault);
  return authorities.filter((authority) => authority.isAuthority);
}

async function readPair(x509: X509, files: TlsFiles, options: TlsOptions): Promise<{
  readonly certificate: Certificate;
  readonly certificatePem: string;
  readonly privateKeyPem: string;
}> {
  const certWhat = `${options.section}.cert_file: "${files.certFile}"`;
  const keyWhat = `${options.section}.key_file: "${files.keyFile}"`;
  const certificatePem = await readPublicFile(files.certFile, `${options.section}.cert_file`);
  const [certificate] = parseCertificates(x509, certificatePem, certWhat);
  if (certificate === undefined) throw new SecurityConfigurationError([`${certWhat} is empty`]);
  const privateKeyPem = await readSecretFile(files.keyFile, `${options.section}.key_file`, {
    profile: options.profile,
    warn: options.warn ?? (() => {}),
  });
  try {
    assertKeyMatches(certificate, privateKeyPem, certWhat, keyWhat);
  } catch (mismatch) {
    const next = await nextOfPair(x509, files, privateKeyPem);
    if (next === undefined) throw mismatch;
    return { ...next, privateKeyPem };
  }
  return { certificate, certificatePem, privateKeyPem };
}

/** The certificate of a key that has replaced another, where its renewal is, or stayed, halfway. */
async function nextOfPair(
  x509: X509,
  { certFile, keyFile }: TlsFiles,
  privateKeyPem: string,
): Promise<{ readonly certificate: Certificate; readonly certificatePem: string } | undefined> {
  const path = nextCertificateFile(certFile);
  if (!(await fileExists(path))) return undefined;
  try {
    const certificatePem = await readPublicFile(path, "certificate");
    const [certificate] = parseCertificates(x509, certificatePem, `"${path}"`);
    if (certificate === undefined) return undefined;
    assertKeyMatches(certificate, privateKeyPem, `"${path}"`, `"${keyFile}"`);
    return { certificate, certificatePem };
  } catch {
    // A renewal that came no further than this. What is wrong with the present pair is to be told.
    return undefined;
  }
}

/** What must be there for the purpose, and whether our own certificate will pass at our peers. */
function assertComplete(material: TlsMaterial, files: TlsFiles): void {
  const { options, own, authorities } = material;
  const faults: string[] = [];
  if (options.purpose === "server") {
    if (own === undefined) {
      faults.push(
        `${options.section}.cert_file and key_file are needed when ${options.section}.enabled` +
          (options.profile === "production" ? "" : ` (or set ${options.section}.auto_generate)`),
      );
    }
    if (authorities === undefined && !options.skipVerify) {
      faults.push(
        `${options.section}.ca_file is needed: without it client certificates cannot be checked`,
      );
    }
  }
  if (own !== undefined) faults.push(...faultsOfOwn(own, material, files));
  if (faults.length > 0) throw new SecurityConfigurationError(faults);
}

function faultsOfOwn(own: Certificate, material: TlsMaterial, files: TlsFiles): string[] {
  const { options, authorities } = material;
  const what = `${options.section}.cert_file: "${files.certFile}"`;
  const nowMs = options.nowMs ?? Date.now();
  const { notBeforeMs, notAfterMs } = own.identity;
  const faults: string[] = [];
  if (nowMs >= notAfterMs) faults.push(`${what} expired at ${instant(notAfterMs)}: renew it`);
  if (nowMs < notBeforeMs) {
    faults.push(`${what} is not valid before ${instant(notBeforeMs)}: is the clock right?`);
  }
  if (options.skipVerify) return faults;
  const usages = own.extendedKeyUsages;
  if (options.purpose === "server" && usages.length > 0 && !usages.includes(SERVER_AUTH_USAGE)) {
    faults.push(`${what} is not meant for servers: issue it with extended key usage serverAuth`);
  }
  if (options.purpose === "server" && !usages.includes(CLIENT_AUTH_USAGE)) {
    options.warn?.(
      `${what} is not meant for clients: other nodes will refuse the calls of this one ` +
        "(issue it with extended key usages serverAuth and clientAuth)",
    );
  }
  if (options.section === "security.raft_tls" && !own.identity.roles.includes("master")) {
    // Not a fault: a master that is alone has no peers.
    options.warn?.(
      `${what} does not carry the role master: other masters will refuse this one (issue it with ` +
        "the URI conductor:role:master among its alternative names)",
    );
  }
  if (options.purpose === "client" && !usages.includes(CLIENT_AUTH_USAGE)) {
    faults.push(`${what} is not meant for clients: issue it with extended key usage clientAuth`);
  }
  if (authorities !== undefined && issuerOf(own, authorities) === undefined) {
    // Not a fault: peers may trust other authorities than we do.
    options.warn?.(
      `${what} was not issued by an authority in ${options.section}.ca_file ("${files.caFile}"), ` +
        `but by "${own.issuer}": peers with the same ca_file will refuse it (an intermediate ` +
        "authority belongs into it beside its root)",
    );
  }
  return faults;
}
