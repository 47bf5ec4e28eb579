/**
 * What must hold between keys, and what a profile demands.
 *
 * @module
 */

import { splitAddress, splitMember } from "./addresses.ts";
import type { Fault, Source } from "./faults.ts";
import { EVERYONE, MASTER, NODES, type Role, WORKER } from "./key.ts";
import { formatBytes, formatDuration } from "./quantities.ts";
import { type Config, KEY_BY_PATH, valueAt } from "./schema.ts";
import { shownRaw } from "./yaml_file.ts";

/** A rule that is broken: what is wrong, and what to do. */
interface Verdict {
  readonly problem: string;
  readonly remedy: string;
}

/** One rule. It is not asked while a key that it reads has a fault of its own. */
interface Rule {
  /** The keys that it reads; the first is the one that gets the fault. */
  readonly reads: readonly [string, ...string[]];
  /** Whom it binds. */
  readonly roles: readonly Role[];
  check(config: Config, role: Role): Verdict | undefined;
}

/** What the rules need to know beside the values. */
export interface RuleContext {
  readonly role: Role;
  readonly sources: ReadonlyMap<string, Source>;
  /** Paths that have a fault already. */
  readonly broken: ReadonlySet<string>;
}

/** All rules that a configuration breaks in a role. */
export function checkRules(config: Config, context: RuleContext): readonly Fault[] {
  const faults: Fault[] = [];
  for (const rule of RULES) {
    if (!rule.roles.includes(context.role)) continue;
    if (rule.reads.some((path) => context.broken.has(path))) continue;
    const verdict = rule.check(config, context.role);
    if (verdict) faults.push(faultFor(rule.reads[0], config, context, verdict));
  }
  return faults;
}

/** What a profile allows and its user should know of all the same. */
export function cautionsOf({ profile, security }: Config, role: Role): readonly string[] {
  if (profile === "development") return [];
  const off: [boolean, string][] = [
    [security.tls.enabled, "security.tls.enabled is false: tokens and jobs travel in clear text"],
  ];
  if (role === "master") {
    off.push(
      [
        security.raftTls.enabled,
        "security.raft_tls.enabled is false: the log travels in clear text",
      ],
      [security.rbac.enabled, "security.rbac.enabled is false: every caller may do everything"],
    );
  }
  return off.filter(([isOn]) => !isOn).map(([, caution]) => `${caution} (profile ${profile}).`);
}

function faultFor(path: string, config: Config, context: RuleContext, verdict: Verdict): Fault {
  const source = context.sources.get(path);
  return {
    path,
    value: shownValue(path, config),
    ...(source ? { source } : {}),
    ...verdict,
  };
}

/** Room in a message or entry for what is not payload or result: ids, labels, times. */
const ENVELOPE_BYTES = 64 * 1024;

/** The least length of a secret for HS256, by RFC 7518, 3.2. */
const SECRET_BYTES_MIN = 32;

/** Secrets that have been published: the original's defaults and examples. */
const PUBLISHED_SECRETS = [
  "change-this-secret-key",
  "production-jwt-secret-key-safe",
];

const RULES: readonly Rule[] = [
  {
    reads: ["tracing.export_batch", "tracing.export_queue"],
    roles: EVERYONE,
    check: ({ tracing }) =>
      tracing.exportBatch <= tracing.exportQueue ? undefined : {
        problem:
          `is more than tracing.export_queue (${tracing.exportQueue}), which holds no such batch`,
        remedy: "Make it at most tracing.export_queue",
      },
  },
  {
    reads: ["raft.election_timeout", "raft.heartbeat_timeout"],
    roles: MASTER,
    check: ({ raft }) =>
      raft.electionTimeoutMs > raft.heartbeatTimeoutMs ? undefined : {
        problem: `is not longer than raft.heartbeat_timeout (${
          formatDuration(raft.heartbeatTimeoutMs)
        }), so that followers would depose a healthy leader`,
        remedy: "Make it at least twice raft.heartbeat_timeout",
      },
  },
  {
    reads: ["cluster.dead_server_after", "raft.election_timeout", "cluster.dead_server_cleanup"],
    roles: MASTER,
    check({ cluster, raft }) {
      const least = 2 * raft.electionTimeoutMs;
      return !cluster.deadServerCleanup || cluster.deadServerAfterMs >= least ? undefined : {
        problem:
          `is shorter than two raft.election_timeout (${formatDuration(least)}), so that a ` +
          "short silence would cost a member its vote",
        remedy: `Make it at least ${formatDuration(least)}; minutes are usual`,
      };
    },
  },
  {
    reads: ["worker.heartbeat_timeout", "worker.heartbeat_interval"],
    roles: NODES,
    check: ({ worker }) =>
      worker.heartbeatTimeoutMs > worker.heartbeatIntervalMs ? undefined : {
        problem: `is not longer than worker.heartbeat_interval (${
          formatDuration(worker.heartbeatIntervalMs)
        }), so that a healthy worker would be taken for dead`,
        remedy: "Make it at least twice worker.heartbeat_interval",
      },
  },
  {
    reads: ["grpc.max_msg_size", "jobs.payload_bytes_max", "jobs.result_bytes_max"],
    roles: MASTER,
    check({ grpc, jobs }) {
      const least = jobs.payloadBytesMax + jobs.resultBytesMax + ENVELOPE_BYTES;
      return grpc.maxMsgSizeBytes >= least ? undefined : {
        problem: "is too short for an answer with both a payload (jobs.payload_bytes_max) and a " +
          "result (jobs.result_bytes_max)",
        remedy: `Make it at least ${formatBytes(least)}, or lower those`,
      };
    },
  },
  {
    reads: ["raft.entry_bytes_max", "jobs.payload_bytes_max", "jobs.result_bytes_max"],
    roles: MASTER,
    check({ raft, jobs }) {
      const least = Math.max(jobs.payloadBytesMax, jobs.resultBytesMax) + ENVELOPE_BYTES;
      return raft.entryBytesMax >= least ? undefined : {
        problem: "is too short for a payload (jobs.payload_bytes_max) or a result " +
          "(jobs.result_bytes_max)",
        remedy: `Make it at least ${formatBytes(least)}, or lower those`,
      };
    },
  },
  {
    reads: ["jobs.stream_bytes_max", "jobs.input_bytes_max"],
    roles: WORKER,
    check: ({ jobs }) =>
      jobs.streamBytesMax >= jobs.inputBytesMax ? undefined : {
        problem: "is less than jobs.input_bytes_max",
        remedy: `Make it at least ${formatBytes(jobs.inputBytesMax)}`,
      },
  },
  {
    reads: [
      "cluster.http_port",
      "grpc.master_port",
      "metrics.port",
      "metrics.enabled",
      "cluster.bind_addr",
    ],
    roles: MASTER,
    check: ({ cluster, grpc, metrics }) =>
      portCollision([
        ["cluster.http_port", cluster.httpPort],
        ["grpc.master_port", grpc.masterPort],
        ["metrics.port", metrics.enabled ? metrics.port : 0],
        ["cluster.bind_addr", splitAddress(cluster.bindAddr)?.port ?? 0],
      ]),
  },
  {
    reads: ["worker.http_port", "grpc.worker_port"],
    roles: WORKER,
    check: ({ worker, grpc }) =>
      portCollision([["worker.http_port", worker.httpPort], [
        "grpc.worker_port",
        grpc.workerPort,
      ]]),
  },
  {
    reads: ["cluster.initial_cluster", "cluster.node_id"],
    roles: MASTER,
    check({ cluster }) {
      const ids = cluster.initialCluster.map((member) => splitMember(member).id);
      return ids.length === 0 || ids.includes(cluster.nodeId) ? undefined : {
        problem: `does not name this master, cluster.node_id ${cluster.nodeId}`,
        remedy: `Add ${cluster.nodeId}=HOST:PORT, or set cluster.node_id to the one that this is`,
      };
    },
  },
  {
    reads: ["security.token", "security.token_file"],
    roles: EVERYONE,
    check: ({ security }) =>
      security.token === "" || security.tokenFile === "" ? undefined : {
        problem: `is set, and security.token_file (${security.tokenFile}) too`,
        remedy: "Keep one of them",
      },
  },
  {
    reads: ["security.payload_key", "security.payload_key_file"],
    roles: ["worker", "client"],
    check: ({ security }) =>
      security.payloadKey === "" || security.payloadKeyFile === "" ? undefined : {
        problem: `is set, and security.payload_key_file (${security.payloadKeyFile}) too`,
        remedy: "Keep one of them",
      },
  },
  {
    reads: ["security.jwt.refresh_token_ttl", "security.jwt.access_token_ttl"],
    roles: MASTER,
    check: ({ security: { jwt } }) =>
      jwt.refreshTokenTtlMs > jwt.accessTokenTtlMs ? undefined : {
        problem: "is not longer than security.jwt.access_token_ttl",
        remedy: `Make it longer than ${formatDuration(jwt.accessTokenTtlMs)}`,
      },
  },
  {
    reads: ["security.jwt.secret_key", "security.jwt.public_key_path"],
    roles: MASTER,
    check: ({ profile, security: { jwt } }) => {
      const { secretKeyFile, publicKeyPath, privateKeyPath, jwksFile, jwksUrl } = jwt;
      const hasOther = [secretKeyFile, publicKeyPath, privateKeyPath, jwksFile, jwksUrl]
        .some((each) => each);
      return profile === "development" || jwt.secretKey === "" && hasOther
        ? undefined
        : secretWeakness(jwt.secretKey);
    },
  },
  {
    reads: ["security.jwt.secret_key", "security.jwt.secret_key_file"],
    roles: NODES,
    check: ({ security: { jwt } }) =>
      jwt.secretKey === "" || jwt.secretKeyFile === "" ? undefined : {
        problem: `is set, and security.jwt.secret_key_file (${jwt.secretKeyFile}) too`,
        remedy: "Keep one of them",
      },
  },
  {
    reads: ["security.jwt.jwks_url"],
    roles: NODES,
    check: ({ profile, security: { jwt } }) => {
      const protocol = URL.parse(jwt.jwksUrl)?.protocol;
      const isSafe = protocol === "https:" || (protocol === "http:" && profile === "development");
      return jwt.jwksUrl === "" || isSafe ? undefined : {
        problem: "is no address that keys can be trusted from",
        remedy: `Give an https:// address${profile === "development" ? ", or an http:// one" : ""}`,
      };
    },
  },
  ...certificateRules("tls", NODES),
  ...certificateRules("raft_tls", MASTER),
  {
    reads: ["security.tls.cert_file", "security.tls.key_file", "security.tls.enabled"],
    roles: ["client"],
    check: ({ security: { tls } }) =>
      !tls.enabled || (tls.certFile === "") === (tls.keyFile === "") ? undefined : {
        problem: "and security.tls.key_file are only useful together",
        remedy: "Set both (--cert and --key), or neither",
      },
  },
  ...refusedInProduction(
    "security.tls.auto_generate",
    EVERYONE,
    (c) => c.security.tls.autoGenerate,
  ),
  ...refusedInProduction("security.tls.skip_verify", EVERYONE, (c) => c.security.tls.skipVerify),
  ...refusedInProduction(
    "security.raft_tls.auto_generate",
    MASTER,
    (c) => c.security.raftTls.autoGenerate,
  ),
  ...refusedInProduction(
    "security.raft_tls.skip_verify",
    MASTER,
    (c) => c.security.raftTls.skipVerify,
  ),
  ...refusedInProduction("security.jwt.skip_expiry", MASTER, (c) => c.security.jwt.skipExpiry),
  {
    reads: ["security.rbac.enabled"],
    roles: MASTER,
    check: ({ profile, security: { rbac } }) =>
      profile !== "production" || rbac.enabled ? undefined : {
        problem: "is refused in production",
        remedy: "Set it to true",
      },
  },
];

function refusedInProduction(
  path: string,
  roles: readonly Role[],
  isOn: (config: Config) => boolean,
): readonly Rule[] {
  return [{
    reads: [path],
    roles,
    check: (config) =>
      config.profile !== "production" || !isOn(config) ? undefined : {
        problem: "is refused in production",
        remedy: "Set it to false",
      },
  }];
}

/** A side that shows a certificate needs its files, unless it may make them. */
function certificateRules(name: "tls" | "raft_tls", roles: readonly Role[]): readonly Rule[] {
  const prefix = `security.${name}`;
  const settings = ({ security }: Config) => name === "tls" ? security.tls : security.raftTls;
  const needed = (file: "certFile" | "keyFile" | "caFile", path: string): Rule => ({
    reads: [path, `${prefix}.enabled`, `${prefix}.auto_generate`, `${prefix}.skip_verify`],
    // Only masters check callers' certificates; a worker may rely on the system's authorities.
    roles: file === "caFile" ? MASTER : roles,
    check(config) {
      const tls = settings(config);
      const isNeeded = tls.enabled && !tls.autoGenerate && !(file === "caFile" && tls.skipVerify);
      return !isNeeded || tls[file] !== "" ? undefined : {
        problem: `is empty although ${prefix}.enabled is true`,
        remedy: "Name a PEM file",
      };
    },
  });
  return [
    needed("certFile", `${prefix}.cert_file`),
    needed("keyFile", `${prefix}.key_file`),
    needed("caFile", `${prefix}.ca_file`),
  ];
}

function portCollision(ports: readonly (readonly [string, number])[]): Verdict | undefined {
  for (const [index, [path, port]] of ports.entries()) {
    const other = ports.slice(index + 1).find(([, candidate]) => candidate === port && port !== 0);
    if (other) {
      return {
        problem: `collides, as ${path} and ${other[0]} are both ${port}`,
        remedy: "Give each a port of its own",
      };
    }
  }
  return undefined;
}

function secretWeakness(secret: string): Verdict | undefined {
  const remedy = "Set JWT_SECRET_KEY (or CONDUCTOR_JWT_SECRET) to at least " +
    `${SECRET_BYTES_MIN} random bytes, such as the output of \`openssl rand -base64 48\``;
  if (secret === "") return { problem: "is not set", remedy };
  if (PUBLISHED_SECRETS.includes(secret)) {
    return { problem: "is a published default, which everybody knows", remedy };
  }
  const length = new TextEncoder().encode(secret).length;
  if (length < SECRET_BYTES_MIN) return { problem: `has only ${length} bytes`, remedy };
  const distinct = new Set(secret).size;
  return distinct >= 8
    ? undefined
    : { problem: `has only ${distinct} different characters`, remedy };
}

function shownValue(path: string, config: Config): string {
  const entry = KEY_BY_PATH.get(path);
  if (!entry) throw new Error(`invariant: a rule reads ${path}, which the schema does not have`);
  return shownRaw(entry, entry.key.kind.write(valueAt(config, entry.fields)));
}
