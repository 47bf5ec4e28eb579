/**
 * Whether a node could use the certificates that its configuration names, and for how long.
 *
 * @module
 */

import type { ExaminedConfig } from "../config/mod.ts";
import { loadTls, type TlsOptions } from "../security/mod.ts";
import { certificateDirectory } from "./connect.ts";
import { reasonOf } from "./reason.ts";
import { type Finding, findingsOf } from "./doctor_finding.ts";
import { tlsOptions } from "./node_tls.ts";

/** A certificate with less of its life left is to be renewed: a part of it, and a time in ms. */
const ENDING = { part: 1 / 4, ms: 14 * 86_400_000 };

/** One finding or more for each section that is switched on. */
export async function certificateFindings(loaded: ExaminedConfig): Promise<Finding[]> {
  const sections = loaded.role === "master"
    ? ["security.tls", "security.raft_tls"] as const
    : ["security.tls"] as const;
  const findings: Finding[] = [];
  for (const section of sections) findings.push(...await ofSection(loaded, section));
  return findings;
}

async function ofSection(
  loaded: ExaminedConfig,
  section: "security.tls" | "security.raft_tls",
): Promise<Finding[]> {
  const { ok, warn, fail } = findingsOf("certificate");
  const warnings: string[] = [];
  const findings: Finding[] = [];
  const options = optionsOf(loaded, section, (text) => warnings.push(text));
  if (!options.enabled) {
    return loaded.profile === "development"
      ? [ok(section, "off: connections are not encrypted")]
      : [warn(section, "off: connections are not encrypted", `set ${section}.enabled`)];
  }
  // Whoever looks must not make any; and those made for development are made anew when they end.
  if (options.autoGenerate && options.certFile === "") {
    return [ok(section, `made by the node itself, in ${options.generatedDir}`)];
  }
  try {
    const material = await loadTls(options);
    findings.push(...warnings.map((text) => warn(section, text)));
    const identity = material?.own?.identity;
    if (identity === undefined) return [...findings, ok(section, "none of its own: a client's")];
    if (loaded.role === "master" && !bears(identity.names, options.serverName)) {
      // Clients may know it by another name; the other masters share its configuration.
      const tell = section === "security.raft_tls" ? fail : warn;
      findings.push(
        tell(
          section,
          `"${identity.commonName}" is for ${
            identity.names.join(", ") || "no name"
          }, and not for ` +
            `"${options.serverName}" (${section}.server_name), by which masters are known`,
          `name what the masters' certificates bear; with --set ${section}.server_name= each is ` +
            "known by the host that is dialled",
        ),
      );
    }
    const { notBeforeMs, notAfterMs, commonName } = identity;
    const leftMs = notAfterMs - Date.now();
    const days = Math.floor(leftMs / 86_400_000);
    const found = `"${commonName}" ends ${new Date(notAfterMs).toISOString()}, in ${days} days`;
    const isEnding = leftMs < Math.max(ENDING.ms, (notAfterMs - notBeforeMs) * ENDING.part);
    return [
      ...findings,
      isEnding
        ? warn(
          section,
          found,
          "renew it: `conductor certs renew --ending`; nodes take it up themselves",
        )
        : ok(section, found),
    ];
  } catch (failure) {
    return [fail(section, reasonOf(failure), "`conductor certs` makes and renews certificates")];
  }
}

/** Whether a certificate of those names is one for `name`; empty: for what was dialled, whatever it is. */
function bears(names: readonly string[], name: string): boolean {
  const wanted = name.toLowerCase();
  const withStar = wanted.replace(/^[^.]+/, "*");
  return name === "" || names.some((each) => [wanted, withStar].includes(each.toLowerCase()));
}

function optionsOf(
  loaded: ExaminedConfig,
  section: "security.tls" | "security.raft_tls",
  warn: (text: string) => void,
): TlsOptions {
  if (loaded.role !== "client") return tlsOptions(loaded, section, loaded.role, warn);
  return {
    ...loaded.config.security.tls,
    section,
    profile: loaded.profile,
    role: "client",
    generatedDir: certificateDirectory(loaded.config),
    purpose: "client",
    commonName: "client",
    warn,
  };
}
