/**
 * The second look at a peer's certificate, taken on every call.
 *
 * The TLS layer checks a client's certificate when a connection is made. We do not take its word:
 * on this runtime one key encrypts the session tickets of every TLS listener of a process, and a
 * resumed session is not checked again, so what the layer reports about a peer may have been
 * established elsewhere or long ago. Here the certificate itself is
 * checked, by our own code, each time: it is there, an authority of ours signed it, it is valid now,
 * it is meant for clients, nobody revoked it. Together with {@linkcode guardServer}, which refuses
 * resumed sessions, either defence alone would do.
 */

import { Buffer } from "node:buffer";
import { hash } from "node:crypto";
import { BoundedMap } from "./bounded_map.ts";
import {
  type Certificate,
  type CertificateIdentity,
  CLIENT_AUTH_USAGE,
  instant,
  issuerOf,
  parseCertificate,
} from "./certificates.ts";
import { reasonOf } from "./configuration_error.ts";
import type { X509 } from "./x509_library.ts";

/** Why a peer was refused; one word each, for audit and metrics. */
export type PeerRefusal =
  | "no_certificate"
  | "unreadable_certificate"
  | "unknown_authority"
  | "not_yet_valid"
  | "expired"
  | "wrong_usage"
  | "wrong_role"
  | "revoked";

/** What came of looking at a peer's certificate. */
export type PeerVerdict =
  | { readonly ok: true; readonly identity: CertificateIdentity }
  | { readonly ok: false; readonly reason: PeerRefusal; readonly message: string };

/** What {@linkcode PeerVerifier} checks against. */
export interface PeerVerifierOptions {
  /** Certificates of the authorities, each a direct signer of peers. */
  readonly authorities: readonly Certificate[];
  /**
   * Fingerprints (SHA-256, lower-case hexadecimal) that are no longer accepted. Asked anew at every
   * call, so that a set that grows takes effect at once.
   */
  readonly revoked?: { has(fingerprint256: string): boolean };
  /** When given, the certificate must carry one of these roles. */
  readonly requiredRoles?: readonly string[];
  /** Certificates remembered as checked. Default 4096. */
  readonly rememberedMax?: number;
}

/** What does not change about a certificate, however often its peer calls. */
type Standing =
  | { readonly ok: true; readonly certificate: Certificate; readonly authority: Certificate }
  | { readonly ok: false; readonly reason: PeerRefusal; readonly message: string };

/** Checks peers' certificates. Cheap for a certificate that it has seen: a digest and a look-up. */
export class PeerVerifier {
  readonly #x509: X509;
  readonly #options: PeerVerifierOptions;
  readonly #standings: BoundedMap<string, Standing>;
  /** The same by the very bytes in memory, which stay the same for all calls of a connection. */
  #standingsOfConnections = new WeakMap<Uint8Array, Standing>();
  #authorities: readonly Certificate[];

  /** @param x509 from `loadX509()` */
  constructor(x509: X509, options: PeerVerifierOptions) {
    this.#x509 = x509;
    this.#options = options;
    this.#authorities = options.authorities;
    this.#standings = new BoundedMap(options.rememberedMax ?? 4096);
  }

  /** Trusts these from now on, and no others: what was found by the old ones is forgotten. */
  replaceAuthorities(authorities: readonly Certificate[]): void {
    this.#authorities = authorities;
    this.#standings.clear();
    this.#standingsOfConnections = new WeakMap();
  }

  /**
   * @param der the peer's certificate as it came, or undefined when it showed none
   * @param nowMs milliseconds since the epoch
   */
  verify(der: Uint8Array | undefined, nowMs: number): PeerVerdict {
    if (der === undefined || der.length === 0) {
      return refused("no_certificate", "a client certificate is required and none was shown");
    }
    const standing = this.#standingOf(der);
    if (!standing.ok) return standing;
    return this.#verdictNow(standing.certificate, standing.authority, nowMs);
  }

  /** Whether an identity that was let in earlier would still be: for connections that live long. */
  stillGood(identity: CertificateIdentity, nowMs: number): boolean {
    return identity.notBeforeMs <= nowMs && nowMs < identity.notAfterMs &&
      this.#options.revoked?.has(identity.fingerprint256) !== true;
  }

  /** Parsing and signature, remembered by digest: they are true of these bytes for good. */
  #standingOf(der: Uint8Array): Standing {
    const seen = this.#standingsOfConnections.get(der);
    if (seen !== undefined) return seen;
    const standing = this.#standingByDigest(der);
    this.#standingsOfConnections.set(der, standing);
    return standing;
  }

  #standingByDigest(der: Uint8Array): Standing {
    const digest = hash("sha256", der, "hex");
    const known = this.#standings.get(digest);
    if (known !== undefined) return known;
    const standing = this.#examine(der);
    this.#standings.set(digest, standing);
    return standing;
  }

  #examine(der: Uint8Array): Standing {
    let certificate: Certificate;
    try {
      certificate = parseCertificate(this.#x509, der);
    } catch (thrown) {
      return refused(
        "unreadable_certificate",
        `the client certificate cannot be parsed: ${reasonOf(thrown)}`,
      );
    }
    const { requiredRoles } = this.#options;
    const authorities = this.#authorities;
    // A certificate equal to a trusted authority's is no client's, whoever holds its key.
    if (authorities.some((authority) => Buffer.compare(authority.der, certificate.der) === 0)) {
      return refused("wrong_usage", "an authority's own certificate cannot be used by a client");
    }
    const authority = certificate.hasExtensions ? issuerOf(certificate, authorities) : undefined;
    if (authority === undefined) {
      return refused(
        "unknown_authority",
        `the client certificate "${certificate.subject}" was not issued by an authority of this ` +
          `cluster, but by "${certificate.issuer}"`,
      );
    }
    if (!certificate.extendedKeyUsages.includes(CLIENT_AUTH_USAGE)) {
      return refused(
        "wrong_usage",
        `the client certificate "${certificate.subject}" is not meant for clients: ` +
          "issue it with the extended key usage clientAuth",
      );
    }
    if (
      requiredRoles !== undefined &&
      !certificate.identity.roles.some((role) => requiredRoles.includes(role))
    ) {
      return refused(
        "wrong_role",
        `the client certificate "${certificate.subject}" carries none of the roles ` +
          `${requiredRoles.join(", ")}`,
      );
    }
    return { ok: true, certificate, authority };
  }

  /** What may change between two calls: the time, and who has been revoked. */
  #verdictNow(certificate: Certificate, authority: Certificate, nowMs: number): PeerVerdict {
    const { identity, subject } = certificate;
    const { notBeforeMs, notAfterMs } = identity;
    if (nowMs < notBeforeMs) {
      return refused(
        "not_yet_valid",
        `the client certificate "${subject}" is not valid before ${instant(notBeforeMs)}`,
      );
    }
    if (nowMs >= notAfterMs) {
      return refused(
        "expired",
        `the client certificate "${subject}" expired at ${instant(notAfterMs)}`,
      );
    }
    if (nowMs < authority.identity.notBeforeMs || nowMs >= authority.identity.notAfterMs) {
      return refused(
        "unknown_authority",
        `the authority "${authority.subject}" of the client certificate "${subject}" is not valid now`,
      );
    }
    if (this.#options.revoked?.has(identity.fingerprint256) === true) {
      return refused("revoked", `the client certificate "${subject}" has been revoked`);
    }
    return { ok: true, identity };
  }
}

function refused(
  reason: PeerRefusal,
  message: string,
): { readonly ok: false; readonly reason: PeerRefusal; readonly message: string } {
  return { ok: false, reason, message };
}
