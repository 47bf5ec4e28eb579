import assert from "node:assert/strict";
import { join } from "node:path";
import { type CryptoKey, exportJWK, generateKeyPair, type JWK, SignJWT } from "jose";
import { SecurityConfigurationError } from "./configuration_error.ts";
import { temporaryDirectory } from "./certificate_fixtures.ts";
import { fileKeySet, urlKeySet } from "./token_key_sets.ts";
import { createTokenVerifier, TokenVerifier } from "./tokens.ts";

const NOW_MS = Date.UTC(2026, 5, 1);
const OPTIONS = {
  profile: "production",
  secret: "",
  publicKeyPath: "",
  issuer: "https://id.example",
  audience: "conductor-api",
  skipExpiry: false,
} as const;

interface Signer {
  readonly jwk: JWK;
  readonly key: CryptoKey;
}

async function signer(kid: string, algorithm = "ES256"): Promise<Signer> {
  const { publicKey, privateKey } = await generateKeyPair(algorithm, { extractable: true });
  return {
    jwk: { ...await exportJWK(publicKey), kid, alg: algorithm, use: "sig" },
    key: privateKey,
  };
}

function signed({ key, jwk }: Signer, header: Record<string, unknown> = {}): Promise<string> {
  return new SignJWT({ roles: ["viewer"] })
    .setProtectedHeader({ alg: jwk.alg ?? "", kid: jwk.kid ?? "", ...header })
    .setSubject("alice").setIssuer(OPTIONS.issuer).setAudience(OPTIONS.audience)
    .setIssuedAt(NOW_MS / 1000).setExpirationTime(NOW_MS / 1000 + 900)
    .sign(key);
}

const setOf = (...signers: readonly Signer[]) =>
  JSON.stringify({ keys: signers.map(({ jwk }) => jwk) });

/** The word for what came of a token. */
async function wordFor(verifier: TokenVerifier, token: string, nowMs = NOW_MS): Promise<string> {
  const verdict = verifier.recall(token, nowMs) ?? await verifier.verify(token, nowMs);
  return verdict.ok ? "passed" : verdict.reason;
}

Deno.test("keys are rolled by kid: both pass while both are in the file, and the old one then no more", async () => {
  await using directory = await temporaryDirectory();
  const path = join(directory.path, "keys.json");
  const [old, next, stranger] = await Promise.all([signer("1"), signer("2", "EdDSA"), signer("1")]);
  await Deno.writeTextFile(path, setOf(old));
  let clockMs = 0;
  const sets = [await fileKeySet(path, "jwks_file", { monotonicMs: () => clockMs })];
  const verifier = new TokenVerifier([], OPTIONS, { sets, algorithms: ["ES256", "EdDSA"] });
  const [byOld, byNext] = [await signed(old), await signed(next)];
  assert.equal(await wordFor(verifier, byOld), "passed");
  assert.equal(await wordFor(verifier, byNext), "signature", "its kid is not there");
  assert.equal(await wordFor(verifier, await signed(stranger)), "signature", "under a kid of ours");

  await Deno.writeTextFile(path, setOf(old, next));
  await Deno.utime(path, 1, 1);
  assert.equal(await wordFor(verifier, byNext), "signature", "no sooner than the cooldown allows");
  clockMs += 30_000;
  assert.equal(await wordFor(verifier, byNext), "passed");
  assert.equal(await wordFor(verifier, byOld), "passed");

  await Deno.writeTextFile(path, "{");
  await Deno.utime(path, 2, 2);
  clockMs += 30_000;
  assert.equal(
    await wordFor(verifier, byNext),
    "passed",
    "a file that is half written is passed over",
  );

  await Deno.writeTextFile(path, setOf(next));
  await Deno.utime(path, 3, 3);
  clockMs += 30_000;
  assert.equal(await wordFor(verifier, byOld, NOW_MS + 59_000), "passed", "it is remembered");
  assert.equal(await wordFor(verifier, byOld, NOW_MS + 60_000), "signature", "but not for long");
  assert.equal(await wordFor(verifier, byNext, NOW_MS + 60_000), "passed");
});

Deno.test("a kid chooses among our keys and nothing else, and an algorithm must be its key's", async () => {
  await using directory = await temporaryDirectory();
  const path = join(directory.path, "keys.json");
  const [ec, rsa] = await Promise.all([signer("ec"), signer("rsa", "RS256")]);
  await Deno.writeTextFile(path, setOf(ec, rsa));
  const verifier = await createTokenVerifier({ ...OPTIONS, jwksFile: path });
  assert.ok(verifier !== null);
  assert.equal(await wordFor(verifier, await signed(ec)), "passed");
  assert.equal(await wordFor(verifier, await signed(rsa)), "passed");
  for (const kid of ["rsa", "../../etc/passwd", "http://127.0.0.1/keys", "' OR 1=1 --", ""]) {
    assert.equal(await wordFor(verifier, await signed(ec, { kid })), "signature", kid);
  }
  for (const name of ["jku", "x5u"]) {
    const elsewhere = await signer("ec");
    const token = await signed(elsewhere, { [name]: "http://127.0.0.1:1/", jwk: elsewhere.jwk });
    assert.equal(await wordFor(verifier, token), "signature", name);
  }
  const secret = new TextEncoder().encode(JSON.stringify(rsa.jwk));
  const confused = await new SignJWT({}).setProtectedHeader({ alg: "HS256", kid: "rsa" })
    .setSubject("alice").setIssuer(OPTIONS.issuer).setAudience(OPTIONS.audience)
    .setExpirationTime(NOW_MS / 1000 + 900).sign(secret);
  assert.equal(await wordFor(verifier, confused), "algorithm");
});

Deno.test("only the algorithms that are named are accepted", async () => {
  await using directory = await temporaryDirectory();
  const path = join(directory.path, "keys.json");
  const [ec, ed] = await Promise.all([signer("ec"), signer("ed", "EdDSA")]);
  await Deno.writeTextFile(path, setOf(ec, ed));
  const verifier = await createTokenVerifier({ ...OPTIONS, jwksFile: path, algorithms: ["EdDSA"] });
  assert.deepEqual(verifier?.algorithms, ["EdDSA"]);
  assert.equal(await wordFor(verifier!, await signed(ed)), "passed");
  assert.equal(await wordFor(verifier!, await signed(ec)), "algorithm");
  await assert.rejects(
    createTokenVerifier({ ...OPTIONS, jwksFile: path, algorithms: ["HS256"] }),
    /there is no key for any of them/,
  );
});

Deno.test("a set at an address is fetched once, again for a new kid, and not for every made-up one", async () => {
  const [one, two] = await Promise.all([signer("1"), signer("2")]);
  let served = setOf(one);
  let fetches = 0;
  let clockMs = 0;
  const keys = urlKeySet("https://id.example/keys", "jwks_url", "production", {
    monotonicMs: () => clockMs,
    fetch: () => {
      fetches++;
      return served === ""
        ? Promise.reject(new TypeError("no route"))
        : Promise.resolve(new Response(served));
    },
  });
  const verifier = new TokenVerifier([], OPTIONS, { sets: [keys], algorithms: ["ES256"] });
  served = "";
  assert.equal(await wordFor(verifier, await signed(one)), "keys_unavailable");
  assert.equal(await wordFor(verifier, await signed(one)), "keys_unavailable");
  assert.equal(fetches, 1, "after a failure it is left alone for a while");
  clockMs += 2_000;
  served = setOf(one);
  assert.equal(await wordFor(verifier, await signed(one)), "passed");
  assert.equal(fetches, 2);
  served = setOf(one, two);
  for (let at = 0; at < 20; at++) {
    assert.equal(await wordFor(verifier, await signed(one, { kid: `made-up-${at}` })), "signature");
  }
  assert.equal(fetches, 2, "made-up kids are within the cooldown");
});

Deno.test("a set that cannot be had anew goes on for a day, after keys were read anew as well", async () => {
  const [one, two] = await Promise.all([signer("1"), signer("2")]);
  const at = { clockMs: 0, isThere: true, fetches: 0 };
  const memory = {};
  const verifierOf = () => {
    const keys = urlKeySet("https://id.example/keys", "jwks_url", "production", {
      memory,
      monotonicMs: () => at.clockMs,
      fetch: () => {
        at.fetches++;
        return at.isThere
          ? Promise.resolve(new Response(setOf(one)))
          : Promise.reject(new TypeError("no route"));
      },
    });
    return new TokenVerifier([], OPTIONS, { sets: [keys], algorithms: ["ES256"] });
  };
  assert.equal(await wordFor(verifierOf(), await signed(one)), "passed");
  at.isThere = false;
  const after = verifierOf();
  assert.equal(await wordFor(after, await signed(one)), "passed");
  assert.equal(await wordFor(after, await signed(two)), "keys_unavailable", "it may be a new one");
  assert.equal(at.fetches, 2, "nobody waits for it again at once");
  at.clockMs += 24 * 60 * 60 * 1000;
  assert.equal(await wordFor(after, await signed(one), NOW_MS + 60_000), "keys_unavailable");
  at.isThere = true;
  at.clockMs += 30_000;
  assert.equal(await wordFor(after, await signed(one), NOW_MS + 60_000), "passed");
});

Deno.test("a set that is too long, not HTTPS, or holds secret keys is refused", async () => {
  await using directory = await temporaryDirectory();
  const path = join(directory.path, "keys.json");
  const keys = urlKeySet("https://id.example/keys", "jwks_url", "production", {
    fetch: () => Promise.resolve(new Response("x".repeat(300 * 1024))),
  });
  const verifier = new TokenVerifier([], OPTIONS, { sets: [keys], algorithms: ["ES256"] });
  const verdict = await verifier.verify(await signed(await signer("1")), NOW_MS);
  assert.ok(!verdict.ok && /more than 262144 bytes/.test(verdict.message));
  for (const address of ["http://id.example/keys", "file:///keys", "keys"]) {
    assert.throws(() => urlKeySet(address, "jwks_url", "production"), SecurityConfigurationError);
  }
  assert.ok(urlKeySet("http://127.0.0.1/keys", "jwks_url", "development"));
  const { privateKey } = await generateKeyPair("ES256", { extractable: true });
  for (
    const [text, fault] of [
      [JSON.stringify({ keys: [await exportJWK(privateKey)] }), /is secret/],
      [JSON.stringify({ keys: [{ kty: "oct", k: "AAAA" }] }), /is secret/],
      [JSON.stringify({ keys: [] }), /no key/],
      ["[]", /JSON Web Key Set/],
      ["{", /JSON Web Key Set/],
    ] as const
  ) {
    await Deno.writeTextFile(path, text);
    await assert.rejects(fileKeySet(path, "jwks_file"), fault);
  }
});
