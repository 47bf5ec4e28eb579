/**
 * The second look at a server's certificate, by whoever called it: has it the role that it must have,
 * and is it still good while the connection stands.
 */

import type { TLSSocket } from "node:tls";
import { type Certificate, instant, issuerOf, parseCertificate } from "./certificates.ts";
import { reasonOf } from "./configuration_error.ts";
import type { ConnectionWatch } from "./connection_watch.ts";
import { materialOf, type TlsSource } from "./live_tls.ts";

/** What is asked of servers beside the handshake. */
export interface ChannelRules {
  /** Fingerprints no longer accepted of servers; asked anew at every connection. */
  readonly revoked?: { has(fingerprint256: string): boolean };
  /** When given, connections end when their server's certificate does. */
  readonly watch?: ConnectionWatch;
  /**
   * What a server must be, as far as its certificate says what it is: a worker's cannot pose as a
   * master's. One without any role, of an authority that knows none, is good for all of them;
   * `TlsOptions.serverRoles` is strict about that.
   */
  readonly serverRole?: string;
}

/** Time before the end of our own certificate at which connections change to a newer one. */
const LEAD_MS = 60_000;

/** Judges servers; undefined: there is nothing to ask beside the handshake. */
export function serverJudge(
  source: TlsSource,
  { revoked, watch, serverRole }: ChannelRules,
): ((socket: TLSSocket) => Error | undefined) | undefined {
  const { x509, options: { serverRoles } } = materialOf(source);
  const asks = [serverRoles, revoked, watch, serverRole].some((each) => each !== undefined);
  if (!asks) return undefined;
  const knowsIssuerOf = (certificate: Certificate) =>
    issuerOf(certificate, materialOf(source).authorities ?? []) !== undefined;
  return (socket) => {
    let certificate: Certificate;
    try {
      certificate = parseCertificate(x509, socket.getPeerCertificate().raw);
    } catch (thrown) {
      return new Error(`the server's certificate cannot be parsed: ${reasonOf(thrown)}`);
    }
    const { identity, subject } = certificate;
    if (serverRoles !== undefined && !identity.roles.some((role) => serverRoles.includes(role))) {
      return new Error(
        `the server's certificate "${subject}" carries none of the roles ${serverRoles.join(", ")}`,
      );
    }
    if (
      serverRole !== undefined && identity.roles.length > 0 &&
      !identity.roles.includes(serverRole)
    ) {
      return new Error(
        `the server's certificate "${subject}" is a ${
          identity.roles.join(", ")
        }'s, not a ${serverRole}'s`,
      );
    }
    const hadIssuer = knowsIssuerOf(certificate);
    const shown = materialOf(source).own;
    /** What may change while a connection stands: the time, revocations, the authorities. */
    const faultAt = (nowMs: number): string | undefined => {
      if (nowMs >= identity.notAfterMs) {
        return `the server's certificate "${subject}" expired at ${instant(identity.notAfterMs)}`;
      }
      if (revoked?.has(identity.fingerprint256) === true) {
        return `the server's certificate "${subject}" has been revoked`;
      }
      // Before the server refuses what comes over this connection, as it will when our own ends.
      if (
        shown !== undefined && shown !== materialOf(source).own &&
        nowMs >= shown.identity.notAfterMs - LEAD_MS
      ) return "this side has a newer certificate than the one that it showed, which ends";
      // One that came with intermediates was verified by the handshake alone; it is not judged here.
      return hadIssuer && !knowsIssuerOf(certificate)
        ? `the authority of the server's certificate "${subject}" is no longer trusted`
        : undefined;
    };
    const fault = faultAt(Date.now());
    if (fault !== undefined) return new Error(fault);
    watch?.add(socket, "outgoing", faultAt);
    return undefined;
  };
}
