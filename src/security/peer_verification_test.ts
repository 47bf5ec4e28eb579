import assert from "node:assert/strict";
import {
  AuthorityFixture,
  CODE_SIGNING_USAGE,
  derOf,
  type LeafFixture,
} from "./certificate_fixtures.ts";
import { CLIENT_AUTH_USAGE, parseCertificates, SERVER_AUTH_USAGE } from "./certificates.ts";
import { PeerVerifier, type PeerVerifierOptions } from "./peer_verification.ts";
import { loadX509 } from "./x509_library.ts";

const HOUR_MS = 3_600_000;

async function verifierFor(
  authority: AuthorityFixture,
  options: Partial<PeerVerifierOptions> = {},
): Promise<PeerVerifier> {
  const x509 = await loadX509();
  return new PeerVerifier(x509, {
    authorities: parseCertificates(x509, authority.pem, "test"),
    ...options,
  });
}

async function verdictOn(fixture: LeafFixture, options: Partial<PeerVerifierOptions> = {}) {
  const authority = await AuthorityFixture.create("cluster");
  const verifier = await verifierFor(authority, options);
  const verdict = verifier.verify(await derOf((await authority.issue(fixture)).cert), Date.now());
  return verdict.ok ? "ok" : verdict.reason;
}

Deno.test("a good certificate passes, with its name, roles, names and fingerprint", async () => {
  const authority = await AuthorityFixture.create("cluster");
  const verifier = await verifierFor(authority);
  const der = await derOf(
    (await authority.issue({ commonName: "Müller, Inc. + CN=admin", roles: ["worker", "viewer"] }))
      .cert,
  );
  const verdict = verifier.verify(der, Date.now());
  assert.ok(verdict.ok);
  assert.equal(verdict.identity.commonName, "Müller, Inc. + CN=admin");
  assert.deepEqual(verdict.identity.roles, ["worker", "viewer"]);
  assert.deepEqual(verdict.identity.names, ["localhost", "127.0.0.1"]);
  const digest = await crypto.subtle.digest("SHA-256", new Uint8Array(der));
  const hex = Array.from(new Uint8Array(digest), (b) => b.toString(16).padStart(2, "0")).join("");
  assert.equal(verdict.identity.fingerprint256, hex);
});

const TABLE: readonly (readonly [string, LeafFixture, string])[] = [
  ["expired", { startsInMs: -2 * HOUR_MS, endsInMs: -1 }, "expired"],
  ["not yet valid", { startsInMs: HOUR_MS, endsInMs: 2 * HOUR_MS }, "not_yet_valid"],
  ["for servers only", { usages: [SERVER_AUTH_USAGE] }, "wrong_usage"],
  ["for signing code", { usages: [CODE_SIGNING_USAGE] }, "wrong_usage"],
  ["without extended key usage", { usages: [] }, "wrong_usage"],
];

for (const [what, fixture, reason] of TABLE) {
  Deno.test(`a certificate ${what} is refused as ${reason}`, async () => {
    assert.equal(await verdictOn(fixture), reason);
  });
}

Deno.test("no certificate, an empty one and random bytes are refused", async () => {
  const verifier = await verifierFor(await AuthorityFixture.create("cluster"));
  const reason = (der: Uint8Array | undefined) => {
    const verdict = verifier.verify(der, Date.now());
    return verdict.ok ? "ok" : verdict.reason;
  };
  assert.equal(reason(undefined), "no_certificate");
  assert.equal(reason(new Uint8Array()), "no_certificate");
  assert.equal(reason(crypto.getRandomValues(new Uint8Array(300))), "unreadable_certificate");
});

Deno.test("an authority of the same name but another key issues nothing that passes", async () => {
  const verifier = await verifierFor(await AuthorityFixture.create("cluster"));
  const impostor = await AuthorityFixture.create("cluster");
  const verdict = verifier.verify(await derOf((await impostor.issue()).cert), Date.now());
  assert.equal(verdict.ok ? "ok" : verdict.reason, "unknown_authority");
});

Deno.test("a certificate changed in one bit is refused", async () => {
  const authority = await AuthorityFixture.create("cluster");
  const verifier = await verifierFor(authority);
  const der = await derOf((await authority.issue({ roles: ["viewer"] })).cert);
  const changed = new Uint8Array(der);
  // The middle lies in the signed part.
  const middle = Math.floor(changed.length / 2);
  changed[middle] = (changed[middle] ?? 0) ^ 1;
  assert.equal(verifier.verify(der, Date.now()).ok, true);
  assert.equal(verifier.verify(changed, Date.now()).ok, false);
});

Deno.test("the authority's own certificate is refused as a client's", async () => {
  // Also one that says that it is meant for clients.
  for (const usages of [[], [CLIENT_AUTH_USAGE]]) {
    const authority = await AuthorityFixture.create("cluster", { usages });
    const verdict = (await verifierFor(authority)).verify(await derOf(authority.pem), Date.now());
    assert.equal(verdict.ok ? "ok" : verdict.reason, "wrong_usage");
  }
});

Deno.test("either of two authorities will do while one is rolled to the other", async () => {
  const [old, next] = [await AuthorityFixture.create("old"), await AuthorityFixture.create("new")];
  const x509 = await loadX509();
  const authorities = parseCertificates(x509, old.pem + next.pem, "test");
  const verifier = new PeerVerifier(x509, { authorities });
  for (const authority of [old, next]) {
    const verdict = verifier.verify(await derOf((await authority.issue()).cert), Date.now());
    assert.equal(verdict.ok, true);
  }
});

Deno.test("an authority that has ended vouches for nobody", async () => {
  const authority = await AuthorityFixture.create("cluster", { endsInMs: HOUR_MS });
  const verifier = await verifierFor(authority);
  const der = await derOf((await authority.issue({ endsInMs: 3 * HOUR_MS })).cert);
  assert.equal(verifier.verify(der, Date.now()).ok, true);
  const verdict = verifier.verify(der, Date.now() + 2 * HOUR_MS);
  assert.equal(verdict.ok ? "ok" : verdict.reason, "unknown_authority");
});

Deno.test("what was found of a connection's certificate is forgotten with the authority", async () => {
  const [old, next] = [await AuthorityFixture.create("old"), await AuthorityFixture.create("next")];
  const verifier = await verifierFor(old);
  const der = await derOf((await old.issue()).cert);
  const word = () => {
    const verdict = verifier.verify(der, Date.now());
    return verdict.ok ? "ok" : verdict.reason;
  };
  assert.deepEqual([word(), word()], ["ok", "ok"]);
  verifier.replaceAuthorities(parseCertificates(await loadX509(), next.pem, "test"));
  assert.equal(word(), "unknown_authority");
});

Deno.test("a certificate that passed is refused from the moment it expires or is revoked", async () => {
  const authority = await AuthorityFixture.create("cluster");
  const revoked = new Set<string>();
  const verifier = await verifierFor(authority, { revoked });
  const der = await derOf((await authority.issue()).cert);
  const first = verifier.verify(der, Date.now());
  assert.ok(first.ok);
  const { notAfterMs, fingerprint256 } = first.identity;
  assert.equal(verifier.verify(der, notAfterMs - 1).ok, true);
  const expired = verifier.verify(der, notAfterMs);
  assert.equal(expired.ok ? "ok" : expired.reason, "expired");
  assert.equal(verifier.stillGood(first.identity, notAfterMs), false);
  revoked.add(fingerprint256);
  const after = verifier.verify(der, Date.now());
  assert.equal(after.ok ? "ok" : after.reason, "revoked");
  assert.equal(verifier.stillGood(first.identity, Date.now()), false);
});

Deno.test("a port for masters alone refuses a worker's certificate and one without a role", async () => {
  const requiredRoles = ["master"];
  assert.equal(await verdictOn({ roles: ["master"] }, { requiredRoles }), "ok");
  assert.equal(await verdictOn({ roles: ["worker"] }, { requiredRoles }), "wrong_role");
  assert.equal(await verdictOn({}, { requiredRoles }), "wrong_role");
});
