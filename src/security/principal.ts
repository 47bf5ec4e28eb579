import type { CertificateIdentity } from "./certificates.ts";

/** Who is calling, as established by this room and by nothing that the caller merely says. */
export interface Principal {
  /** The token's subject, the certificate's common name, or `anonymous`. */
  readonly userId: string;
  /** Roles that count: after a certificate's role has narrowed a token's (see `gate.ts`). */
  readonly roles: readonly string[];
  readonly source: "token" | "certificate" | "anonymous";
  /** The verified client certificate of the connection, whatever the source. */
  readonly certificate?: CertificateIdentity;
  /** `jti` of the token, for revocation and audit. */
  readonly tokenId?: string;
  /** Milliseconds since the epoch when the token ends; absent when it does not or there is none. */
  readonly expiresAtMs?: number;
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
