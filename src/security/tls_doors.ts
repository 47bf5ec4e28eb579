/**
 * From keys and certificates to what grpc-js wants. TLS 1.3 only, in both directions. Servers demand
 * a client certificate unless `skipVerify`. Whatever is made from {@linkcode LiveTls} follows its
 * changes: new handshakes use the new material, connections that stand go on.
 */

import {
  ChannelCredentials,
  type ChannelOptions,
  type Server,
  ServerCredentials,
} from "@grpc/grpc-js";
import { Buffer } from "node:buffer";
import type { TLSSocket } from "node:tls";
import { TlsChannelCredentials } from "./channel_credentials.ts";
import type { ConnectionWatch } from "./connection_watch.ts";
import { followTls, materialOf, type TlsSource } from "./live_tls.ts";
import { PeerVerifier } from "./peer_verification.ts";
import { type ChannelRules, serverJudge } from "./server_judge.ts";
import { guardServer, type SessionGuardOptions } from "./session_guard.ts";
import type { TlsMaterial } from "./tls.ts";

const OLDEST_TLS = "TLSv1.3" as const;
/** A peer that has not finished its handshake by then is cut off. */
const HANDSHAKE_TIMEOUT_MS = 10_000;

/**
 * Credentials for `Server.bindAsync`. Call {@linkcode secureServer} on the server first.
 *
 * @param source from `loadTls` or `LiveTls.load`; null for plain text
 */
export function createServerCredentials(source: TlsSource | null): ServerCredentials {
  return source === null
    ? ServerCredentials.createInsecure()
    : new ConductorServerCredentials(source);
}

/** How a server's connections are watched over. */
export interface ServerWatch {
  readonly watch: ConnectionWatch;
  /** What must stay true of a client's certificate; null: nothing. */
  readonly verifier: PeerVerifier | null;
}

/**
 * Arms a gRPC server against resumed sessions, before it binds; nothing to do without TLS.
 *
 * @param watched when given, connections end when their client's certificate does
 * @throws {Error} when grpc-js has changed so that it cannot be armed
 */
export function secureServer(
  server: Server,
  source: TlsSource | null,
  onRefused?: SessionGuardOptions["onRefused"],
  watched?: ServerWatch,
): void {
  if (source === null) return;
  guardServer(server, {
    clientCertificateRequired: !materialOf(source).options.skipVerify,
    ...(onRefused === undefined ? {} : { onRefused }),
    ...(watched === undefined ? {} : { onAccepted: (socket) => watchOver(socket, watched) }),
  });
}

/** Ends the connection of a client when its certificate is no longer good. */
function watchOver(socket: TLSSocket, { watch, verifier }: ServerWatch): void {
  if (verifier === null) return;
  const der: Uint8Array | undefined = socket.getPeerCertificate()?.raw;
  watch.add(socket, "incoming", (nowMs) => {
    const verdict = verifier.verify(der, nowMs);
    return verdict.ok ? undefined : verdict.message;
  });
}

/**
 * Credentials for a client or channel. Use them with {@linkcode channelOptions}.
 *
 * @param source from `loadTls` or `LiveTls.load`; null for plain text
 */
export function createChannelCredentials(
  source: TlsSource | null,
  rules: ChannelRules = {},
): ChannelCredentials {
  if (source === null) return ChannelCredentials.createInsecure();
  const faultOfServer = serverJudge(source, rules);
  const optionsOf = ({ options, ...material }: TlsMaterial) => ({
    authoritiesPem: material.authoritiesPem,
    certificatePem: material.certificatePem,
    privateKeyPem: material.privateKeyPem,
    skipVerify: options.skipVerify,
    faultOfServer,
    oldestTls: OLDEST_TLS,
  });
  const credentials = new TlsChannelCredentials(optionsOf(materialOf(source)));
  followTls(source, (material) => credentials.replace(optionsOf(material)));
  return credentials;
}

/** What must go into a channel's options beside its credentials: `server_name`, when it is set. */
export function channelOptions(source: TlsSource | null): ChannelOptions {
  const serverName = source === null ? "" : materialOf(source).options.serverName;
  return serverName === "" ? {} : { "grpc.ssl_target_name_override": serverName };
}

/** What {@linkcode createPeerVerifier} may be told besides the material. */
export interface PeerRules {
  /** Fingerprints no longer accepted; asked anew at every call. */
  readonly revoked?: { has(fingerprint256: string): boolean };
  /** Roles of which the certificate must carry one, as for a port that only masters may call. */
  readonly requiredRoles?: readonly string[];
}

/**
 * The verifier that must see every call's certificate.
 *
 * @returns null when no client certificates are asked for: without TLS, or with `skipVerify`
 */
export function createPeerVerifier(
  source: TlsSource | null,
  rules: PeerRules = {},
): PeerVerifier | null {
  if (source === null) return null;
  const { x509, options, authorities = [] } = materialOf(source);
  if (options.skipVerify) return null;
  const verifier = new PeerVerifier(x509, { authorities, ...rules });
  followTls(source, (material) => verifier.replaceAuthorities(material.authorities ?? []));
  return verifier;
}

/** grpc-js's own `createSsl` knows neither a minimum version nor a handshake timeout. */
class ConductorServerCredentials extends ServerCredentials {
  readonly #source: TlsSource;

  constructor(source: TlsSource) {
    const material = materialOf(source);
    const clientCertificateRequired = !material.options.skipVerify;
    super({
      requestCert: clientCertificateRequired,
      rejectUnauthorized: clientCertificateRequired,
      minVersion: OLDEST_TLS,
      handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
    }, contextOptionsOf(material));
    this.#source = source;
    // grpc-js hands it to `setSecureContext` of every listener made with these credentials.
    followTls(source, (next) => this.updateSecureContextOptions(contextOptionsOf(next)));
  }

  override _equals(other: ServerCredentials): boolean {
    return other instanceof ConductorServerCredentials && other.#source === this.#source;
  }
}

/** What a TLS server shows and trusts. */
export function contextOptionsOf({ certificatePem, privateKeyPem, authoritiesPem }: TlsMaterial) {
  return {
    minVersion: OLDEST_TLS,
    cert: Buffer.from(certificatePem ?? ""),
    key: Buffer.from(privateKeyPem ?? ""),
    ...(authoritiesPem === undefined ? {} : { ca: Buffer.from(authoritiesPem) }),
  };
}
