/**
 * Settings that a node takes, and that are a risk where others can reach it.
 *
 * @module
 */

import type { ExaminedConfig } from "../config/mod.ts";
import { type Finding, findingsOf } from "./doctor_finding.ts";
import { listensOn } from "./doctor_host.ts";
import { isLoopbackHost } from "../security/mod.ts";

/** Every risk of the configuration, whatever its profile. */
export function settingFindings({ config, role, profile }: ExaminedConfig): Finding[] {
  const { warn } = findingsOf("setting");
  const { security, log, cluster } = config;
  const findings: Finding[] = [];
  if (security.tls.enabled && security.tls.skipVerify) {
    findings.push(
      warn("security.tls.skip_verify", "whoever answers is believed", "set it to false"),
    );
  }
  if (role === "client") return findings;
  const open = listensOn(config, role).filter(([, host]) => !isLoopbackHost(host));
  const names = open.map(([name, host]) => `${name} on ${host}`).join(", ");
  if (open.length > 0 && !security.tls.enabled) {
    findings.push(
      warn(
        "security.tls.enabled",
        `off, and others reach ${names}: tokens and jobs travel in clear text`,
        "switch it on (`conductor certs` makes what it takes), or listen on 127.0.0.1",
      ),
    );
  }
  if (role === "worker") return findings;
  if (open.some(([name]) => name === "Raft") && !security.raftTls.enabled) {
    findings.push(
      warn(
        "security.raft_tls.enabled",
        "off, and others reach the port between masters: whoever does may write the log",
        "switch it on, or let a firewall keep others away",
      ),
    );
  }
  if (open.length > 0 && !security.rbac.enabled) {
    findings.push(
      warn("security.rbac.enabled", "off: every caller may do everything", "switch it on"),
    );
  }
  if (open.length > 0 && !security.rateLimit.enabled) {
    findings.push(
      warn("security.rate_limit.enabled", "off: one caller can take all there is", "switch it on"),
    );
  }
  if (!log.auditEnabled) {
    findings.push(
      warn("log.audit_enabled", "off: nobody will know who did what", "switch it on"),
    );
  }
  const isPassing = /^\/(var\/)?tmp(\/|$)/.test(cluster.dataDir);
  if (isPassing && (profile !== "development" || open.length > 0)) {
    findings.push(
      warn("cluster.data_dir", `${cluster.dataDir} is emptied now and then`, "name a lasting one"),
    );
  }
  return findings;
}

/**
 * A cluster of two, or of four, survives no more losses than one of one, or of three.
 *
 * @param away voters that their leader does not hear of: these losses it has had already
 */
export function quorumFinding(voters: number, away = 0): Finding {
  const { ok, warn } = findingsOf("quorum");
  const losses = Math.floor((voters - 1) / 2);
  if (away > 0) {
    const left = Math.max(0, losses - away);
    return warn(
      "voters",
      `${voters} of the members vote, and ${away} of them ${away === 1 ? "is" : "are"} away: ` +
        `${left === 0 ? "none" : left} more may be lost`,
      "bring back who is away before anything else is stopped",
    );
  }
  const found = `${voters} of the members vote: ${losses} may be lost`;
  if (voters % 2 === 1) return ok("voters", found);
  return warn("voters", found, `as many as with ${voters - 1}; add one that votes`);
}
