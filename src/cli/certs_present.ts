/**
 * Certificates as people, configurations and scripts want to read them.
 *
 * @module
 */

import { type Certificate, type IssuedRecord, stateOf } from "../security/mod.ts";
import { renderPairs, renderTable } from "./table.ts";
import { printable, type Sheet } from "./terminal.ts";

/** @param nowMs milliseconds since the epoch */
export function recordJson(record: IssuedRecord, nowMs: number): Record<string, unknown> {
  return { ...record, state: stateOf(record, nowMs) };
}

/** Every certificate, one a line. */
export function recordRows(
  records: readonly IssuedRecord[],
  nowMs: number,
  sheet: Sheet,
): string {
  if (records.length === 0) return "No certificate was issued yet.\n";
  return renderTable(
    [
      { title: "NAME", cutTo: 16 },
      "ROLE",
      "STATE",
      "ENDS",
      { title: "SERIAL", rank: 2 },
      { title: "NAMES", cutTo: 12, rank: 1 },
    ],
    records.map((record) => [
      printable(record.name),
      printable(record.role),
      stateOf(record, nowMs),
      record.not_after.replace(/\.000Z$/, "Z"),
      record.serial,
      printable(record.sans.join(",")),
    ]),
    sheet,
  );
}

/** What the holder of a certificate writes into its configuration, or on its command line. */
export function usageText(record: IssuedRecord, caFile: string): string {
  const { role, cert_file, key_file } = record;
  const section = [
    "    enabled: true",
    `    cert_file: ${cert_file}`,
    `    key_file: ${key_file}`,
    `    ca_file: ${caFile}`,
    "    skip_verify: false",
    "    auto_generate: false",
  ].join("\n");
  const yaml = role === "master"
    ? `security:\n  tls:\n${section}\n  raft_tls: # towards the other masters\n${section}\n`
    : `security:\n  tls:\n${section}\n`;
  const flags = `--tls --cert ${cert_file} --key ${key_file} --ca-cert ${caFile}`;
  const command = role === "master" || role === "worker"
    ? `conductor ${role} ${flags}`
    : `conductor status ${flags}`;
  return `In its configuration:\n${yaml}\nOr as flags:\n${command}\n`;
}

/** Everything that a certificate says, and what its authority has noted since. */
export function certificateJson(
  { identity, subject, issuer, node, isAuthority, extendedKeyUsages }: Certificate,
  record: IssuedRecord | undefined,
): Record<string, unknown> {
  return {
    subject,
    issuer,
    serial: node.serialNumber.toLowerCase(),
    common_name: identity.commonName,
    roles: identity.roles,
    sans: identity.names,
    fingerprint: identity.fingerprint256,
    not_before: new Date(identity.notBeforeMs).toISOString(),
    not_after: new Date(identity.notAfterMs).toISOString(),
    is_authority: isAuthority,
    key_type: node.publicKey.asymmetricKeyType ?? null,
    uses: extendedKeyUsages.map((usage) => USES[usage] ?? usage),
    revoked_at: record?.revoked_at ?? null,
    reason: record?.reason ?? null,
  };
}

const USES: Readonly<Record<string, string>> = {
  "1.3.6.1.5.5.7.3.1": "server",
  "1.3.6.1.5.5.7.3.2": "client",
};

/** The same as a text. */
export function certificateText(
  certificate: Certificate,
  record: IssuedRecord | undefined,
): string {
  const { identity, node, isAuthority, extendedKeyUsages, subject, issuer } = certificate;
  const revoked = record?.revoked_at === undefined
    ? []
    : [["Revoked", `${record.revoked_at}${record.reason ? ` (${record.reason})` : ""}`] as const];
  return renderPairs([
    ["Subject", printable(subject)],
    ["Issuer", printable(issuer)],
    ["Role", isAuthority ? "authority" : printable(identity.roles.join(", ")) || "none"],
    ["Names", printable(identity.names.join(", ")) || "none"],
    ["Uses", extendedKeyUsages.map((usage) => USES[usage] ?? usage).join(", ") || "any"],
    [
      "Valid",
      `${new Date(identity.notBeforeMs).toISOString()} to ${
        new Date(identity.notAfterMs).toISOString()
      }`,
    ],
    ...revoked,
    ["Key", node.publicKey.asymmetricKeyType ?? "?"],
    ["Serial", node.serialNumber.toLowerCase()],
    ["Fingerprint", identity.fingerprint256],
  ]);
}
