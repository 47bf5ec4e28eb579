/**
 * Security: who is calling, and may they.
 *
 * The room imports nothing of ours and takes plain options, one group of configuration keys each. A
 * node puts it together once, at start:
 *
 * 1. {@linkcode assertRuntimeSafe}: is this Deno new enough to be trusted with client certificates;
 * 2. {@linkcode loadTls} reads keys and certificates (or issues them, in development) and
 *    {@linkcode createServerCredentials}, {@linkcode createChannelCredentials} and
 *    {@linkcode channelOptions} turn them into what grpc-js wants; {@linkcode secureServer} arms each
 *    server before it binds;
 * 3. {@linkcode createPeerVerifier}, {@linkcode createTokenVerifier}, {@linkcode loadPolicies},
 *    {@linkcode CallLimits} and {@linkcode openAuditLog} make the parts, and {@linkcode createGate}
 *    the gate;
 * 4. every call then passes {@linkcode Gate.check} before its message is looked at.
 *
 * What is wrong with the configuration is thrown as {@linkcode SecurityConfigurationError}, which
 * lists every fault. What is wrong with a call is returned, never thrown.
 *
 * The parts hold no replicated state; they ask for it: revoked fingerprints and tokens come through
 * `PeerRules.revoked` and `TokenVerifierOptions.isRevoked`, both asked at every call. Verifiers and
 * policy sets never change: to reload, make new ones and a new gate.
 *
 * @module
 */

export { type Holding, unfairShares } from "./fair_shares.ts";
export { type AuditEvent, AuditLog, openAuditLog } from "./audit.ts";
export { type AuditReport, verifyAuditFile } from "./audit_chain.ts";
export { type IssuedRecord, stateOf } from "./authority_index.ts";
export { CallLimits } from "./call_limits.ts";
export { CertificateAuthority } from "./certificate_authority.ts";
export type { KeyType } from "./certificate_making.ts";
export { auditPage, type AuditReader } from "./audit_page.ts";
export { type Certificate, readCertificates } from "./certificates.ts";
export { SecurityConfigurationError, type Warn } from "./configuration_error.ts";
export { createGate, Gate, type GateOptions } from "./gate.ts";
export type { GateCall, GateDecision, GateRefusal } from "./gate_call.ts";
export { type OnHandshakeRefused, RefusalTally } from "./handshake_refusals.ts";
export { readSecretFile } from "./key_files.ts";
export {
  type PageCall,
  type PageGate,
  pageGate,
  type PageRefusal,
  type WebCall,
  type WebGate,
  webGate,
} from "./page_gate.ts";
export { isLoopbackHost, isPrivateName, ownNames } from "./own_names.ts";
export type { PeerVerifier } from "./peer_verification.ts";
export { namespacesText } from "./confined.ts";
export type { Principal } from "./principal.ts";
export { identityOf, userIdentityOf } from "./gate_passage.ts";
export { peerIp } from "./rate_limit.ts";
export { loadPolicies, parsePolicies, PERMISSIONS, PolicySet } from "./rbac.ts";
export { assertRuntimeSafe } from "./runtime_guard.ts";
export { loadTls, type TlsMaterial, type TlsOptions } from "./tls.ts";
export {
  channelOptions,
  createChannelCredentials,
  createPeerVerifier,
  createServerCredentials,
  secureServer,
} from "./tls_doors.ts";
export { ConnectionWatch } from "./connection_watch.ts";
export { LiveTls, type TlsSource } from "./live_tls.ts";
export type { ChannelRules } from "./server_judge.ts";
export { type Reloadable, Reloader } from "./reloader.ts";
export { Revocations } from "./revocation_file.ts";
export { limitServer, type OnServerLimit, type ServerBounds } from "./server_limits.ts";
export {
  createWebServer,
  hasResumedCertificate,
  requestCertificate,
  type WebDoorOptions,
} from "./web_door.ts";
export {
  type IssuedJoinToken,
  type IssuedTokens,
  issueJoinToken,
  issueTokens,
  JOIN_TTL_MS,
  type TokenIssuerOptions,
  type TokenRequest,
} from "./token_issuing.ts";
export { envelopeOf, isSealed } from "./payload_envelope.ts";
export { keysIn, readOwnFile, readPayloadKeys } from "./payload_key_file.ts";
export { PAYLOAD_KEY_BYTES, PayloadKeyError, PayloadKeys } from "./payload_keys.ts";
export { readTokenKeys, type TokenKeyMaterial } from "./token_key_files.ts";
export { LivePolicies, NOTHING_REVOKED, type Trust, TrustSource } from "./trust.ts";
export {
  ANY_NAME,
  isJoining,
  isPlainName,
  type Joining,
  JOININGS,
  TOKEN_NAMES_MAX,
  type TokenClaims,
  type TokenHandle,
} from "./token_claims.ts";
export { createTokenVerifier, TokenVerifier } from "./tokens.ts";
export { workerAudience, WorkerTokens } from "./worker_tokens.ts";
