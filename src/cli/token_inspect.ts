/**
 * `conductor token inspect`: what a token says, read here and not checked. The token itself is not
 * shown, so that the answer can be shown to others.
 *
 * @module
 */

import { tell } from "./answer.ts";
import { configFrom } from "./config_flags.ts";
import { tokenSource } from "./connect.ts";
import { Misuse } from "./failure.ts";
import { secondText } from "./present.ts";
import type { Flags } from "./router.ts";
import { renderPairs } from "./table.ts";
import { printable, type Terminal } from "./terminal.ts";
import { jsonPart } from "./token_claims.ts";
import { readTokenFile } from "./token_file.ts";

type Claims = Readonly<Record<string, unknown>>;

export async function inspectToken(
  file: string | undefined,
  flags: Flags,
  terminal: Terminal,
): Promise<void> {
  const tokens = await tokensFrom(file, flags);
  const read = tokens.map((token) => decoded(token));
  tell(flags, terminal, {
    ...(read.length === 1 ? { json: read[0] } : { json: { tokens: read }, list: "tokens" }),
    text: () => read.map((each) => renderPairs(linesOf(each))).join("\n"),
  });
}

async function tokensFrom(file: string | undefined, flags: Flags): Promise<readonly string[]> {
  if (file === "-") {
    const text = await new Response(Deno.stdin.readable).text();
    return text.split(/\s+/).filter((each) => each !== "");
  }
  if (file !== undefined) {
    const { token, refreshToken } = readTokenFile(file);
    return refreshToken === "" ? [token] : [token, refreshToken];
  }
  const token = tokenSource(configFrom(flags, "client").config)();
  if (token !== undefined) return [token];
  throw new Misuse("there is no token: name a file, or set CONDUCTOR_TOKEN or --token-file");
}

/** What {@linkcode inspectToken} tells of one token. */
interface Inspected {
  readonly algorithm: string;
  readonly claims: Claims;
  readonly expired: boolean | null;
}

function decoded(token: string): Inspected {
  const parts = token.split(".");
  if (parts.length !== 3) throw new Misuse("this is no signed JWT: it has not three parts");
  const [header, claims] = parts.slice(0, 2).map(partOf);
  const algorithm = typeof header?.alg === "string" ? header.alg : "";
  const { exp } = claims ?? {};
  return {
    algorithm,
    claims: claims ?? {},
    expired: typeof exp === "number" ? exp * 1000 <= Date.now() : null,
  };
}

function partOf(part: string): Claims {
  const value = jsonPart(part);
  if (value !== undefined) return value;
  throw new Misuse("this is no signed JWT: a part of it is not JSON in base64url");
}

const NAMES: Readonly<Record<string, string>> = {
  sub: "Subject",
  type: "Type",
  roles: "Roles",
  namespaces: "Namespaces",
  joins: "Lets in",
  iss: "Issuer",
  aud: "Audience",
  iat: "Issued",
  nbf: "Not before",
  exp: "Expires",
  jti: "Token id",
  fam: "Family",
  gen: "Generation",
  grants: "Buys",
};

function linesOf({ algorithm, claims, expired }: Inspected): (readonly [string, string])[] {
  const { type = "access", ...rest } = claims;
  const all: Claims = { type, ...rest };
  const known = Object.keys(NAMES).filter((name) => all[name] !== undefined);
  const others = Object.keys(all).filter((name) => NAMES[name] === undefined);
  const lines = [...known, ...others].map((name) =>
    [printable(NAMES[name] ?? name), printable(textOf(name, all[name]))] as const
  );
  const signature: readonly [string, string] = [
    "Signature",
    `${printable(algorithm)}, not checked here`,
  ];
  return expired === true ? [...lines, ["Expired", "yes"], signature] : [...lines, signature];
}

function textOf(name: string, value: unknown): string {
  if (["iat", "nbf", "exp"].includes(name) && typeof value === "number") {
    const ms = value * 1000;
    return Math.abs(ms) <= 8.64e15 ? secondText(ms) : String(value);
  }
  if (Array.isArray(value)) return value.map(String).join(", ");
  return typeof value === "string" ? value : JSON.stringify(value);
}
