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

export {
  type AuditedCall,
  type AuditEvent,
  AuditLog,
  type AuditOptions,
  openAuditLog,
} from "./audit.ts";
export { type AuditFault, type AuditReport, verifyAuditFile } from "./audit_chain.ts";
export type { AuditSink } from "./audit_sink.ts";
export { type IssuedRecord, type IssuedState, stateOf } from "./authority_index.ts";
export { type CallClass, CallLimits, classOf } from "./call_limits.ts";
export {
  CertificateAuthority,
  type NewAuthorityOptions,
  PASSPHRASE_CHARACTERS_MIN,
  type RenewalRequest,
} from "./certificate_authority.ts";
export { KEY_TYPES, type KeyType } from "./certificate_making.ts";
export { type AuditPage, auditPage, type AuditReader } from "./audit_page.ts";
export type { CertificateRequest } from "./certificate_request.ts";
export { type Certificate, type CertificateIdentity, readCertificates } from "./certificates.ts";
export {
  SecurityConfigurationError,
  type SecurityProfile,
  type Warn,
} from "./configuration_error.ts";
export {
  createGate,
  Gate,
  type GateCall,
  type GateDecision,
  type GateOptions,
  type GateRefusal,
} from "./gate.ts";
export {
  type HandshakeRefusal,
  type OnHandshakeRefused,
  RefusalTally,
  type RefusedConnections,
} from "./handshake_refusals.ts";
export { readSecretFile, type SecretFileRules } from "./key_files.ts";
export {
  type PageCall,
  type PageGate,
  pageGate,
  type PageRefusal,
  type WebCall,
  type WebGate,
  webGate,
} from "./page_gate.ts";
export type { PeerRefusal, PeerVerdict, PeerVerifier } from "./peer_verification.ts";
export { isConfinable, namespacesText } from "./confined.ts";
export { ANONYMOUS, NOBODY, type Principal } from "./principal.ts";
export {
  addressKey,
  peerIp,
  RateLimiter,
  type RateLimitOptions,
  type RateVerdict,
} from "./rate_limit.ts";
export {
  type Authorization,
  isOpenMethod,
  isSelfProving,
  loadPolicies,
  parsePolicies,
  PERMISSIONS,
  type Policy,
  PolicySet,
  type Role,
} from "./rbac.ts";
export { assertRuntimeSafe, OLDEST_SAFE_DENO } from "./runtime_guard.ts";
export { loadTls, type TlsFiles, type TlsMaterial, type TlsOptions } from "./tls.ts";
export {
  channelOptions,
  createChannelCredentials,
  createPeerVerifier,
  createServerCredentials,
  type PeerRules,
  secureServer,
  type ServerWatch,
} from "./tls_doors.ts";
export {
  type ConnectionJudge,
  ConnectionWatch,
  type OnConnectionEnded,
} from "./connection_watch.ts";
export { LiveTls, materialOf, type TlsSource } from "./live_tls.ts";
export type { ChannelRules } from "./server_judge.ts";
export { type Reloadable, Reloader, type ReloaderOptions } from "./reloader.ts";
export { parseRevocations, Revocations } from "./revocation_file.ts";
export type { ConnectionBounds, ConnectionLimit } from "./connection_limits.ts";
export { limitServer, type OnServerLimit, type ServerBounds } from "./server_limits.ts";
export {
  createWebServer,
  hasResumedCertificate,
  requestCertificate,
  type WebBounds,
  type WebDoorOptions,
} from "./web_door.ts";
export {
  type IssuedJoinToken,
  type IssuedTokens,
  issueJoinToken,
  issueTokens,
  type JoinTokenRequest,
  type TokenIssuerOptions,
  type TokenRequest,
} from "./token_issuing.ts";
export {
  clearBytesIn,
  ENVELOPE_BYTES,
  envelopeOf,
  holdsSealedText,
  isSealed,
} from "./payload_envelope.ts";
export { keysIn, type PayloadKeyPlace, readOwnFile, readPayloadKeys } from "./payload_key_file.ts";
export {
  PAYLOAD_KEY_BYTES,
  PayloadKeyError,
  PayloadKeys,
  type SealContext,
} from "./payload_keys.ts";
export { readTokenKeys, type TokenKeyMaterial, type TokenKeyPlaces } from "./token_key_files.ts";
export { readPrivateKey, SECRET_BYTES_MIN, weaknessOfSecret } from "./token_keys.ts";
export { LivePolicies, NOTHING_REVOKED, type Trust, TrustSource } from "./trust.ts";
export {
  ANY_NAME,
  isJoining,
  isPlainName,
  type Joining,
  JOININGS,
  type TokenClaims,
  type TokenHandle,
  type TokenKind,
} from "./token_claims.ts";
export type { TokenRefusal, TokenVerdict } from "./token_refusals.ts";
export { createTokenVerifier, TokenVerifier, type TokenVerifierOptions } from "./tokens.ts";
export { workerAudience, WorkerTokens, type WorkerTokensOptions } from "./worker_tokens.ts";
