/**
 * Tokens that somebody could try who has the cluster's public key, a token that was good once, and
 * knows RFC 8725; the cluster itself signed some of them, as a careless issuer with its key would.
 *
 * @module
 */

import {
  CompactEncrypt,
  CompactSign,
  exportJWK,
  FlattenedSign,
  type JWTPayload,
  SignJWT,
} from "jose";
import { assembled, base64url, goodClaims, signed, type SigningKey } from "./tokens.ts";

const encoder = new TextEncoder();

/** By what is wrong with each. */
export async function hostileTokens(
  key: SigningKey,
  otherKey: SigningKey,
): Promise<ReadonlyMap<string, string>> {
  const claims = goodClaims();
  const good = await signed(key, claims);
  const [head = "", body = "", signature = ""] = good.split(".");
  const now = claims.iat ?? 0;
  const tokens = new Map<string, string | Promise<string>>();
  const add = (what: string, token: string | Promise<string>) => {
    if (tokens.has(what)) throw new Error(`twice: ${what}`);
    tokens.set(what, token);
  };
  const ours = (what: string, changes: Record<string, unknown>) =>
    add(what, signed(key, { ...claims, ...changes } as JWTPayload));
  const raw = (payload: string) =>
    new CompactSign(encoder.encode(payload)).setProtectedHeader({ alg: "ES256" })
      .sign(key.privateKey);
  const hs256 = (secret: string, header: Record<string, unknown> = {}) =>
    new SignJWT(claims).setProtectedHeader({ alg: "HS256", ...header })
      .sign(encoder.encode(secret));
  const theirs = (header: Record<string, unknown>) => signed(otherKey, claims, header);

  for (const alg of ["none", "None", "NONE", "nOnE", "", "null", "none\0", " none"]) {
    add(`alg ${JSON.stringify(alg)}`, assembled({ alg }, claims));
    add(
      `alg ${JSON.stringify(alg)} and the signature of another`,
      `${base64url({ alg })}.${body}.${signature}`,
    );
  }
  for (const alg of [null, 0, true, ["ES256"], { ES256: 1 }, undefined]) {
    add(
      `alg ${JSON.stringify(alg)}, which is no text`,
      `${base64url({ alg })}.${body}.${signature}`,
    );
  }
  for (const alg of ["es256", "ES384", "ES512", "RS256", "PS256", "HS256", "EdDSA", "ES256K"]) {
    add(`alg ${alg} over a signature of ES256`, `${base64url({ alg })}.${body}.${signature}`);
  }
  const publicKey = key.publicKeyPem;
  add("HS256 with the public key as its secret", hs256(publicKey));
  add("HS256 with the public key without its last line break", hs256(publicKey.trim()));
  const der = publicKey.replace(/-----[^-]+-----|\s/g, "");
  add("HS256 with the public key's base64 as its secret", hs256(der));
  add("HS256 with an empty secret", assembled({ alg: "HS256" }, claims, await hmac("", claims)));
  add(
    "HS384 with the public key as its secret",
    new SignJWT(claims)
      .setProtectedHeader({ alg: "HS384" }).sign(encoder.encode(publicKey)),
  );

  add("no signature", `${head}.${body}.`);
  add("no signature and no last dot", `${head}.${body}`);
  add("a signature of zeros, r = s = 0", `${head}.${body}.${base64urlOf(new Uint8Array(64))}`);
  add("a signature of DER", `${head}.${body}.${base64urlOf(derOf(signature))}`);
  add("half a signature", `${head}.${body}.${signature.slice(0, 43)}`);
  add("a signature and more", `${head}.${body}.${signature}AAAA`);
  add("a signature with padding", `${head}.${body}.${signature}==`);
  add("a signature in another alphabet", `${head}.${body}.${signature.slice(0, -2)}+/`);
  add(
    "another's claims under the signature",
    `${head}.${base64url({ ...claims, sub: "eve" })}.${signature}`,
  );
  add("a fourth part", `${good}.${signature}`);
  add("no header", `.${body}.${signature}`);
  add("no claims", `${head}..${signature}`);

  const jwk = await exportJWK(otherKey.privateKey);
  const { d: _secret, ...publicJwk } = jwk;
  add("a key of its own in jwk", theirs({ jwk: publicJwk }));
  add("a key address in jku", theirs({ jku: "http://127.0.0.1:1/keys", kid: "k" }));
  add("a certificate address in x5u", theirs({ x5u: "http://169.254.169.254/c" }));
  add("a certificate in x5c", theirs({ x5c: ["AAAA"] }));
  for (
    const kid of [
      "../../../../../../dev/null",
      "/proc/self/environ",
      "file:///dev/null",
      "http://127.0.0.1:1/key",
      "x' UNION SELECT 'k",
      "$(id)",
      "\u202ek\u0000\r\n",
      "🔑".repeat(200),
    ]
  ) add(`kid ${JSON.stringify(kid.slice(0, 40))}`, theirs({ kid }));
  add("kid a list", theirs({ kid: ["a"] }));
  add(
    "crit with b64 false",
    new FlattenedSign(encoder.encode(JSON.stringify(claims)))
      .setProtectedHeader({ alg: "ES256", b64: false, crit: ["b64"] }).sign(key.privateKey)
      .then(({ protected: header, signature: mark }) => `${header}.${body}.${mark}`),
  );
  add(
    "crit of something unknown",
    `${base64url({ alg: "ES256", crit: ["x"], x: 1 })}.${body}.${signature}`,
  );
  add("crit that is empty", `${base64url({ alg: "ES256", crit: [] })}.${body}.${signature}`);
  add("typ of another use", signed(key, claims, { typ: "dpop+jwt" }));
  add("typ of a logout", signed(key, claims, { typ: "logout+jwt" }));
  add(
    "a token in a token",
    new CompactSign(encoder.encode(good))
      .setProtectedHeader({ alg: "ES256", cty: "JWT" }).sign(key.privateKey),
  );
  add(
    "an encrypted token",
    new CompactEncrypt(encoder.encode(JSON.stringify(claims)))
      .setProtectedHeader({ alg: "dir", enc: "A256GCM" }).encrypt(new Uint8Array(32)),
  );
  add(
    "a token that is compressed",
    new CompactEncrypt(encoder.encode("{}"))
      .setProtectedHeader({ alg: "dir", enc: "A128GCM", zip: "DEF" } as never)
      .encrypt(new Uint8Array(16)).catch(() =>
        assembled({ alg: "dir", zip: "DEF" }, claims, "AAAA")
      ),
  );

  const text = JSON.stringify(claims).slice(1, -1);
  add("exp twice, the later one past", raw(`{${text},"exp":${now - 900}}`));
  add("iss twice, the later one another", raw(`{${text},"iss":"eve"}`));
  add("alg twice in its header", assembled(`{"alg":"ES256","alg":"none"}`, claims));
  add("claims that are a list", raw("[]"));
  add("claims that are a text", raw('"admin"'));
  add("claims that are null", raw("null"));
  add("claims that are no JSON", raw("{"));
  add(
    "claims that are no UTF-8",
    new CompactSign(Uint8Array.of(0x7b, 0xff, 0x7d))
      .setProtectedHeader({ alg: "ES256" }).sign(key.privateKey),
  );
  add(
    "claims as deep as a well",
    raw(`{"a":${"[".repeat(2_000)}${"]".repeat(2_000)},${text},"exp":1}`),
  );
  add(
    "__proto__ with an expiry",
    raw(
      `{"sub":"a","iss":"${claims.iss}","aud":"conductor-api","__proto__":{"exp":${now + 900}}}`,
    ),
  );
  ours("exp a text", { exp: String(now + 900) });
  ours("exp negative", { exp: -1 });
  ours("exp 0", { exp: 0 });
  ours("exp null", { exp: null });
  ours("exp a list", { exp: [now + 900] });
  ours("exp far beyond all dates", { exp: 1e300 });
  ours("exp in milliseconds", { exp: (now + 900) * 1_000 });
  add("exp infinite", raw(`{${text.replace(/"exp":\d+/, '"exp":1e999')}}`));
  ours("no exp", { exp: undefined });
  ours("exp past by a minute", { exp: now - 60 });
  ours("iat ahead by an hour", { iat: now + 3_600 });
  ours("iat a text", { iat: "now" });
  ours("nbf a text", { nbf: "now" });
  ours("nbf ahead by an hour", { nbf: now + 3_600 });
  ours("no sub", { sub: undefined });
  ours("sub empty", { sub: "" });
  ours("sub a number", { sub: 1 });
  ours("sub with a line break", { sub: "a\nadmin" });
  ours("sub with half a character", { sub: "a\ud800" });
  ours("sub that looks like another's", { sub: "\u202enimda" });
  ours("sub with what is not seen", { sub: "admin\u200b" });
  ours("sub of a thousand letters", { sub: "a".repeat(1_000) });
  ours("no iss", { iss: undefined });
  ours("iss a list with ours in it", { iss: [claims.iss] });
  ours("iss with a blank", { iss: `${claims.iss} ` });
  ours("no aud", { aud: undefined });
  ours("aud an object", { aud: { 0: "conductor-api" } });
  ours("aud with a blank", { aud: "conductor-api " });
  ours("aud of a worker", { aud: ["conductor-worker:w1"] });
  ours("roles a text", { roles: "admin" });
  ours("roles an object", { roles: { admin: true } });
  ours("roles with a list in it", { roles: [["admin"]] });
  ours("a thousand roles", { roles: Array.from({ length: 1_000 }, (_, index) => `r${index}`) });
  ours("type of another kind", { type: "id" });
  ours("type a list", { type: ["access"] });
  ours("jti a number", { jti: 7 });
  ours("namespaces a text", { namespaces: "red" });
  ours("twenty kilobytes", { more: "x".repeat(20_000) });

  return new Map(
    await Promise.all([...tokens].map(async ([what, token]) => [what, await token] as const)),
  );
}

async function hmac(secret: string, claims: JWTPayload): Promise<string> {
  const { createHmac } = await import("node:crypto");
  return createHmac("sha256", secret)
    .update(`${base64url({ alg: "HS256" })}.${base64url(claims)}`).digest("base64url");
}

/** The signature in the form that X.509 has, of one in that of JWS. */
function derOf(signature: string): Uint8Array {
  const bytes = Uint8Array.fromBase64(signature, { alphabet: "base64url" });
  const integer = (half: Uint8Array) => [0x02, 33, 0, ...half];
  const both = [...integer(bytes.subarray(0, 32)), ...integer(bytes.subarray(32))];
  return Uint8Array.of(0x30, both.length, ...both);
}

function base64urlOf(bytes: Uint8Array): string {
  return bytes.toBase64({ alphabet: "base64url", omitPadding: true });
}
