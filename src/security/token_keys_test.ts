import assert from "node:assert/strict";
import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { Buffer } from "node:buffer";
import { type CryptoKey, SignJWT } from "jose";
import { SecurityConfigurationError, type SecurityProfile } from "./configuration_error.ts";
import { temporaryDirectory } from "./certificate_fixtures.ts";
import { issueTokens } from "./token_issuing.ts";
import { privateKey, weaknessOfSecret } from "./token_keys.ts";
import { createTokenVerifier } from "./tokens.ts";
import {
  CLAIMS,
  hs256,
  NOW_MS,
  OPTIONS,
  reasonOf,
  SECRET,
  unsigned,
  verifierOf,
} from "./tokens_test_support.ts";

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
