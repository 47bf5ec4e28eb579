import assert from "node:assert/strict";
import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { Buffer } from "node:buffer";
import { type CryptoKey, type JWTPayload, SignJWT } from "jose";
import { SecurityConfigurationError, type SecurityProfile } from "./configuration_error.ts";
import { temporaryDirectory } from "./certificate_fixtures.ts";
import { issueTokens } from "./token_issuing.ts";
import { privateKey, weaknessOfSecret } from "./token_keys.ts";
import { createTokenVerifier, type TokenVerifier, type TokenVerifierOptions } from "./tokens.ts";
import type { TokenRefusal, TokenVerdict } from "./token_refusals.ts";

const SECRET = "kJ8#vQ2!pL5@xR9$mN3%wT7^yB1&zC4*";
const NOW_MS = Date.UTC(2026, 5, 1);
const NOW = NOW_MS / 1000;

const OPTIONS: TokenVerifierOptions = {
  profile: "production",
  secret: SECRET,
  publicKeyPath: "",
  issuer: "conductor-production",
  audience: "conductor-api",
  skipExpiry: false,
};

async function verifierOf(overrides: Partial<TokenVerifierOptions> = {}): Promise<TokenVerifier> {
  const verifier = await createTokenVerifier({ ...OPTIONS, ...overrides });
  assert.ok(verifier !== null);
  return verifier;
}

const CLAIMS: JWTPayload = {
  sub: "alice",
  roles: ["operator"],
  iss: "conductor-production",
  aud: ["conductor-api"],
  iat: NOW,
  exp: NOW + 900,
};

function hs256(
  claims: Record<string, unknown>,
  header: Record<string, unknown> = {},
  secret = SECRET,
): Promise<string> {
  return new SignJWT(claims as JWTPayload)
    .setProtectedHeader({ alg: "HS256", ...header })
    .sign(new TextEncoder().encode(secret));
}

/** A token put together by hand, for what a library would not make. */
function unsigned(header: unknown, claims: unknown, signature = ""): string {
  const part = (value: unknown) =>
    Buffer.from(typeof value === "string" ? value : JSON.stringify(value)).toString("base64url");
  return `${part(header)}.${part(claims)}.${signature}`;
}

function reasonOf(verdict: TokenVerdict): TokenRefusal | "passed" {
  return verdict.ok ? "passed" : verdict.reason;
}

Deno.test("issued tokens carry the original's claims, and the access token passes", async () => {
  const issued = await issueTokens({ ...OPTIONS }, {
    subject: "alice",
    roles: ["operator", "viewer"],
    accessTtlMs: 900_000,
    refreshTtlMs: 604_800_000,
    nowMs: NOW_MS,
  });
  assert.equal(issued.accessExpiresAtMs, NOW_MS + 900_000);
  const claims = JSON.parse(
    Buffer.from(issued.accessToken.split(".")[1] ?? "", "base64url").toString(),
  );
  assert.equal(claims.sub, "alice");
  assert.equal(claims.iss, "conductor-production");
  assert.deepEqual(claims.aud, ["conductor-api"]);
  assert.deepEqual(claims.roles, ["operator", "viewer"]);
  assert.equal(claims.exp - claims.iat, 900);
  const verdict = await (await verifierOf()).verify(issued.accessToken, NOW_MS);
  assert.ok(verdict.ok);
  assert.equal(verdict.claims.subject, "alice");
  assert.deepEqual(verdict.claims.roles, ["operator", "viewer"]);
  assert.equal(verdict.claims.tokenId, claims.jti);
});

Deno.test("a refresh token passes as a refresh token only, an access token as an access token", async () => {
  const verifier = await verifierOf();
  const issued = await issueTokens({ ...OPTIONS }, {
    subject: "alice",
    roles: ["viewer"],
    accessTtlMs: 900_000,
    refreshTtlMs: 604_800_000,
    nowMs: NOW_MS,
  });
  assert.equal(reasonOf(await verifier.verify(issued.refreshToken, NOW_MS)), "kind");
  assert.equal(reasonOf(await verifier.verify(issued.refreshToken, NOW_MS, "refresh")), "passed");
  assert.equal(reasonOf(await verifier.verify(issued.accessToken, NOW_MS, "refresh")), "kind");
  assert.equal(verifier.recall(issued.refreshToken, NOW_MS), undefined);
});

Deno.test("the original's own tokens pass: no jti, no typ, an audience list", async () => {
  const verdict = await (await verifierOf()).verify(await hs256(CLAIMS), NOW_MS);
  assert.deepEqual(verdict, {
    ok: true,
    claims: {
      subject: "alice",
      roles: ["operator"],
      kind: "access",
      issuedAtMs: NOW_MS,
      expiresAtMs: NOW_MS + 900_000,
    },
  });
});

const { exp: _exp, ...withoutExp } = CLAIMS;
const { sub: _sub, ...withoutSub } = CLAIMS;
const { iss: _iss, ...withoutIss } = CLAIMS;
const { aud: _aud, ...withoutAud } = CLAIMS;

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

Deno.test("times are taken with a leeway of 30 seconds, and no more", async () => {
  const verifier = await verifierOf();
  const verify = async (claims: JWTPayload) =>
    reasonOf(await verifier.verify(await hs256({ ...CLAIMS, ...claims }), NOW_MS));
  assert.equal(await verify({ exp: NOW - 29 }), "passed");
  assert.equal(await verify({ exp: NOW - 30 }), "expired");
  assert.equal(await verify({ nbf: NOW + 30 }), "passed");
  assert.equal(await verify({ iat: NOW + 30 }), "passed");
});

Deno.test("a token that passed is remembered until it expires, and revocation is asked each time", async () => {
  let isRevoked = false;
  const verifier = await verifierOf({ isRevoked: ({ tokenId }) => isRevoked && tokenId === "7" });
  const token = await hs256({ ...CLAIMS, jti: "7", nbf: NOW });
  assert.equal(verifier.recall(token, NOW_MS), undefined);
  assert.equal(reasonOf(await verifier.verify(token, NOW_MS)), "passed");
  const recalled = verifier.recall(token, NOW_MS + 929_000);
  assert.ok(recalled?.ok);
  assert.equal(recalled.claims.subject, "alice");
  isRevoked = true;
  assert.deepEqual(verifier.recall(token, NOW_MS + 1), {
    ok: false,
    reason: "revoked",
    message: "the token has been revoked",
  });
  assert.equal(verifier.stillGood({ ...recalled.claims }, NOW_MS), false);
  isRevoked = false;
  assert.equal(verifier.stillGood({ ...recalled.claims }, NOW_MS), true);
  assert.equal(verifier.recall(token, NOW_MS + 930_000), undefined);
  assert.equal(reasonOf(await verifier.verify(token, NOW_MS + 930_000)), "expired");
});

Deno.test("two secrets check while one is rolled, and what the former signed ends with it", async () => {
  const newer = "nW7!zX3@cV6#bN1$mQ8%wE4^rT2&yU9*";
  const signedBy = (secret: string) => hs256(CLAIMS, {}, secret);
  const [old, young] = [await signedBy(SECRET), await signedBy(newer)];
  const verifier = await verifierOf();
  const verdicts = async () => {
    const each = [old, young].map(async (token) => reasonOf(await verifier.verify(token, NOW_MS)));
    return await Promise.all(each);
  };
  assert.deepEqual(await verdicts(), ["passed", "signature"]);
  verifier.adoptKeys(await verifierOf({ secret: newer, olderSecrets: [SECRET] }));
  assert.equal(verifier.recall(old, NOW_MS), undefined, "nothing is remembered of other keys");
  assert.deepEqual(await verdicts(), ["passed", "passed"]);
  // What is being checked when the keys change is not remembered either.
  const underWay = verifier.verify(old, NOW_MS);
  verifier.adoptKeys(await verifierOf({ secret: newer }));
  await underWay;
  assert.equal(verifier.recall(old, NOW_MS), undefined);
  assert.deepEqual(await verdicts(), ["signature", "passed"]);
  await assert.rejects(
    verifierOf({ olderSecrets: ["short"] }),
    /secret 2 of security\.jwt\.secret_key_file has 5 bytes/,
  );
});

Deno.test("a remembered token is not taken before it began, should the clock be set back", async () => {
  const verifier = await verifierOf();
  const token = await hs256({ ...CLAIMS, nbf: NOW });
  await verifier.verify(token, NOW_MS);
  assert.equal(verifier.recall(token, NOW_MS - 3_600_000), undefined);
});

Deno.test("what is remembered is bounded, and made-up tokens push nothing out", async () => {
  const verifier = await verifierOf({ rememberedMax: 2 });
  const [first, second, third] = await Promise.all(
    ["a", "b", "c"].map((sub) => hs256({ ...CLAIMS, sub })),
  );
  assert.ok(first !== undefined && second !== undefined && third !== undefined);
  await verifier.verify(first, NOW_MS);
  await verifier.verify(second, NOW_MS);
  for (let index = 0; index < 10; index++) {
    await verifier.verify(unsigned({ alg: "HS256" }, { ...CLAIMS, index }, "AAAA"), NOW_MS);
  }
  assert.ok(verifier.recall(first, NOW_MS)?.ok);
  await verifier.verify(third, NOW_MS);
  assert.equal(verifier.recall(second, NOW_MS), undefined);
  assert.ok(verifier.recall(first, NOW_MS)?.ok);
});

Deno.test("refresh and join tokens have the shape that they must have, or do not pass", async () => {
  const verifier = await verifierOf();
  const word = async (claims: Record<string, unknown>, kind: "refresh" | "join") =>
    reasonOf(await verifier.verify(await hs256({ ...CLAIMS, ...claims }), NOW_MS, kind));
  const refresh = { type: "refresh", fam: "f", gen: 0, grants: { roles: ["viewer"] } };
  const join = { type: "join", joins: "worker", jti: "j" };
  assert.equal(await word(refresh, "refresh"), "passed");
  assert.equal(await word(join, "join"), "passed");
  for (
    const wrong of [
      { gen: -1 },
      { gen: 0.5 },
      { gen: "0" },
      { gen: 2 ** 60 },
      { fam: undefined },
      { grants: "admin" },
      { grants: ["admin"] },
      { grants: { roles: "admin" } },
      { grants: { roles: [], namespaces: [7] } },
    ]
  ) {
    assert.equal(await word({ ...refresh, ...wrong }, "refresh"), "claims", JSON.stringify(wrong));
  }
  for (const wrong of [{ joins: "admin" }, { joins: undefined }, { jti: undefined }]) {
    assert.equal(await word({ ...join, ...wrong }, "join"), "claims", JSON.stringify(wrong));
  }
  assert.equal(await word(join, "refresh"), "kind");
  assert.equal(await word(refresh, "join"), "kind");
});

Deno.test("a refresh token has no roles but those that it buys", async () => {
  const verifier = await verifierOf();
  const token = await hs256({
    ...CLAIMS,
    type: "refresh",
    fam: "f",
    gen: 3,
    roles: ["admin"],
    grants: { roles: ["viewer"], namespaces: ["red"] },
  });
  const verdict = await verifier.verify(token, NOW_MS, "refresh");
  assert.ok(verdict.ok);
  const { roles, namespaces, family, generation } = verdict.claims;
  assert.deepEqual({ roles, namespaces, family, generation }, {
    roles: ["viewer"],
    namespaces: ["red"],
    family: "f",
    generation: 3,
  });
});

Deno.test("skip_expiry lets an expired token pass in development, but no other fault", async () => {
  const verifier = await verifierOf({ profile: "development", skipExpiry: true });
  const verify = async (claims: Record<string, unknown>) =>
    reasonOf(await verifier.verify(await hs256({ ...CLAIMS, ...claims }), NOW_MS));
  assert.equal(await verify({ exp: NOW - 90_000 }), "passed");
  assert.equal(await verify({ exp: NOW - 90_000, aud: "other" }), "audience");
  assert.equal(await verify({ exp: NOW - 90_000, type: "refresh" }), "kind");
  assert.equal(reasonOf(await verifier.verify(await hs256(withoutExp), NOW_MS)), "claims");
});

interface KeyKind {
  readonly algorithm: string;
  readonly make: () => { publicKey: KeyObject; privateKey: KeyObject };
}

const KINDS: readonly KeyKind[] = [
  { algorithm: "RS256", make: () => generateKeyPairSync("rsa", { modulusLength: 2048 }) },
  { algorithm: "ES256", make: () => generateKeyPairSync("ec", { namedCurve: "P-256" }) },
  { algorithm: "EdDSA", make: () => generateKeyPairSync("ed25519") },
];

for (const { algorithm, make } of KINDS) {
  Deno.test(`a public key of ${algorithm} checks ${algorithm} and nothing else`, async () => {
    await using directory = await temporaryDirectory();
    const keys = make();
    const publicPem = keys.publicKey.export({ type: "spki", format: "pem" }).toString();
    const privatePem = keys.privateKey.export({ type: "pkcs8", format: "pem" }).toString();
    const publicKeyPath = `${directory.path}/public.pem`;
    await Deno.writeTextFile(publicKeyPath, publicPem);
    const verifier = await verifierOf({ secret: "", publicKeyPath });
    assert.deepEqual(verifier.algorithms, [algorithm]);

    const issued = await issueTokens({ ...OPTIONS, secret: "", privateKeyPem: privatePem }, {
      subject: "alice",
      roles: ["viewer"],
      accessTtlMs: 900_000,
      refreshTtlMs: 900_000,
      nowMs: NOW_MS,
    });
    assert.equal(reasonOf(await verifier.verify(issued.accessToken, NOW_MS)), "passed");

    // The public key's text is no secret, so nothing that it "signs" may pass.
    const confused = await hs256(CLAIMS, {}, publicPem);
    assert.equal(reasonOf(await verifier.verify(confused, NOW_MS)), "algorithm");
    const { key } = await privateKey(
      make().privateKey.export({ type: "pkcs8", format: "pem" })
        .toString(),
      "other",
    );
    const byAnother = await new SignJWT(CLAIMS).setProtectedHeader({ alg: algorithm })
      .sign(key as CryptoKey);
    assert.equal(reasonOf(await verifier.verify(byAnother, NOW_MS)), "signature");
    const zeros = unsigned({ alg: algorithm }, CLAIMS, Buffer.alloc(64).toString("base64url"));
    assert.equal(reasonOf(await verifier.verify(zeros, NOW_MS)), "signature");
  });
}

Deno.test("with a secret and a public key, each algorithm is checked with its own", async () => {
  await using directory = await temporaryDirectory();
  const keys = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const publicPem = keys.publicKey.export({ type: "spki", format: "pem" }).toString();
  const publicKeyPath = `${directory.path}/public.pem`;
  await Deno.writeTextFile(publicKeyPath, publicPem);
  const verifier = await verifierOf({ publicKeyPath });
  assert.deepEqual(verifier.algorithms, ["HS256", "ES256"]);
  assert.equal(reasonOf(await verifier.verify(await hs256(CLAIMS), NOW_MS)), "passed");
  const confused = await hs256(CLAIMS, {}, publicPem);
  assert.equal(reasonOf(await verifier.verify(confused, NOW_MS)), "signature");
});

const UNUSABLE: readonly (readonly [string, RegExp, () => string])[] = [
  [
    "a private key",
    /holds a private key/,
    () =>
      generateKeyPairSync("ed25519").privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
  ],
  [
    "an RSA key of 1024 bits",
    /1024 bits/,
    () =>
      generateKeyPairSync("rsa", { modulusLength: 1024 }).publicKey
        .export({ type: "spki", format: "pem" }).toString(),
  ],
  [
    "a key on P-384",
    /needs P-256/,
    () =>
      generateKeyPairSync("ec", { namedCurve: "P-384" }).publicKey
        .export({ type: "spki", format: "pem" }).toString(),
  ],
  ["no PEM", /holds no PEM key/, () => "hello"],
];

for (const [what, expected, make] of UNUSABLE) {
  Deno.test(`a public key file with ${what} is refused by name`, async () => {
    await using directory = await temporaryDirectory();
    const publicKeyPath = `${directory.path}/public.pem`;
    await Deno.writeTextFile(publicKeyPath, make());
    await assert.rejects(createTokenVerifier({ ...OPTIONS, publicKeyPath }), (thrown: unknown) => {
      assert.ok(thrown instanceof SecurityConfigurationError);
      assert.match(thrown.message, expected);
      assert.ok(thrown.message.includes(publicKeyPath));
      return true;
    });
  });
}

const WEAK: readonly (readonly [string, string])[] = [
  ["change-this-secret-key", "needs at least 32"],
  ["production-jwt-secret-key-safe-and-long-enough", "published default"],
  ["CHANGE-THIS-SECRET-KEY-CHANGE-THIS-SECRET-KEY", "published default"],
  ["abababababababababababababababababab", "repetition"],
  ["${CONDUCTOR_JWT_SECRET_THAT_IS_LONG_ENOUGH}", "not expanded"],
];

for (const [secret, expected] of WEAK) {
  Deno.test(`the secret ${secret} is refused in staging and production, not in development`, () => {
    for (const profile of ["staging", "production"] as const) {
      assert.ok(weaknessOfSecret(secret, profile)?.includes(expected), profile);
    }
    assert.equal(weaknessOfSecret(secret, "development"), undefined);
    assert.equal(weaknessOfSecret(SECRET, "production"), undefined);
  });
}

Deno.test("a missing key is refused outside development, where it means that there are no tokens", async () => {
  const none = { ...OPTIONS, secret: "" };
  for (const profile of ["staging", "production"] satisfies SecurityProfile[]) {
    await assert.rejects(createTokenVerifier({ ...none, profile }), /JWT_SECRET_KEY.*must be set/);
  }
  assert.equal(await createTokenVerifier({ ...none, profile: "development" }), null);
});

Deno.test("faults are named together, and never quote the secret", async () => {
  const secret = "my-short-secret";
  await assert.rejects(
    createTokenVerifier({ ...OPTIONS, secret, publicKeyPath: "/nowhere.pem", skipExpiry: true }),
    (thrown: unknown) => {
      assert.ok(thrown instanceof SecurityConfigurationError);
      assert.equal(thrown.faults.length, 3);
      assert.ok(!thrown.message.includes(secret));
      return true;
    },
  );
});
