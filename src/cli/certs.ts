/**
 * `conductor certs`: the built-in certificate authority.
 *
 * @module
 */

import { parseDuration } from "../config/mod.ts";
import {
  CertificateAuthority,
  type IssuedRecord,
  type KeyType,
  readCertificates,
  readSecretFile,
  stateOf,
} from "../security/mod.ts";
import { tell } from "./answer.ts";
import {
  certificateJson,
  certificateText,
  recordJson,
  recordRows,
  usageText,
} from "./certs_present.ts";
import { Misuse, NegativeAnswer } from "./failure.ts";
import type { Flags } from "./router.ts";
import { renderPairs } from "./table.ts";
import { printable, type Terminal } from "./terminal.ts";

type Run = (args: readonly string[], flags: Flags, terminal: Terminal) => Promise<void>;

const DAY_MS = 86_400_000;
const NODE_ROLES = ["master", "worker"];

/** Each subcommand by its name. */
export const certsCommands: Readonly<
  Record<"init" | "issue" | "renew" | "revoke" | "list" | "show", Run>
> = { init, issue, renew, revoke, list, show };

async function init(_args: readonly string[], flags: Flags, terminal: Terminal): Promise<void> {
  const directory = String(flags.dir);
  const passphrase = await passphraseOf(flags);
  const authority = await CertificateAuthority.create(directory, {
    // Two authorities that roll are trusted at once, and must not be called the same.
    commonName: (flags.name as string | undefined) ??
      `Conductor CA ${crypto.randomUUID().slice(0, 8)}`,
    lifeMs: lifetimeOf(flags, 3650 * DAY_MS),
    keyType: flags.keyType as KeyType,
    passphrase,
    nowMs: Date.now(),
  });
  const { identity } = authority.certificate;
  const answer = {
    directory: authority.directory,
    ca_file: authority.certificateFile,
    revocation_file: authority.index.revocationFile,
    fingerprint: identity.fingerprint256,
    not_after: new Date(identity.notAfterMs).toISOString(),
    key_encrypted: passphrase !== undefined,
  };
  const text = () =>
    renderPairs([
      ["Authority", `${printable(identity.commonName)}, until ${answer.not_after}`],
      ["Certificate", `${answer.ca_file} (for everybody)`],
      [
        "Key",
        `${authority.directory}/ca.key (${
          answer.key_encrypted ? "encrypted" : "not encrypted: --passphrase-file does it"
        }; keep it off the nodes)`,
      ],
      ["Next", `conductor certs issue${at(directory)} --role master NAME --san HOST`],
    ]);
  tell(flags, terminal, { json: answer, text });
}

async function issue([name = ""]: readonly string[], flags: Flags, terminal: Terminal) {
  const role = String(flags.role);
  const passphrase = await passphraseOf(flags);
  const { record, authority } = await CertificateAuthority.withLocked(
    String(flags.dir),
    async (authority) => ({
      authority,
      record: await authority.issue({
        name,
        role,
        sans: ((flags.san as string[] | undefined) ?? []).flatMap((each) => each.split(",")),
        lifeMs: lifetimeOf(flags, (NODE_ROLES.includes(role) ? 365 : 90) * DAY_MS),
        keyType: flags.keyType as KeyType,
        directory: flags.out as string | undefined,
        passphrase,
        nowMs: Date.now(),
      }),
    }),
  );
  const caFile = authority.certificateFile;
  tell(flags, terminal, {
    json: { ...recordJson(record, Date.now()), ca_file: caFile },
    text: () => `${recordPairs([record])}\n${usageText(record, caFile)}`,
  });
}

async function renew(names: readonly string[], flags: Flags, terminal: Terminal): Promise<void> {
  const passphrase = await passphraseOf(flags);
  const lifeMs = flags.lifetime === undefined ? undefined : lifetimeOf(flags, 0);
  const renewed = await CertificateAuthority.withLocked(String(flags.dir), async (authority) => {
    const nowMs = Date.now();
    const made: IssuedRecord[] = [];
    for (const name of chosenNames(authority, names, flags, nowMs)) {
      const keepsKey = flags.keepKey === true;
      made.push(await authority.renew(name, { lifeMs, keepsKey, passphrase, nowMs }));
    }
    return made;
  });
  tell(flags, terminal, {
    json: { certificates: renewed.map((record) => recordJson(record, Date.now())) },
    list: "certificates",
    text: () => renewed.length === 0 ? "No certificate is ending.\n" : recordPairs(renewed),
  });
}

function chosenNames(
  authority: CertificateAuthority,
  names: readonly string[],
  flags: Flags,
  nowMs: number,
): readonly string[] {
  const isMany = flags.all === true || flags.ending === true;
  if (isMany === names.length > 0) {
    throw new Misuse("name the certificates to renew, or give one of --ending and --all");
  }
  if (!isMany) return names;
  const latest = new Map(authority.index.records.map((record) => [record.name, record]));
  return [...latest.values()].filter((record) => {
    const state = stateOf(record, nowMs);
    return state !== "revoked" && (flags.all === true || state !== "valid");
  }).map(({ name }) => name);
}

async function revoke([which = ""]: readonly string[], flags: Flags, terminal: Terminal) {
  const isOffline = flags.offline === true;
  const { revoked, file } = await CertificateAuthority.withLocked(
    String(flags.dir),
    async (authority) => {
      const nowMs = Date.now();
      // Whom the cluster could not be told of the first time, it is told of when asked again.
      const known = authority.find(which).filter(({ revoked_at, not_after }) =>
        revoked_at !== undefined && Date.parse(not_after) > nowMs
      );
      const isKnown = !isOffline && known.length > 0 &&
        known.length === authority.find(which).length;
      const revoked = isKnown ? known : await authority.revoke(which, String(flags.reason), nowMs);
      return { revoked, file: authority.index.revocationFile };
    },
  );
  if (!isOffline) await tellCluster(revoked, flags, terminal);
  const json = {
    revoked: revoked.map((record) => recordJson(record, Date.now())),
    revocation_file: file,
    cluster_told: !isOffline,
  };
  const text = () =>
    renderPairs([
      ...revoked.map(({ name, serial, fingerprint }) =>
        ["Revoked", `${name}, serial ${serial}, fingerprint ${fingerprint}`] as const
      ),
      ["Listed in", `${file}, for nodes with security.tls.revocation_file`],
      [
        "Cluster",
        isOffline
          ? "was not told (--offline)"
          : "knows; its masters end connections within seconds",
      ],
    ]);
  tell(flags, terminal, { json, text });
}

/** @throws NegativeAnswer when it cannot be told; what was written down here stays. */
async function tellCluster(
  revoked: readonly IssuedRecord[],
  flags: Flags,
  terminal: Terminal,
): Promise<void> {
  const { withSecurity } = await import("./tokens.ts");
  try {
    await withSecurity(flags, terminal, async (client) => {
      for (const { fingerprint, not_after, reason = "" } of revoked) {
        const expiresAtMs = Date.parse(not_after);
        await client.revoke({ what: "certificate", id: fingerprint, expiresAtMs, reason });
      }
    });
  } catch (failure) {
    const why = failure instanceof Error ? failure.message : String(failure);
    throw new NegativeAnswer(
      `written down as revoked here, but the cluster was not told: ${why}; give the same command ` +
        "again with --addr, --tls and what else it takes to reach the cluster, or with --offline",
      { cause: failure },
    );
  }
}

async function list(_args: readonly string[], flags: Flags, terminal: Terminal): Promise<void> {
  const { index } = await CertificateAuthority.open(String(flags.dir));
  const nowMs = Date.now();
  tell(flags, terminal, {
    json: { certificates: index.records.map((record) => recordJson(record, nowMs)) },
    list: "certificates",
    text: (sheet) => recordRows(index.records, nowMs, sheet),
  });
}

async function show([which = ""]: readonly string[], flags: Flags, terminal: Terminal) {
  const records = await issuedAs(which, String(flags.dir));
  const files = records.length === 0 ? [which] : [records.at(-1)?.cert_file ?? which];
  const certificates = (await Promise.all(files.map(readCertificates))).flat();
  // Of a record whose file holds a later certificate by now, the index alone can tell.
  const known = new Map(records.map((record) => [record.fingerprint, record]));
  const of = (tellOf: typeof certificateJson | typeof certificateText) =>
    certificates.map((each) => tellOf(each, known.get(each.identity.fingerprint256)));
  tell(flags, terminal, {
    json: { certificates: of(certificateJson) },
    list: "certificates",
    text: () => of(certificateText).join("\n"),
  });
}

/** Certificates of the authority by that name; none where there is no authority, or it is a file. */
async function issuedAs(which: string, directory: string): Promise<readonly IssuedRecord[]> {
  if (which.includes("/") || /\.(crt|pem|cer)$/.test(which)) return [];
  const authority = await CertificateAuthority.open(directory);
  const found = authority.find(which);
  if (found.length > 0) return found;
  throw new Misuse(
    `"${which}" is neither name, serial nor fingerprint of a certificate of the authority in ` +
      `"${authority.directory}", nor a .crt or .pem file`,
  );
}

function recordPairs(records: readonly IssuedRecord[]): string {
  return records.map((record) =>
    renderPairs([
      ["Certificate", `${record.cert_file} (${record.role}, until ${record.not_after})`],
      ["Key", `${record.key_file} (mode 0600)`],
      ["Names", record.sans.join(", ") || "none: it is shown by clients only"],
      ["Serial", record.serial],
      ["Fingerprint", record.fingerprint],
    ])
  ).join("\n");
}

/** `--lifetime` in ms. */
function lifetimeOf(flags: Flags, defaultMs: number): number {
  if (flags.lifetime === undefined) return defaultMs;
  const parsed = parseDuration(String(flags.lifetime));
  if ("problem" in parsed || parsed.value < 1_000) {
    const problem = "problem" in parsed ? parsed.problem : "is shorter than a second";
    throw new Misuse(`--lifetime ${flags.lifetime} ${problem}; give one such as 90d or 8760h`);
  }
  return parsed.value;
}

/** Of the authority's key: from a file for its owner alone, or the environment. */
async function passphraseOf(flags: Flags): Promise<string | undefined> {
  if (typeof flags.passphraseFile !== "string") {
    return Deno.env.get("CONDUCTOR_CA_PASSPHRASE") || undefined;
  }
  const text = await readSecretFile(flags.passphraseFile, "--passphrase-file", {
    profile: "production",
    warn() {},
  });
  return text.replace(/\r?\n$/, "");
}

function at(directory: string): string {
  return directory === "certs" ? "" : ` --dir ${directory}`;
}
