/** What may be asked of the built-in authority. */

import { isIP } from "node:net";
import type { KeyType } from "./certificate_making.ts";

/** What to issue. */
export interface CertificateRequest {
  /** Subject's common name and stem of the files: a node's id, a user's name. */
  readonly name: string;
  readonly role: string;
  /** DNS names and IP addresses besides the role's usual ones. */
  readonly sans: readonly string[];
  readonly lifeMs: number;
  readonly keyType: KeyType;
  /** Where certificate and key go; default: beside the authority. */
  readonly directory?: string | undefined;
  readonly passphrase?: string | undefined;
  /** Milliseconds since the epoch. */
  readonly nowMs: number;
}

/** What a role's certificate is good for without being told. */
export function usualNames(name: string, role: string): readonly string[] {
  if (!SERVER_ROLES.includes(role)) return [];
  const own = DNS_NAME.test(name) ? [name] : [];
  return [...own, ...LOOPBACK, ...(role === "master" ? SERVICE_NAMES : [])];
}

/** Whether a role's holders are called, and so show their certificate as servers too. */
export function isServerRole(role: string): boolean {
  return SERVER_ROLES.includes(role);
}

/** Everything that is wrong with a request. */
export function faultsOf({ name, role, sans, lifeMs }: CertificateRequest): string[] {
  return [
    ...(NAME.test(name)
      ? []
      : [`the name ${JSON.stringify(name)} must be of letters, digits, dots, dashes, at most 63`]),
    ...(RESERVED_NAMES.includes(name.toLowerCase())
      ? [`the name "${name}" is taken by the authority's own files`]
      : []),
    ...(ROLE.test(role)
      ? []
      : [`the role ${JSON.stringify(role)} must be of small letters, digits and dashes`]),
    ...sans.filter((san) => isIP(san) === 0 && !DNS_NAME.test(san))
      .map((san) => `the name ${JSON.stringify(san)} is neither a DNS name nor an IP address`),
    ...(lifeMs >= 1_000 ? [] : [`a lifetime of ${lifeMs} ms is shorter than a second`]),
  ];
}

const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/;
const ROLE = /^[a-z][a-z0-9-]{0,62}$/;
const DNS_NAME =
  /^(\*\.)?[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*$/;
/** File stems that are the authority's own. */
const RESERVED_NAMES = ["ca", "index", "revoked"];
const SERVER_ROLES = ["master", "worker"];
const LOOPBACK = ["localhost", "127.0.0.1", "::1"];
/** What the profiles of staging and production expect of a master (`security.tls.server_name`). */
const SERVICE_NAMES = ["conductor", "conductor-staging.svc", "conductor.production.svc"];
