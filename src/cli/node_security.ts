/**
 * From the configuration to what a node checks its callers with: certificates, keys, roles, limits and the
 * gate of every call. What its servers make of that is in `node_doors.ts`.
 *
 * @module
 */

import type { LoadedConfig } from "../config/mod.ts";
import type { TokenParts } from "../master/mod.ts";
import type { AuditMetrics, RootLogger, TlsMetrics } from "../observability/mod.ts";
import {
  type AuditLog,
  CallLimits,
  createGate,
  createPeerVerifier,
  createTokenVerifier,
  type Gate,
  type GateOptions,
  LivePolicies,
  loadPolicies,
  NOTHING_REVOKED,
  openAuditLog,
  type PageGate,
  pageGate,
  type PeerVerifier,
  readTokenKeys,
  SecurityConfigurationError,
  type TokenKeyMaterial,
  type Trust,
  TrustSource,
  type Warn,
  type WebGate,
  webGate,
  workerAudience,
  WorkerTokens,
} from "../security/mod.ts";
import { type NodeTls, openNodeTls } from "./node_tls.ts";
import type { KeyTaker } from "./node_token_keys.ts";

/** What a node's doors are made of. */
export interface NodeSecurity {
  readonly tls: NodeTls;
  /** Checks the certificates of callers; null: none are asked for. */
  readonly peers: PeerVerifier | null;
  readonly gate: Gate;
  /** Who may see pages; undefined: everybody. */
  readonly pages: PageGate | undefined;
  /** Who calls over HTTP, and may they: as at the gRPC port, whether or not pages are open. */
  readonly web: WebGate;
  readonly audit: AuditLog | null;
  readonly limits: CallLimits | null;
  /** Lets the doors check tokens with other keys from now on; undefined: they check none. */
  readonly takeKeys: KeyTaker | undefined;
}

/** What a master's doors are made of. */
export interface MasterSecurity extends NodeSecurity {
  /** What it presents to workers that it calls; undefined: it has no key to sign with. */
  readonly workerTokens: WorkerTokens | undefined;
  /** The key that was made for this start, since a development cluster needs none configured. */
  readonly madeSecret: string | undefined;
  /** What the doors ask at every call; to be bound to this member's state. */
  readonly trust: TrustSource;
  readonly tokenParts: TokenParts;
  /** Of `security.rbac.policy_file`; empty: none is named, or roles are not enforced. */
  readonly policyFileText: string;
}

/** Bytes of a key that is made at a start. */
const MADE_SECRET_BYTES = 48;

/**
 * Reads keys, certificates and policies.
 *
 * @throws SecurityConfigurationError with every fault.
 */
export async function masterSecurity(
  loaded: LoadedConfig,
  { log, metrics }: {
    readonly log: RootLogger;
    readonly metrics: TlsMetrics & AuditMetrics;
  },
): Promise<MasterSecurity> {
  const { config, profile } = loaded;
  const warn = (text: string) => log.warn(text);
  const { jwt } = config.security;
  const trust = new TrustSource();
  const tls = await openNodeTls(loaded, "master", {
    log,
    metrics,
    revokedByCluster: (fingerprint256) => trust.isCertificateRevoked(fingerprint256),
  });
  const hasNoKey = [
    jwt.secretKey,
    jwt.secretKeyFile,
    jwt.publicKeyPath,
    jwt.privateKeyPath,
    jwt.jwksFile,
    jwt.jwksUrl,
  ].every((each) => each === "");
  const madeSecret = hasNoKey && profile === "development" ? randomSecret() : undefined;
  const read = await readTokenKeys(jwt, { profile, warn });
  const keys = madeSecret === undefined ? read : { ...read, secret: madeSecret };
  const doors = await doorsOf(loaded, tls, warn, {
    trust,
    keys,
    auditMetrics: metrics,
    // A key of which nobody could know yet does not take certificates their worth.
    ...(madeSecret === undefined ? {} : { certificateIsIdentity: true }),
  });
  const canSign = read.secret !== "" || read.privateKeyPem !== undefined;
  const workerTokens = !canSign ? undefined : new WorkerTokens({
    profile,
    ...signingKeys(read),
    issuer: jwt.issuer,
    subject: config.cluster.nodeId,
    ttlMs: jwt.accessTokenTtlMs,
  });
  const { rbac } = config.security;
  const { policies, verifier } = doors;
  const policyFileText = rbac.enabled && rbac.policyFile !== "" ? policies.current.text : "";
  let signer = { profile, ...signingKeys(keys), ...named(jwt) };
  const takeKeys: KeyTaker = async (anew, places) => {
    await doors.takeKeys?.(anew, places);
    signer = { profile, ...signingKeys(anew), ...named(jwt) };
    workerTokens?.adoptKeys(signingKeys(anew));
  };
  const tokenParts: TokenParts = {
    get signer() {
      return signer;
    },
    verifier,
    policies,
    rolesAreEnforced: rbac.enabled,
    accessTtlMs: jwt.accessTokenTtlMs,
    refreshTtlMs: jwt.refreshTokenTtlMs,
    audit: (event) => doors.audit?.record(event, Date.now()),
  };
  // A key that was made for this start is in no file that could change.
  const taker = madeSecret === undefined ? takeKeys : undefined;
  return { ...doors, takeKeys: taker, workerTokens, madeSecret, trust, tokenParts, policyFileText };
}

/**
 * The same for a worker that serves: masters may call it, by their certificate or by a token that is
 * for this worker alone, and so may administrators.
 *
 * @throws SecurityConfigurationError with every fault.
 */
export async function workerSecurity(
  loaded: LoadedConfig,
  tls: NodeTls,
  { warn, metrics }: { readonly warn: Warn; readonly metrics: AuditMetrics },
): Promise<NodeSecurity> {
  const { config } = loaded;
  try {
    return await doorsOf(loaded, tls, warn, {
      // A worker has no replicated state: what is revoked ends there with the token's life.
      trust: NOTHING_REVOKED,
      keys: await readTokenKeys(config.security.jwt, { profile: loaded.profile, warn }),
      alsoFor: [workerAudience(config.worker.workerId)],
      auditMetrics: metrics,
      certificateIsIdentity: true,
      certificatesSuffice: true,
    });
  } catch (failure) {
    if (!(failure instanceof SecurityConfigurationError)) throw failure;
    throw new SecurityConfigurationError([
      ...failure.faults,
      `this is about grpc.worker_port ${config.grpc.workerPort}, on which masters may bring jobs: ` +
      "with 0 (--grpc-port 0) the worker serves nobody and takes its jobs on its session alone",
    ], { cause: failure });
  }
}

async function doorsOf(
  { config, profile }: LoadedConfig,
  tls: NodeTls,
  warn: Warn,
  own: {
    readonly trust: Trust;
    readonly keys: TokenKeyMaterial;
    readonly alsoFor?: readonly string[];
    readonly certificateIsIdentity?: boolean;
    /** Where callers show certificates, no key to check tokens with is needed. */
    readonly certificatesSuffice?: boolean;
    /** Absent: who calls here is not audited. */
    readonly auditMetrics?: AuditMetrics;
  },
): Promise<NodeSecurity & Pick<TokenParts, "verifier" | "policies">> {
  const { jwt, rbac, rateLimit } = config.security;
  const { trust, keys, alsoFor = [], certificateIsIdentity } = own;
  const { secret, privateKeyPem } = keys;
  const peers = createPeerVerifier(tls.section, { revoked: tls.revoked });
  const hasNoKey = [secret, privateKeyPem ?? "", jwt.publicKeyPath, jwt.jwksFile, jwt.jwksUrl]
    .every((each) => each === "");
  const isKeyless = own.certificatesSuffice === true && peers !== null && hasNoKey;
  const jwksMemory = {};
  const verifierWith = (ownKeys: TokenKeyMaterial) =>
    createTokenVerifier({
      profile,
      ...ownKeys,
      publicKeyPath: jwt.publicKeyPath,
      jwksFile: jwt.jwksFile,
      jwksUrl: jwt.jwksUrl,
      jwksMemory,
      algorithms: jwt.algorithms,
      leewayMs: jwt.leewayMs,
      issuer: jwt.issuer,
      audience: jwt.audience,
      alsoFor,
      skipExpiry: jwt.skipExpiry,
      isRevoked: (token) => trust.isTokenRevoked(token),
    });
  const tokens = isKeyless ? null : await verifierWith(keys);
  const takeKeys: KeyTaker = async (anew) => {
    const verifier = await verifierWith(anew);
    if (verifier === null) {
      throw new SecurityConfigurationError(["security.jwt names no key any more"]);
    }
    tokens?.adoptKeys(verifier);
  };
  const file = await loadPolicies(rbac.enabled ? rbac.policyFile : "");
  const policies = new LivePolicies(trust, file, warn);
  const limits = rateLimit.enabled ? new CallLimits(rateLimit) : null;
  const { auditMetrics } = own;
  const audit = auditMetrics === undefined ? null : auditLog(config, warn, auditMetrics);
  if (audit !== null) tls.auditRefusals(audit);
  const options: GateOptions = {
    profile,
    tokens,
    peers,
    policies: rbac.enabled ? policies : null,
    limits,
    audit,
    ...(certificateIsIdentity === undefined ? {} : { certificateIsIdentity }),
  };
  const gate = createGate(options);
  const pages = config.security.httpAuth ? pageGate(options) : undefined;
  return {
    tls,
    peers,
    gate,
    pages,
    web: webGate(options),
    audit,
    limits,
    verifier: tokens,
    policies,
    takeKeys: tokens === null ? undefined : takeKeys,
  };
}

/**
 * Who may see the pages of a worker that serves nothing else.
 *
 * @throws SecurityConfigurationError with every fault but that nobody could be let in.
 */
export async function workerPages(
  loaded: LoadedConfig,
  tls: NodeTls,
  warn: Warn,
): Promise<Pick<NodeSecurity, "peers" | "pages">> {
  if (!loaded.config.security.httpAuth) return { peers: null, pages: undefined };
  const { jwt } = loaded.config.security;
  const { secretKey, secretKeyFile, publicKeyPath, jwksFile, jwksUrl } = jwt;
  const isOpen = loaded.profile === "development" && !loaded.config.security.rbac.enabled;
  const knowsCallers =
    [secretKey, secretKeyFile, publicKeyPath, jwksFile, jwksUrl].some((each) => each !== "") ||
    createPeerVerifier(tls.section) !== null;
  if (!isOpen && !knowsCallers) {
    const message = "this worker cannot tell who asks: give it security.tls.ca_file or " +
      "security.jwt.public_key_path, or set security.http_auth to false";
    return { peers: null, pages: () => Promise.resolve({ status: 401, message }) };
  }
  return await doorsOf(loaded, tls, warn, {
    trust: NOTHING_REVOKED,
    keys: await readTokenKeys(jwt, { profile: loaded.profile, warn }),
    certificateIsIdentity: true,
    certificatesSuffice: true,
  });
}

function auditLog({ log }: LoadedConfig["config"], warn: Warn, metrics: AuditMetrics) {
  return openAuditLog({
    enabled: log.auditEnabled,
    output: log.auditOutput,
    fileBytesMax: log.auditMaxSizeBytes,
    filesKept: log.auditMaxFiles,
    told: {
      failed(failure) {
        metrics.auditLogFailing.set(1);
        warn(`the audit log cannot be written: ${String(failure)}`);
      },
      lineLost: () => metrics.auditLinesLostTotal.inc(),
      recovered(lost) {
        metrics.auditLogFailing.set(0);
        warn(
          "the audit log is written again, " +
            (lost === 0 ? "and no line is lost" : `and ${lost} lines are lost`),
        );
      },
    },
    onRotationFailure: (failure) =>
      warn(
        "the audit log is full and cannot be moved aside, so it grows beyond log.audit_max_size " +
          `until it can: ${String(failure)}`,
      ),
  });
}

function signingKeys({ secret, privateKeyPem }: TokenKeyMaterial) {
  return { secret, ...(privateKeyPem === undefined ? {} : { privateKeyPem }) };
}

function named({ issuer, audience }: LoadedConfig["config"]["security"]["jwt"]) {
  return { issuer, audience };
}

function randomSecret(): string {
  return crypto.getRandomValues(new Uint8Array(MADE_SECRET_BYTES)).toBase64();
}
