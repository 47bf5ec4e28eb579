import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import type { JWTPayload } from "jose";
import { issueTokens } from "./token_issuing.ts";
import {
  CLAIMS,
  hs256,
  NOW,
  NOW_MS,
  OPTIONS,
  reasonOf,
  SECRET,
  unsigned,
  verifierOf,
  withoutExp,
} from "./tokens_test_support.ts";

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
