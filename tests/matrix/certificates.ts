/**
 * The certificates that callers of the matrix show: one that is right in every role, and one for each
 * thing that can be wrong.
 *
 * @module
 */

import { join } from "node:path";
import {
  AuthorityFixture,
  CODE_SIGNING_USAGE,
  type LeafFixture,
  type PemPair,
} from "../../src/security/certificate_fixtures.ts";

const HOUR_MS = 3_600_000;
const SERVER_USAGE = "1.3.6.1.5.5.7.3.1";

/** What nodes show. */
const NODES = ["one", "two", "w1"] as const;

/** Certificates that are right, and whose roles are what counts. `client` narrows no token. */
const RIGHT = {
  client: ["client"],
  roleless: [],
  admin: ["admin"],
  viewer: ["viewer"],
  worker: ["worker"],
  master: ["master"],
  revoked: ["client"],
  "revoked master": ["master"],
} as const satisfies Record<string, readonly string[]>;

/** What is wrong with others, as far as the authority could be made to sign it. */
const WRONG = {
  expired: { startsInMs: -2 * HOUR_MS, endsInMs: -HOUR_MS },
  "not yet valid": { startsInMs: HOUR_MS, endsInMs: 2 * HOUR_MS },
  "meant for code": { usages: [CODE_SIGNING_USAGE] },
  "meant for servers": { usages: [SERVER_USAGE] },
} as const satisfies Record<string, LeafFixture>;

export type RightCertificate = keyof typeof RIGHT;
/** Those that no TLS handshake survives; null: none at all. */
export type WrongCertificate = keyof typeof WRONG | "of another authority" | "self-signed";
export const WRONG_CERTIFICATES: readonly WrongCertificate[] = [
  ...Object.keys(WRONG) as (keyof typeof WRONG)[],
  "of another authority",
  "self-signed",
];

/** All of them, and the authority. */
export interface Certificates {
  readonly authority: string;
  readonly pairs: ReadonlyMap<string, PemPair>;
}

/** Makes them, and writes those of the nodes below `directory`, as `NAME.crt`, `NAME.key` and `ca.crt`. */
export async function makeCertificates(directory: string): Promise<Certificates> {
  const ours = await AuthorityFixture.create("matrix");
  // Of the same name, as an impostor's would be.
  const theirs = await AuthorityFixture.create("matrix");
  const pairs = new Map<string, PemPair>();
  for (const [name, roles] of Object.entries(RIGHT)) {
    pairs.set(name, await ours.issue({ commonName: name.replaceAll(" ", "-"), roles }));
  }
  for (const [name, leaf] of Object.entries(WRONG)) {
    pairs.set(name, await ours.issue({ ...leaf, commonName: "admin", roles: ["admin", "master"] }));
  }
  const foreign = await theirs.issue({ commonName: "admin", roles: ["admin", "master"] });
  pairs.set("of another authority", foreign);
  const alone = await AuthorityFixture.create("admin");
  pairs.set("self-signed", await alone.issue({ commonName: "admin", roles: ["admin", "master"] }));
  await Deno.writeTextFile(join(directory, "ca.crt"), ours.pem);
  for (const name of NODES) {
    const roles = [name === "w1" ? "worker" : "master"];
    const { cert, key } = await ours.issue({ commonName: name, roles });
    await Deno.writeTextFile(join(directory, `${name}.crt`), cert);
    await Deno.writeTextFile(join(directory, `${name}.key`), key, { mode: 0o600 });
  }
  return { authority: ours.pem, pairs };
}
