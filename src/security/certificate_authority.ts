/**
 * The built-in certificate authority: a directory with its key, its certificate and an index of what
 * it has issued. It is used by hand (`conductor certs`) and never by a running node.
 */

import { join, resolve } from "node:path";
import { AuthorityIndex, type IssuedRecord } from "./authority_index.ts";
import {
  certificatePem,
  isSealed,
  type KeyType,
  makeAuthority,
  makeLeaf,
  openedKey,
  sealedKey,
} from "./certificate_making.ts";
import {
  assertKeyMatches,
  type Certificate,
  instant,
  parseCertificate,
  parseCertificates,
} from "./certificates.ts";
import { reasonOf, SecurityConfigurationError } from "./configuration_error.ts";
import {
  type CertificateRequest,
  faultsOf,
  isServerRole,
  usualNames,
} from "./certificate_request.ts";
import { fileExists, readPublicFile, readSecretFile, writeFileAtomically } from "./key_files.ts";
import { writePairFiles } from "./pair_files.ts";
import { loadX509, type X509 } from "./x509_library.ts";

/** How an authority is made. */
export interface NewAuthorityOptions {
  readonly commonName: string;
  readonly lifeMs: number;
  readonly keyType: KeyType;
  /** Its key is encrypted with this; undefined: it is in clear text, for its owner alone. */
  readonly passphrase?: string | undefined;
  /** Milliseconds since the epoch. */
  readonly nowMs: number;
}

/** How a certificate is made anew. */
export interface RenewalRequest {
  readonly lifeMs?: number | undefined;
  /** Certify the same key again. */
  readonly keepsKey: boolean;
  readonly passphrase?: string | undefined;
  /** Milliseconds since the epoch. */
  readonly nowMs: number;
}

/** Passphrases are stretched by PBKDF2 only; short ones could be guessed. */
const PASSPHRASE_CHARACTERS_MIN = 12;

/** Tolerance for clocks that run late. */
const BACKDATED_MS = 5 * 60_000;
/** An authority in its directory. */
export class CertificateAuthority {
  readonly directory: string;
  readonly certificate: Certificate;
  readonly index: AuthorityIndex;
  readonly #x509: X509;

  private constructor(
    x509: X509,
    directory: string,
    certificate: Certificate,
    index: AuthorityIndex,
  ) {
    this.#x509 = x509;
    this.directory = directory;
    this.certificate = certificate;
    this.index = index;
  }

  /** Where its certificate is: the `ca_file` of everybody. */
  get certificateFile(): string {
    return join(this.directory, "ca.crt");
  }

  /**
   * Makes one in a new or empty directory (mode 0700).
   *
   * @throws {SecurityConfigurationError} when there is something already
   */
  static async create(
    directory: string,
    options: NewAuthorityOptions,
  ): Promise<CertificateAuthority> {
    const place = resolve(directory);
    const { passphrase } = options;
    if (passphrase !== undefined && passphrase.length < PASSPHRASE_CHARACTERS_MIN) {
      throw new SecurityConfigurationError([
        `the passphrase has ${passphrase.length} characters: give it at least ` +
        `${PASSPHRASE_CHARACTERS_MIN}, since it is all that guards the authority's key`,
      ]);
    }
    await makePrivateDirectory(place);
    const x509 = await loadX509();
    const made = await makeAuthority(x509, {
      organization: "Conductor",
      commonName: options.commonName,
      notBeforeMs: options.nowMs - BACKDATED_MS,
      notAfterMs: options.nowMs + options.lifeMs,
      keyType: options.keyType,
    });
    await writeFileAtomically(
      join(place, "ca.key"),
      sealedKey(made.privateKeyPem, passphrase),
      0o600,
    );
    await writeFileAtomically(join(place, "ca.crt"), made.certificatePem, 0o644);
    const authority = await CertificateAuthority.open(place);
    // There from the start, so that nodes can be told where to look.
    await authority.index.writeRevoked();
    return authority;
  }

  /**
   * Opens one for `use` alone: whoever else wants to issue or revoke waits.
   *
   * @throws {SecurityConfigurationError} when there is none
   */
  static async withLocked<Answer>(
    directory: string,
    use: (authority: CertificateAuthority) => Promise<Answer>,
  ): Promise<Answer> {
    await CertificateAuthority.open(directory);
    using lock = await Deno.open(join(resolve(directory), ".lock"), {
      create: true,
      write: true,
      mode: 0o600,
    });
    await lock.lock(true);
    return await use(await CertificateAuthority.open(directory));
  }

  /** @throws {SecurityConfigurationError} when there is none */
  static async open(directory: string): Promise<CertificateAuthority> {
    const place = resolve(directory);
    const certFile = join(place, "ca.crt");
    if (!(await fileExists(certFile))) {
      throw new SecurityConfigurationError([
        `there is no authority in "${place}": make one with conductor certs init --dir ${directory}`,
      ]);
    }
    const x509 = await loadX509();
    const [certificate] = parseCertificates(
      x509,
      await readPublicFile(certFile, "the authority's certificate"),
      `"${certFile}"`,
    );
    if (certificate === undefined || !certificate.isAuthority) {
      throw new SecurityConfigurationError([`"${certFile}" is no certificate authority's`]);
    }
    return new CertificateAuthority(x509, place, certificate, await AuthorityIndex.read(place));
  }

  /** Whether the key needs a passphrase. */
  async isSealed(): Promise<boolean> {
    return isSealed(await this.#sealedKey());
  }

  /**
   * Issues a certificate and writes it and its key (mode 0600).
   *
   * @throws {SecurityConfigurationError} naming everything that is wrong with the request
   */
  async issue(request: CertificateRequest): Promise<IssuedRecord> {
    const { name, role, directory = this.directory } = request;
    const faults = faultsOf(request);
    const standing = this.latest(name);
    if (standing !== undefined && isStanding(standing, request.nowMs)) {
      faults.push(
        `"${name}" has a certificate (role ${standing.role}, until ${standing.not_after}): renew ` +
          `it (conductor certs renew ${name}) or revoke it first`,
      );
    }
    if (faults.length > 0) throw new SecurityConfigurationError(faults);
    if (resolve(directory) !== this.directory) {
      await Deno.mkdir(directory, { recursive: true, mode: 0o700 });
    }
    return await this.#make({
      name,
      role,
      sans: [...new Set([...usualNames(name, role), ...request.sans])],
      lifeMs: request.lifeMs,
      keyType: request.keyType,
      certFile: resolve(directory, `${name}.crt`),
      keyFile: resolve(directory, `${name}.key`),
      passphrase: request.passphrase,
      nowMs: request.nowMs,
    });
  }

  /**
   * Issues the same certificate again, to the same files: name, role and SANs are kept, the key is
   * new unless asked otherwise, and it lives as long as the last one did.
   *
   * @throws {SecurityConfigurationError} when there is none of that name, or it was revoked
   */
  async renew(name: string, request: RenewalRequest): Promise<IssuedRecord> {
    const last = this.latest(name);
    if (last === undefined) throw this.#unknown(name);
    if (last.revoked_at !== undefined) {
      throw new SecurityConfigurationError([
        `the certificate of "${name}" was revoked at ${last.revoked_at}: issue another with ` +
        `conductor certs issue --role ${last.role} ${name}`,
      ]);
    }
    const lifeMs = request.lifeMs ??
      Date.parse(last.not_after) - Date.parse(last.not_before) - BACKDATED_MS;
    const keptKey = request.keepsKey
      ? await readSecretFile(last.key_file, "the key to keep", { profile: "production", warn() {} })
      : undefined;
    return await this.#make({
      name,
      role: last.role,
      sans: last.sans,
      lifeMs,
      keyType: await keyTypeIn(last),
      certFile: last.cert_file,
      keyFile: last.key_file,
      passphrase: request.passphrase,
      nowMs: request.nowMs,
      ...(keptKey === undefined ? {} : { privateKeyPem: keptKey }),
    });
  }

  /**
   * Marks certificates as revoked in the index and in `revoked.json`: the one of that serial or
   * fingerprint, or all of that name that have not expired.
   *
   * @returns those that are revoked now and were not
   * @throws {SecurityConfigurationError} when nothing is meant, or all of it is revoked already
   */
  async revoke(which: string, reason: string, nowMs: number): Promise<readonly IssuedRecord[]> {
    const meant = this.find(which).filter((record) => Date.parse(record.not_after) > nowMs);
    if (meant.length === 0) {
      if (this.find(which).length === 0) throw this.#unknown(which);
      throw new SecurityConfigurationError([
        `every certificate of "${which}" has expired: there is nothing left to revoke`,
      ]);
    }
    const standing = meant.filter(({ revoked_at }) => revoked_at === undefined);
    if (standing.length === 0) {
      throw new SecurityConfigurationError([
        `"${which}" was revoked at ${meant[0]?.revoked_at} already`,
      ]);
    }
    const fingerprints = new Set(standing.map(({ fingerprint }) => fingerprint));
    await this.index.revoke(fingerprints, nowMs, reason);
    return this.index.records.filter(({ fingerprint }) => fingerprints.has(fingerprint));
  }

  /** Every certificate of a name, or the one of a serial or fingerprint (colons and case aside). */
  find(which: string): readonly IssuedRecord[] {
    const byName = this.index.records.filter(({ name }) => name === which);
    if (byName.length > 0) return byName;
    const hex = which.replaceAll(":", "").toLowerCase();
    return this.index.records.filter(({ serial, fingerprint }) =>
      serial === hex || fingerprint === hex
    );
  }

  /** The last certificate of a name. */
  latest(name: string): IssuedRecord | undefined {
    return this.index.records.findLast((record) => record.name === name);
  }

  #unknown(which: string): SecurityConfigurationError {
    return new SecurityConfigurationError([
      `"${which}" is neither name, serial nor fingerprint of a certificate that the authority in ` +
      `"${this.directory}" has issued: conductor certs list shows them`,
    ]);
  }

  async #make(order: {
    readonly name: string;
    readonly role: string;
    readonly sans: readonly string[];
    readonly lifeMs: number;
    readonly keyType: KeyType;
    readonly certFile: string;
    readonly keyFile: string;
    readonly privateKeyPem?: string;
    readonly passphrase: string | undefined;
    readonly nowMs: number;
  }): Promise<IssuedRecord> {
    const { nowMs, certFile, keyFile } = order;
    const authorityEndsMs = this.certificate.identity.notAfterMs;
    if (authorityEndsMs <= nowMs) {
      throw new SecurityConfigurationError([
        `the authority in "${this.directory}" expired at ${instant(authorityEndsMs)}: make another`,
      ]);
    }
    const made = await makeLeaf(this.#x509, await this.#signer(order.passphrase), {
      organization: "Conductor",
      commonName: order.name,
      roles: [order.role],
      names: order.sans,
      isServer: isServerRole(order.role),
      notBeforeMs: nowMs - BACKDATED_MS,
      notAfterMs: Math.min(nowMs + order.lifeMs, authorityEndsMs),
      keyType: order.keyType,
      ...(order.privateKeyPem === undefined ? {} : { privateKeyPem: order.privateKeyPem }),
    });
    const { identity, node } = parseCertificate(
      this.#x509,
      new Uint8Array(this.#x509.PemConverter.decodeFirst(made.certificatePem)),
    );
    const record: IssuedRecord = {
      serial: node.serialNumber.toLowerCase(),
      name: order.name,
      role: order.role,
      sans: identity.names,
      fingerprint: identity.fingerprint256,
      not_before: instant(identity.notBeforeMs),
      not_after: instant(identity.notAfterMs),
      cert_file: certFile,
      key_file: keyFile,
    };
    try {
      // The index first: whatever exists can be revoked.
      await this.index.add(record);
      await writePairFiles({ certFile, keyFile }, made);
    } catch (thrown) {
      throw new SecurityConfigurationError([
        `cannot write the certificate of "${order.name}": ${reasonOf(thrown)}`,
      ], { cause: thrown });
    }
    return record;
  }

  async #signer(passphrase: string | undefined) {
    const keyFile = join(this.directory, "ca.key");
    const privateKeyPem = openedKey(await this.#sealedKey(), passphrase, `"${keyFile}"`);
    const { certificate } = this;
    assertKeyMatches(certificate, privateKeyPem, `"${this.certificateFile}"`, `"${keyFile}"`);
    return { certificate, privateKeyPem };
  }

  #sealedKey(): Promise<string> {
    return readSecretFile(join(this.directory, "ca.key"), "the authority's key", {
      profile: "production",
      warn() {},
    });
  }

  /** PEM of its certificate. */
  get pem(): string {
    return certificatePem(this.#x509, this.certificate);
  }
}

function isStanding(record: IssuedRecord, nowMs: number): boolean {
  return record.revoked_at === undefined && Date.parse(record.not_after) > nowMs;
}

async function keyTypeIn({ cert_file }: IssuedRecord): Promise<KeyType> {
  if (!(await fileExists(cert_file))) return "ecdsa-p256";
  const [certificate] = parseCertificates(
    await loadX509(),
    await Deno.readTextFile(cert_file),
    `"${cert_file}"`,
  );
  return certificate?.node.publicKey.asymmetricKeyType === "ed25519" ? "ed25519" : "ecdsa-p256";
}

async function makePrivateDirectory(directory: string): Promise<void> {
  try {
    await Deno.mkdir(directory, { recursive: true, mode: 0o700 });
    for await (const { name } of Deno.readDir(directory)) {
      throw new SecurityConfigurationError([
        `"${directory}" is not empty (it holds ${name}): an authority is made in a directory of ` +
        "its own",
      ]);
    }
    if (Deno.build.os !== "windows") await Deno.chmod(directory, 0o700);
  } catch (thrown) {
    if (thrown instanceof SecurityConfigurationError) throw thrown;
    throw new SecurityConfigurationError([
      `cannot make the directory "${directory}": ${reasonOf(thrown)}`,
    ], { cause: thrown });
  }
}
