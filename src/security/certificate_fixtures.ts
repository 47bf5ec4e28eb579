/** Authorities and certificates of every quality, for this room's tests. Not part of its door. */

import { join } from "node:path";
import { loadX509 } from "./x509_library.ts";

const ALGORITHM = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;
const HOUR_MS = 3_600_000;

/** `1.3.6.1.5.5.7.3.3`: a usage that is neither server nor client. */
export const CODE_SIGNING_USAGE = "1.3.6.1.5.5.7.3.3";

export interface LeafFixture {
  readonly commonName?: string;
  readonly roles?: readonly string[];
  /** Relative to now, in ms. */
  readonly startsInMs?: number;
  readonly endsInMs?: number;
  /** Object identifiers; an empty list leaves the extension out. */
  readonly usages?: readonly string[];
}

export interface PemPair {
  readonly cert: string;
  readonly key: string;
}

/** None: the extension is left out. */
function extendedUsages(x509: Awaited<ReturnType<typeof loadX509>>, usages: readonly string[]) {
  return usages.length === 0 ? [] : [new x509.ExtendedKeyUsageExtension([...usages])];
}

/** An authority that issues whatever it is asked for. */
export class AuthorityFixture {
  readonly pem: string;
  readonly #keys: CryptoKeyPair;
  readonly #name: string;

  private constructor(pem: string, keys: CryptoKeyPair, name: string) {
    this.pem = pem;
    this.#keys = keys;
    this.#name = name;
  }

  static async create(
    name: string,
    { endsInMs = 24 * HOUR_MS, usages = [] }: Pick<LeafFixture, "endsInMs" | "usages"> = {},
  ): Promise<AuthorityFixture> {
    const x509 = await loadX509();
    const keys = await crypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]);
    const certificate = await x509.X509CertificateGenerator.createSelfSigned({
      serialNumber: "01",
      name: `CN=${name}`,
      notBefore: new Date(Date.now() - 48 * HOUR_MS),
      notAfter: new Date(Date.now() + endsInMs),
      signingAlgorithm: ALGORITHM,
      keys,
      extensions: [
        new x509.BasicConstraintsExtension(true, 0, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign, true),
        ...extendedUsages(x509, usages),
      ],
    });
    return new AuthorityFixture(`${certificate.toString("pem")}\n`, keys, `CN=${name}`);
  }

  async issue(fixture: LeafFixture = {}): Promise<PemPair> {
    const x509 = await loadX509();
    const keys = await crypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]);
    const usages = fixture.usages ??
      [x509.ExtendedKeyUsage.serverAuth, x509.ExtendedKeyUsage.clientAuth];
    const certificate = await x509.X509CertificateGenerator.create({
      serialNumber: crypto.randomUUID().replaceAll("-", "").replace(/^./, "1"),
      subject: [{ CN: [fixture.commonName ?? "peer"] }],
      issuer: this.#name,
      notBefore: new Date(Date.now() + (fixture.startsInMs ?? -HOUR_MS)),
      notAfter: new Date(Date.now() + (fixture.endsInMs ?? HOUR_MS)),
      signingAlgorithm: ALGORITHM,
      publicKey: keys.publicKey,
      signingKey: this.#keys.privateKey,
      extensions: [
        new x509.BasicConstraintsExtension(false, undefined, true),
        ...extendedUsages(x509, usages),
        new x509.SubjectAlternativeNameExtension([
          { type: "dns", value: "localhost" },
          { type: "ip", value: "127.0.0.1" },
          ...(fixture.roles ?? []).map((role) =>
            ({ type: "url", value: `conductor:role:${role}` }) as const
          ),
        ]),
      ],
    });
    const exported = await crypto.subtle.exportKey("pkcs8", keys.privateKey);
    return {
      cert: `${certificate.toString("pem")}\n`,
      key: `${x509.PemConverter.encode(exported, "PRIVATE KEY")}\n`,
    };
  }
}

/** DER of a PEM certificate. */
export async function derOf(pem: string): Promise<Uint8Array> {
  return new Uint8Array((await loadX509()).PemConverter.decodeFirst(pem));
}

/** Writes a pair (the key with mode 0600) and the authority; returns their paths. */
export async function writePair(
  directory: string,
  name: string,
  pair: PemPair,
  caPem: string,
): Promise<{ certFile: string; keyFile: string; caFile: string }> {
  const files = {
    certFile: join(directory, `${name}.crt`),
    keyFile: join(directory, `${name}.key`),
    caFile: join(directory, `${name}-ca.crt`),
  };
  await Deno.writeTextFile(files.certFile, pair.cert);
  await Deno.writeTextFile(files.keyFile, pair.key, { mode: 0o600 });
  await Deno.writeTextFile(files.caFile, caPem);
  return files;
}

/** A temporary directory that goes away with its scope. */
export async function temporaryDirectory(): Promise<{ path: string } & AsyncDisposable> {
  const path = await Deno.makeTempDir({ prefix: "conductor-security-" });
  return {
    path,
    async [Symbol.asyncDispose]() {
      await Deno.remove(path, { recursive: true });
    },
  };
}
