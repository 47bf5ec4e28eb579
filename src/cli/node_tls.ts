/**
 * A node's certificates: read at the start, looked at again while it lives, and what ends with them.
 *
 * @module
 */

import type { LoadedConfig } from "../config/mod.ts";
import {
  type ListenerName,
  type RootLogger,
  throttledWarning,
  type TlsMetrics,
} from "../observability/mod.ts";
import {
  type AuditLog,
  type ChannelRules,
  ConnectionWatch,
  LiveTls,
  type OnHandshakeRefused,
  type OnServerLimit,
  RefusalTally,
  Revocations,
  type ServerBounds,
  type TlsMaterial,
  type TlsOptions,
} from "../security/mod.ts";
import { certificateDirectory } from "./connect.ts";

/** What a node shows, whom it trusts, and no longer. */
export interface NodeTls {
  /** Towards clients and workers; of a worker: towards masters. Null: plain text. */
  readonly section: LiveTls | null;
  /** Towards the other masters; null of a worker. */
  readonly raft: LiveTls | null;
  readonly revoked: Revocations;
  readonly watch: ConnectionWatch;
  readonly metrics: TlsMetrics;
  /** Of each listener. */
  readonly bounds: ServerBounds;
  readonly streamsMax: number;
  /** Told when one of the bounds strikes. */
  onLimit(listener: ListenerName): OnServerLimit;
  /** Told of each connection that a listener refuses before its first call. */
  onRefused(listener: ListenerName): OnHandshakeRefused;
  /** Writes down such connections, once there is an audit log; see {@linkcode RefusalTally}. */
  auditRefusals(audit: AuditLog): void;
  /** Writes down those that were only counted so far; to be called before the audit log is closed. */
  flushRefusals(): void;
}

/** What {@linkcode openNodeTls} is given. */
export interface NodeTlsParts {
  readonly log: RootLogger;
  readonly metrics: TlsMetrics;
  /** Asked for revocations too: what the cluster has agreed on. */
  readonly revokedByCluster?: (fingerprint256: string) => boolean;
}

/** Lines about connections in {@linkcode LINES_WINDOW_MS}; the rest is counted. */
const LINES_MAX = 10;
const LINES_WINDOW_MS = 10_000;

/**
 * Reads the certificates of a node.
 *
 * @throws SecurityConfigurationError naming each key and file that is at fault.
 */
export async function openNodeTls(
  loaded: LoadedConfig,
  role: "master" | "worker",
  { log, metrics, revokedByCluster }: NodeTlsParts,
): Promise<NodeTls> {
  const warn = (text: string) => log.warn(text);
  const section = await LiveTls.load(tlsOptions(loaded, "security.tls", role, warn));
  const raft = role === "master"
    ? await LiveTls.load(tlsOptions(loaded, "security.raft_tls", role, warn))
    : null;
  const elsewhere = revokedByCluster === undefined ? undefined : { has: revokedByCluster };
  const revoked = new Revocations(loaded.config.security.tls.revocationFile, elsewhere);
  await revoked.reload();
  const { connections } = loaded.config.security;
  const say = throttledWarning(log, { linesMax: LINES_MAX, windowMs: LINES_WINDOW_MS });
  const watch = new ConnectionWatch(({ peerAddress, direction, reason }) => {
    metrics.connectionsEndedTotal.inc({ direction });
    say("a connection was ended, its certificate is no longer good", {
      peer: peerAddress,
      direction,
      reason,
    });
  });
  const audits: AuditLog[] = [];
  const tally = new RefusalTally((refused) => {
    for (const audit of audits) {
      audit.record({ kind: "connection_refused", ...refused }, Date.now());
    }
  });
  const tls: NodeTls = {
    section,
    raft,
    revoked,
    watch,
    metrics,
    bounds: {
      connectionsMax: connections.max,
      connectionsOfAddressMax: connections.maxPerAddress,
      handshakeTimeoutMs: connections.handshakeTimeoutMs,
      idleTimeoutMs: connections.idleTimeoutMs,
      headerBytesMax: connections.maxHeaderSizeBytes,
    },
    streamsMax: connections.maxStreams,
    onLimit: (listener) => (reason, peer) => {
      metrics.connectionsRefusedTotal.inc({ listener, reason });
      // A connection that was idle has done nothing wrong.
      if (reason !== "idle") say("a limit of connections struck", { listener, peer, reason });
    },
    onRefused: (listener) => (peer, reason, error) => {
      metrics.connectionsRefusedTotal.inc({ listener, reason });
      say("a connection was refused", { listener, peer, reason });
      tally.add({ listener, reason, client: peer, ...(error !== undefined && { error }) });
    },
    auditRefusals: (audit) => void audits.push(audit),
    flushRefusals: () => tally.flush(),
  };
  tellEnds(tls);
  return tls;
}

/** Rules for what is dialled with a node's certificates. */
export function channelRules({ watch, revoked }: NodeTls): ChannelRules {
  return { watch, revoked };
}

/** Puts into the metrics when the certificates end. */
export function tellEnds({ section, raft, metrics }: NodeTls): void {
  const tell = (name: "tls" | "raft_tls", material: TlsMaterial | undefined) => {
    if (material?.own === undefined) return;
    const seconds = material.own.identity.notAfterMs / 1_000;
    metrics.certificateNotAfterSeconds.set({ section: name }, seconds);
  };
  tell("tls", section?.material);
  tell("raft_tls", raft?.material);
}

/** How a section of the configuration is read by a node of that role. */
export function tlsOptions(
  loaded: LoadedConfig,
  section: "security.tls" | "security.raft_tls",
  role: "master" | "worker",
  warn: (text: string) => void,
): TlsOptions {
  const { config, profile } = loaded;
  const serves = role === "master" || config.grpc.workerPort !== 0;
  const options = section === "security.tls" ? config.security.tls : config.security.raftTls;
  return {
    ...options,
    section,
    profile,
    generatedDir: certificateDirectory(config),
    purpose: serves ? "server" : "client",
    commonName: role === "master" ? config.cluster.nodeId : config.worker.workerId,
    role,
    warn,
  };
}
