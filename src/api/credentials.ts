/**
 * How a request says who it is from, and whether a browser was led into sending it.
 *
 * A session of the page is a cookie that holds the token itself: no node has to remember anything, every
 * master takes it, and it ends when the token does. Scripts cannot read it, other sites' requests do not
 * carry it (SameSite=Strict), and what changes something must look like the page's own besides.
 *
 * @module
 */

import type { Exchange } from "../http/mod.ts";
import { Refusal } from "../rpc/mod.ts";
import { isPrivateName } from "../security/mod.ts";

/** By what somebody says who they are. */
export type Login = "bearer" | "cookie" | "certificate" | "none";

/** What a request shows. */
export interface Credentials {
  readonly login: Login;
  /** As an Authorization header has it. */
  readonly authorization: string | undefined;
}

/** A header that a form of another site cannot have. */
export const PAGE_HEADER = "x-conductor-request";

/** The `__Host-` name binds a cookie to this host and to TLS; without TLS no browser takes it. */
function cookieName(isSecure: boolean): string {
  return isSecure ? "__Host-conductor" : "conductor";
}

/** @param takesCookies false where nobody has to log in, so that a cookie of another cluster does no harm */
export function credentialsOf(
  { headers }: Request,
  { certificate, isSecure }: Pick<Exchange, "certificate" | "isSecure">,
  takesCookies: boolean,
): Credentials {
  const authorization = headers.get("authorization") ?? undefined;
  if (authorization !== undefined) return { login: "bearer", authorization };
  const token = takesCookies
    ? cookieIn(headers.get("cookie") ?? "", cookieName(isSecure))
    : undefined;
  if (token !== undefined) return { login: "cookie", authorization: `Bearer ${token}` };
  return { login: certificate === undefined ? "none" : "certificate", authorization };
}

function cookieIn(header: string, name: string): string | undefined {
  for (const part of header.split(";")) {
    const [key, ...value] = part.split("=");
    if (key?.trim() === name) return value.join("=").trim();
  }
  return undefined;
}

/** The cookie of a session; it ends with its token. */
export function sessionCookie(token: string, isSecure: boolean, maxAgeSeconds: number): string {
  return [
    `${cookieName(isSecure)}=${token}`,
    "Path=/",
    "HttpOnly",
    "SameSite=Strict",
    ...(isSecure ? ["Secure"] : []),
    `Max-Age=${maxAgeSeconds}`,
  ].join("; ");
}

/** Who is asked by whom: what decides whether a page of another site may be behind it. */
export interface Asking {
  readonly login: Login;
  /** Everybody is let in, so that a browser needs nothing to be. */
  readonly isOpen: boolean;
  /** Whether no page of another site can have come by what a `Host` header says. Default: private names. */
  readonly takesHost?: ((host: string) => boolean) | undefined;
}

/**
 * Refuses what a page of another site could have made a browser send. Whoever has a bearer token put it
 * there on purpose; cookies, certificates and, where nobody needs any, the address alone go along with
 * whatever a browser sends.
 *
 * @throws Refusal `permission_denied`
 */
export function refuseForeignPages(
  { headers }: Request,
  { login, isOpen, takesHost = isPrivateName }: Asking,
): void {
  if (login === "bearer") return;
  const site = headers.get("sec-fetch-site");
  const isOwn = site === null
    ? isSameHost(headers.get("origin"), headers.get("host"))
    : site === "same-origin" || site === "none";
  if (!isOwn) {
    throw new Refusal("permission_denied", "a page of another site may not ask this of a browser");
  }
  if (isOpen && headers.has("origin") && !takesHost(headers.get("host") ?? "")) {
    throw new Refusal(
      "permission_denied",
      "this node lets everybody in, and so takes what a page asks only under an address or a name " +
        "that no other site can have: call it by that, put its name into security.http_hosts, or " +
        "enforce roles (security.rbac.enabled)",
    );
  }
  if (login === "cookie" && !headers.has(PAGE_HEADER)) {
    throw new Refusal(
      "permission_denied",
      `with a session's cookie, the header ${PAGE_HEADER}: 1 is needed; with a bearer token it is not`,
    );
  }
}

/** Whoever names no origin is no browser. */
function isSameHost(origin: string | null, host: string | null): boolean {
  if (origin === null) return true;
  return URL.parse(origin)?.host === host;
}
