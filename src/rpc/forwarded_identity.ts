/**
 * Who calls, on the way from the member that let the caller in to the leader, which asks again.
 *
 * @module
 */

import type { MessageInitShape } from "@bufbuild/protobuf";
import { isJoining, type TokenHandle } from "../security/mod.ts";
import type { Caller } from "./call.ts";
import type {
  ForwardedIdentity,
  ForwardedIdentitySchema,
  ForwardRequest,
} from "./gen/forward_pb.ts";

type Wire = MessageInitShape<typeof ForwardedIdentitySchema>;

/** @param policyRevision of the policy by which this member let the caller in */
export function identityToWire(caller: Caller, policyRevision: number): Wire {
  const { source = "token", token, certificate, namespaces, joins } = caller;
  return {
    source,
    policyRevision: BigInt(policyRevision),
    ...(joins === undefined ? {} : { joins }),
    ...(namespaces === undefined ? {} : { namespaces: [...namespaces], hasNamespaces: true }),
    ...(token === undefined ? {} : {
      tokenSubject: token.subject,
      tokenId: token.tokenId ?? "",
      tokenFamily: token.family ?? "",
      tokenIssuedAtMs: BigInt(Math.floor(token.issuedAtMs ?? 0)),
      tokenExpiresAtMs: BigInt(Math.floor(token.expiresAtMs)),
    }),
    ...(certificate === undefined ? {} : {
      certificateFingerprint256: certificate.fingerprint256,
      certificateCommonName: certificate.commonName,
      certificateRoles: [...certificate.roles],
      certificateNotBeforeMs: BigInt(certificate.notBeforeMs),
      certificateNotAfterMs: BigInt(certificate.notAfterMs),
    }),
  };
}

export function callerFromWire({ userId, roles, identity }: ForwardRequest): Caller {
  if (identity === undefined) return { userId, roles };
  const { source, joins, hasNamespaces, namespaces } = identity;
  return {
    userId,
    roles,
    source: source === "certificate" || source === "anonymous" ? source : "token",
    policyRevision: Number(identity.policyRevision),
    ...tokenFromWire(identity),
    ...certificateFromWire(identity),
    ...(isJoining(joins) ? { joins } : {}),
    ...(hasNamespaces ? { namespaces } : {}),
  };
}

function tokenFromWire(identity: ForwardedIdentity): { readonly token?: TokenHandle } {
  const { tokenSubject, tokenId, tokenFamily, tokenIssuedAtMs, tokenExpiresAtMs } = identity;
  if (tokenSubject === "") return {};
  return {
    token: {
      subject: tokenSubject,
      ...(tokenId === "" ? {} : { tokenId }),
      ...(tokenFamily === "" ? {} : { family: tokenFamily }),
      ...(tokenIssuedAtMs === 0n ? {} : { issuedAtMs: Number(tokenIssuedAtMs) }),
      expiresAtMs: Number(tokenExpiresAtMs),
    },
  };
}

function certificateFromWire(identity: ForwardedIdentity): Pick<Caller, "certificate"> {
  const { certificateFingerprint256: fingerprint256 } = identity;
  if (fingerprint256 === "") return {};
  return {
    certificate: {
      fingerprint256,
      commonName: identity.certificateCommonName,
      roles: identity.certificateRoles,
      names: [],
      notBeforeMs: Number(identity.certificateNotBeforeMs),
      notAfterMs: Number(identity.certificateNotAfterMs),
    },
  };
}
