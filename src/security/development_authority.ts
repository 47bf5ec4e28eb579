import { join } from "node:path";
import { certificatePem, makeAuthority, makeLeaf } from "./certificate_making.ts";
import { type Certificate, instant, issuerOf, parseCertificates } from "./certificates.ts";
import { createPrivateKey, hash } from "node:crypto";
import { reasonOf, SecurityConfigurationError } from "./configuration_error.ts";
import { fileExists, writeFileAtomically } from "./key_files.ts";
import type { X509 } from "./x509_library.ts";

/** What to issue from the development authority. */
export interface IssueOptions {
  /** Subject's common name: the node's id, or the user's name. */
  readonly commonName: string;
  /** Put into the certificate as the URI `conductor:role:<role>`. */
  readonly role: string;
  /** DNS names and IP addresses besides those that every certificate gets. */
  readonly names?: readonly string[];
  /** Where certificate and key go. Default: beside the authority, named by role and common name. */
  readonly certFile?: string;
  readonly keyFile?: string;
  /** Where, beside a named pair, the authority's certificate goes if nothing is there. */
  readonly caFile?: string;
  /** Milliseconds since the epoch. */
  readonly nowMs: number;
}

/** Files of an issued certificate, all in PEM. */
export interface IssuedFiles {
  readonly certFile: string;
  readonly keyFile: string;
  readonly caFile: string;
}

const ORGANIZATION = "Conductor Development";
const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;
const AUTHORITY_LIFE_MS = 5 * 365 * DAY_MS;
const LEAF_LIFE_MS = 365 * DAY_MS;
/** A certificate with less than this left is issued anew. */
const RENEW_BEFORE_MS = 30 * DAY_MS;
/** Tolerance for clocks that run late. */
const BACKDATED_MS = 5 * MINUTE_MS;

/** As the original's: what a development certificate is always good for. */
const USUAL_NAMES = ["localhost", "conductor", "*.conductor.local", "127.0.0.1", "::1"];

/**
 * Issues a certificate from the development authority kept in a directory, making the authority
 * first when there is none. Whoever is pointed at the same directory trusts the others: that is how
 * a master, a worker and a command on one machine find mTLS without being set up.
 *
 * What is there and still good is kept. An exclusive lock on a file in the directory makes it safe
 * for processes that start together; a process that dies leaves the lock free. Keys are written with
 * mode 0600 into a directory of mode 0700.
 *
 * @throws {SecurityConfigurationError} when the directory or its files cannot be used
 */
export async function issueForDevelopment(
  x509: X509,
  directory: string,
  options: IssueOptions,
): Promise<IssuedFiles> {
  try {
    await Deno.mkdir(directory, { recursive: true, mode: 0o700 });
    using lock = await Deno.open(join(directory, ".lock"), {
      create: true,
      write: true,
      mode: 0o600,
    });
    await lock.lock(true);
    const authority = await keptOrNewAuthority(x509, directory, options.nowMs);
    return await keptOrNewLeaf(x509, directory, authority, options);
  } catch (thrown) {
    if (thrown instanceof SecurityConfigurationError) throw thrown;
    throw new SecurityConfigurationError([
      `auto_generate: cannot keep development certificates in "${directory}": ${reasonOf(thrown)}`,
    ], { cause: thrown });
  }
}

interface Authority {
  readonly certificate: Certificate;
  readonly privateKeyPem: string;
  readonly caFile: string;
}

/** Key and certificate share one file, so that no crash can part them. */
async function keptOrNewAuthority(
  x509: X509,
  directory: string,
  nowMs: number,
): Promise<Authority> {
  const secretFile = join(directory, "development-ca.pem");
  const caFile = join(directory, "ca.crt");
  if (!(await fileExists(secretFile))) {
    await writeFileAtomically(secretFile, await newAuthority(x509, nowMs), 0o600);
  }
  const pem = await Deno.readTextFile(secretFile);
  const [certificate] = parseCertificates(x509, pem, `"${secretFile}"`);
  const privateKeyPem = pem.match(/-----BEGIN PRIVATE KEY-----[\s\S]*?-----END PRIVATE KEY-----/)
    ?.[0];
  if (certificate === undefined || privateKeyPem === undefined || !certificate.isAuthority) {
    throw new SecurityConfigurationError([
      `"${secretFile}" is not a development authority: remove "${directory}" to start over`,
    ]);
  }
  const { notAfterMs } = certificate.identity;
  if (notAfterMs <= nowMs + RENEW_BEFORE_MS) {
    throw new SecurityConfigurationError([
      `the development authority in "${directory}" ends at ${instant(notAfterMs)}: ` +
      "stop the nodes that use it and remove the directory to start over",
    ]);
  }
  const publicPem = certificatePem(x509, certificate);
  if (!(await fileExists(caFile)) || (await Deno.readTextFile(caFile)) !== publicPem) {
    await writeFileAtomically(caFile, publicPem, 0o644);
  }
  return { certificate, privateKeyPem, caFile };
}

async function keptOrNewLeaf(
  x509: X509,
  directory: string,
  authority: Authority,
  options: IssueOptions,
): Promise<IssuedFiles> {
  const stem = join(directory, fileStem(`${options.role}-${options.commonName}`));
  const certFile = options.certFile || `${stem}.crt`;
  const keyFile = options.keyFile || `${stem}.key`;
  // Before the pair: once a named one is there, nothing is made any more, and its authority must be, too.
  const { caFile = "" } = options;
  if (options.certFile && caFile !== "" && !(await fileExists(caFile))) {
    await writeFileAtomically(caFile, certificatePem(x509, authority.certificate), 0o644);
  }
  if (!(await isStillGood(x509, certFile, keyFile, authority.certificate, options))) {
    const leaf = await newLeaf(x509, authority, options);
    // The key goes first: a crash in between leaves a pair that does not match and is made anew.
    await writeFileAtomically(keyFile, leaf.privateKeyPem, 0o600);
    await writeFileAtomically(certFile, leaf.certificatePem, 0o644);
  }
  return { certFile, keyFile, caFile: authority.caFile };
}

/** Issued by this authority, for this role and these names, matching its key, and not ending soon. */
async function isStillGood(
  x509: X509,
  certFile: string,
  keyFile: string,
  authority: Certificate,
  options: IssueOptions,
): Promise<boolean> {
  if (!(await fileExists(certFile)) || !(await fileExists(keyFile))) return false;
  try {
    const [kept] = parseCertificates(x509, await Deno.readTextFile(certFile), certFile);
    if (kept === undefined) return false;
    const { identity } = kept;
    const mustHold = [...USUAL_NAMES, ...(options.names ?? [])].map((name) => name.toLowerCase());
    const held = new Set(identity.names.map((name) => name.toLowerCase()));
    return kept.node.checkPrivateKey(createPrivateKey(await Deno.readTextFile(keyFile))) &&
      issuerOf(kept, [authority]) !== undefined &&
      identity.commonName === options.commonName &&
      identity.roles.includes(options.role) &&
      mustHold.every((name) => held.has(name)) &&
      identity.notAfterMs > options.nowMs + RENEW_BEFORE_MS;
  } catch (thrown) {
    // Unreadable for want of permission is not ours to overwrite; unparsable is.
    if (thrown instanceof Deno.errors.PermissionDenied) throw thrown;
    return false;
  }
}

async function newAuthority(x509: X509, nowMs: number): Promise<string> {
  const made = await makeAuthority(x509, {
    organization: ORGANIZATION,
    commonName: `Conductor development CA ${crypto.randomUUID().slice(0, 8)}`,
    notBeforeMs: nowMs - BACKDATED_MS,
    notAfterMs: nowMs + AUTHORITY_LIFE_MS,
  });
  return made.privateKeyPem + made.certificatePem;
}

function newLeaf(x509: X509, authority: Authority, options: IssueOptions) {
  return makeLeaf(x509, authority, {
    organization: ORGANIZATION,
    commonName: options.commonName,
    roles: [options.role],
    names: [...new Set([...USUAL_NAMES, ...(options.names ?? [])])],
    isServer: true,
    notBeforeMs: options.nowMs - BACKDATED_MS,
    notAfterMs: Math.min(
      options.nowMs + LEAF_LIFE_MS,
      authority.certificate.identity.notAfterMs,
    ),
  });
}

/**
 * A common name as a file name. Whatever might mean something to a file system is replaced, and then
 * a digest keeps names apart that have become alike.
 */
function fileStem(name: string): string {
  const plain = name.toLowerCase().replace(/[^a-z0-9.-]/g, "_").slice(0, 100);
  return plain === name ? plain : `${plain}-${hash("sha256", name, "hex").slice(0, 8)}`;
}
