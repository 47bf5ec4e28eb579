import type { CertificateIdentity } from "./certificates.ts";
import type { Joining, TokenClaims, TokenHandle } from "./token_claims.ts";

/** Who is calling, as established by this room and by nothing that the caller merely says. */
export interface Principal {
  /** The token's subject, the certificate's common name, or `anonymous`. */
  readonly userId: string;
  /** Roles that count: after a certificate's role has narrowed a token's (see {@linkcode principalOf}). */
  readonly roles: readonly string[];
  readonly source: "token" | "certificate" | "anonymous";
  /** The verified client certificate of the connection, whatever the source. */
  readonly certificate?: CertificateIdentity;
  /** Which token was presented, for revocation and audit; absent when none was. */
  readonly token?: TokenHandle;
  /** Jobs of these namespaces are all that there is to it; absent: it sees all. */
  readonly namespaces?: readonly string[];
  /** What a join token lets it in as, and nothing else may it do. */
  readonly joins?: Joining;
}

/** The caller of a development cluster that asks for no identity: may do everything. */
export const ANONYMOUS: Principal = Object.freeze({
  userId: "anonymous",
  roles: Object.freeze(["admin"]),
  source: "anonymous",
});

/** The caller of a method that is open to all (health): nobody, with no roles. */
export const NOBODY: Principal = Object.freeze({
  userId: "anonymous",
  roles: Object.freeze([]),
  source: "anonymous",
});

/** Roles of certificates that do not narrow a token's roles: their holders speak for others. */
const ROLES_THAT_DO_NOT_NARROW: ReadonlySet<string> = new Set(["client", "master"]);

/**
 * The bearer of a verified token, over a connection with a verified certificate or none. A
 * certificate that carries a role of its own narrows the token's roles to it: a right needs both.
 */
export function principalOf(
  claims: TokenClaims,
  certificate: CertificateIdentity | undefined,
): Principal {
  const narrowing = certificate?.roles.some((role) => ROLES_THAT_DO_NOT_NARROW.has(role)) === true
    ? []
    : certificate?.roles ?? [];
  return {
    userId: claims.subject,
    roles: narrowing.length === 0
      ? claims.roles
      : claims.roles.filter((role) => narrowing.includes(role)),
    source: "token",
    ...(certificate === undefined ? {} : { certificate }),
    token: handleOf(claims),
    ...(claims.namespaces === undefined ? {} : { namespaces: claims.namespaces }),
    ...(claims.joins === undefined ? {} : { joins: claims.joins }),
  };
}

function handleOf(claims: TokenClaims): TokenHandle {
  const { subject, tokenId, family, issuedAtMs, expiresAtMs } = claims;
  return {
    subject,
    ...(tokenId === undefined ? {} : { tokenId }),
    ...(family === undefined ? {} : { family }),
    ...(issuedAtMs === undefined ? {} : { issuedAtMs }),
    expiresAtMs,
  };
}
