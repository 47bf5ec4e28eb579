import assert from "node:assert/strict";
import { SignJWT } from "jose";
import type { TokenRefusal } from "./token_refusals.ts";
import {
  CLAIMS,
  hs256,
  NOW,
  NOW_MS,
  reasonOf,
  SECRET,
  unsigned,
  verifierOf,
  withoutAud,
  withoutExp,
  withoutIss,
  withoutSub,
} from "./tokens_test_support.ts";

/** Tokens that must not pass, and the word for why. The case of each is its name. */
const HOSTILE: readonly (readonly [string, TokenRefusal, () => Promise<string> | string])[] = [
  ["the empty string", "malformed", () => ""],
  ["one character", "malformed", () => "x"],
  ["two dots alone", "malformed", () => ".."],
  ["random text", "malformed", () => "not.a.token"],
  ["five parts, as an encrypted token has", "malformed", () => "a.b.c.d.e"],
  ["more than 8192 characters", "malformed", () => `${"a".repeat(9000)}.b.c`],
  ["alg none", "algorithm", () => unsigned({ alg: "none" }, CLAIMS)],
  ["alg none and a signature", "algorithm", () => unsigned({ alg: "none" }, CLAIMS, "AAAA")],
  ["alg None", "algorithm", () => unsigned({ alg: "None" }, CLAIMS, "AAAA")],
  ["alg nOnE", "algorithm", () => unsigned({ alg: "nOnE" }, CLAIMS, "AAAA")],
  ["alg hs256 in lower case", "algorithm", () => unsigned({ alg: "hs256" }, CLAIMS, "AAAA")],
  [
    "alg RS256 where only a secret is set",
    "algorithm",
    () => unsigned({ alg: "RS256" }, CLAIMS, "AAAA"),
  ],
  [
    "alg HS512 with our secret",
    "algorithm",
    () =>
      new SignJWT(CLAIMS).setProtectedHeader({ alg: "HS512" }).sign(
        new TextEncoder().encode(SECRET.repeat(2)),
      ),
  ],
  ["no alg", "malformed", () => unsigned({}, CLAIMS, "AAAA")],
  ["alg a number", "malformed", () => unsigned({ alg: 1 }, CLAIMS, "AAAA")],
  ["alg a list", "malformed", () => unsigned({ alg: ["HS256"] }, CLAIMS, "AAAA")],
  ["an empty signature", "signature", () => unsigned({ alg: "HS256" }, CLAIMS)],
  ["another secret", "signature", () => hs256(CLAIMS, {}, "another secret of thirty-two bytes!!")],
  ["the payload changed", "signature", async () => {
    const [header, , signature] = (await hs256(CLAIMS)).split(".");
    const forged = unsigned("", { ...CLAIMS, roles: ["admin"] }).split(".")[1];
    return `${header}.${forged}.${signature}`;
  }],
  [
    "a key of its own in jwk",
    "signature",
    () => hs256(CLAIMS, { jwk: { kty: "oct", k: "AAAA" } }, "the attacker's own secret, 32 bytes"),
  ],
  [
    "a key address in jku",
    "signature",
    () => hs256(CLAIMS, { jku: "http://127.0.0.1/keys" }, "the attacker's own secret, 32 bytes"),
  ],
  ["a path in kid", "signature", () => hs256(CLAIMS, { kid: "../../../../dev/null" }, "\0")],
  [
    "an unknown critical header",
    "malformed",
    () => unsigned({ alg: "HS256", crit: ["x"], x: 1 }, CLAIMS, "AAAA"),
  ],
  ["typ of something else", "kind", () => hs256(CLAIMS, { typ: "logout+jwt" })],
  ["type of something else", "kind", () => hs256({ ...CLAIMS, type: "join" })],
  ["type null", "kind", () => hs256({ ...CLAIMS, type: null })],
  ["no exp", "claims", () => hs256(withoutExp)],
  ["exp a string", "claims", () => hs256({ ...CLAIMS, exp: String(NOW + 900) })],
  ["exp beyond all dates", "claims", () => hs256({ ...CLAIMS, exp: 1e300 })],
  ["exp in milliseconds", "claims", () => hs256({ ...CLAIMS, exp: (NOW_MS + 9e8) * 1000 })],
  ["exp negative", "expired", () => hs256({ ...CLAIMS, exp: -1 })],
  ["exp null", "claims", () => hs256({ ...CLAIMS, exp: null })],
  ["exp past by more than the leeway", "expired", () => hs256({ ...CLAIMS, exp: NOW - 31 })],
  ["nbf ahead by more than the leeway", "not_yet_valid", () => hs256({ ...CLAIMS, nbf: NOW + 31 })],
  ["nbf a string", "claims", () => hs256({ ...CLAIMS, nbf: "now" })],
  ["iat ahead by more than the leeway", "not_yet_valid", () => hs256({ ...CLAIMS, iat: NOW + 31 })],
  ["iat a string", "claims", () => hs256({ ...CLAIMS, iat: "now" })],
  ["no sub", "claims", () => hs256(withoutSub)],
  ["sub empty", "claims", () => hs256({ ...CLAIMS, sub: "" })],
  ["sub a number", "claims", () => hs256({ ...CLAIMS, sub: 1 })],
  ["sub with a line break", "claims", () => hs256({ ...CLAIMS, sub: "alice\nadmin" })],
  ["sub of 300 characters", "claims", () => hs256({ ...CLAIMS, sub: "a".repeat(300) })],
  ["no iss", "claims", () => hs256(withoutIss)],
  ["iss of another cluster", "issuer", () => hs256({ ...CLAIMS, iss: "conductor-dev" })],
  [
    "iss a list with ours in it",
    "issuer",
    () => hs256({ ...CLAIMS, iss: ["conductor-production"] }),
  ],
  ["no aud", "claims", () => hs256(withoutAud)],
  ["aud of another service", "audience", () => hs256({ ...CLAIMS, aud: ["other-api"] })],
  ["aud an object", "audience", () => hs256({ ...CLAIMS, aud: { 0: "conductor-api" } })],
  ["roles a string", "claims", () => hs256({ ...CLAIMS, roles: "admin" })],
  ["roles with an object", "claims", () => hs256({ ...CLAIMS, roles: [{}] })],
  [
    "a hundred roles",
    "claims",
    () => hs256({ ...CLAIMS, roles: Array.from({ length: 100 }, (_, index) => `r${index}`) }),
  ],
  [
    "exp infinite",
    "claims",
    () => hs256Raw(JSON.stringify({ ...CLAIMS, exp: 0 }).replace('"exp":0', '"exp":1e999')),
  ],
  [
    "a certificate address in x5u",
    "signature",
    () => hs256(CLAIMS, { x5u: "http://127.0.0.1/c" }, "the attacker's own secret, 32 bytes"),
  ],
  ["a query in kid", "signature", () => hs256(CLAIMS, { kid: "x' UNION SELECT 'k" }, "k")],
  [
    "a critical header b64",
    "signature",
    () => unsigned({ alg: "HS256", crit: ["b64"], b64: false }, CLAIMS, "AAAA"),
  ],
  ["a header that is a list", "malformed", () => unsigned([], CLAIMS, "AAAA")],
  ["a signature that is no base64url", "malformed", () => unsigned({ alg: "HS256" }, CLAIMS, "!!")],
  ["padding behind its signature", "malformed", async () => `${await hs256(CLAIMS)}=`],
  ["a signature in base64's own alphabet", "malformed", async () => {
    const [header, payload] = (await hs256(CLAIMS)).split(".");
    return `${header}.${payload}.${"+/".repeat(21)}A`;
  }],
  ["something in the spare bits of its signature", "malformed", async () => {
    // 32 bytes are 42 letters and four bits, so that the last letter has two to spare.
    const token = await hs256(CLAIMS);
    const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    return token.slice(0, -1) + letters[letters.indexOf(token.at(-1) ?? "") + 1];
  }],
  ["a token in a token", "malformed", async () => {
    const inner = await hs256(CLAIMS);
    const { CompactSign } = await import("jose");
    return await new CompactSign(new TextEncoder().encode(inner))
      .setProtectedHeader({ alg: "HS256", cty: "JWT" }).sign(new TextEncoder().encode(SECRET));
  }],
  ["an encrypted token", "malformed", async () => {
    const { EncryptJWT } = await import("jose");
    return await new EncryptJWT(CLAIMS).setProtectedHeader({ alg: "dir", enc: "A256GCM" })
      .encrypt(new TextEncoder().encode(SECRET).slice(0, 32));
  }],
  // The last of two counts, as JSON.parse has it: what was checked is what is believed.
  [
    "exp twice, the later one past",
    "expired",
    () => hs256Raw(`{"exp":${NOW + 900},${JSON.stringify({ ...CLAIMS, exp: NOW - 900 }).slice(1)}`),
  ],
  [
    "alg twice in its header",
    "algorithm",
    () => unsigned('{"alg":"HS256","alg":"none"}', CLAIMS, "AAAA"),
  ],
  [
    "iat negative infinity",
    "claims",
    () => hs256Raw(JSON.stringify({ ...CLAIMS, iat: 0 }).replace('"iat":0', '"iat":"-Infinity"')),
  ],
  ["jti a list", "claims", () => hs256({ ...CLAIMS, jti: ["a"] })],
  ["fam a number", "claims", () => hs256({ ...CLAIMS, fam: 7 })],
  ["namespaces a string", "claims", () => hs256({ ...CLAIMS, namespaces: "red" })],
  ["type refresh", "kind", () => hs256({ ...CLAIMS, type: "refresh" })],
  ["type join", "kind", () => hs256({ ...CLAIMS, type: "join", joins: "master", jti: "j" })],
  ["claims that are a list", "malformed", () => hs256Raw("[]")],
  ["claims that are no JSON", "malformed", () => hs256Raw("{")],
];

async function hs256Raw(payload: string): Promise<string> {
  const { CompactSign } = await import("jose");
  return await new CompactSign(new TextEncoder().encode(payload))
    .setProtectedHeader({ alg: "HS256" }).sign(new TextEncoder().encode(SECRET));
}

for (const [what, reason, make] of HOSTILE) {
  Deno.test(`a token with ${what} is refused`, async () => {
    const verifier = await verifierOf();
    const token = await make();
    const verdict = await verifier.verify(token, NOW_MS);
    assert.equal(reasonOf(verdict), reason, verdict.ok ? "" : verdict.message);
    assert.equal(verifier.recall(token, NOW_MS), undefined);
    if (!verdict.ok && token.length > 20) assert.ok(!verdict.message.includes(token.slice(0, 20)));
  });
}
