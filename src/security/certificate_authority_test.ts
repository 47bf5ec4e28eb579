import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { join } from "node:path";
import { stateOf } from "./authority_index.ts";
import { CertificateAuthority } from "./certificate_authority.ts";
import { temporaryDirectory } from "./certificate_fixtures.ts";
import type { CertificateRequest } from "./certificate_request.ts";
import { loaded } from "./tls_fixtures.ts";
import { createPeerVerifier } from "./tls_doors.ts";

const DAY_MS = 86_400_000;
const NOW_MS = Date.now();

function newAuthority(directory: string, passphrase?: string) {
  return CertificateAuthority.create(join(directory, "ca"), {
    commonName: "Test CA",
    lifeMs: 100 * DAY_MS,
    keyType: "ecdsa-p256",
    passphrase,
    nowMs: NOW_MS,
  });
}

function request(overrides: Partial<CertificateRequest> = {}): CertificateRequest {
  return {
    name: "m1",
    role: "master",
    sans: ["m1.internal", "10.0.0.1"],
    lifeMs: 10 * DAY_MS,
    keyType: "ecdsa-p256",
    nowMs: NOW_MS,
    ...overrides,
  };
}

async function modeOf(path: string): Promise<number> {
  return ((await Deno.stat(path)).mode ?? 0) & 0o777;
}

for (const keyType of ["ecdsa-p256", "ed25519"] as const) {
  Deno.test(`an issued ${keyType} certificate is what a node wants, and what its peers accept`, async () => {
    await using temporary = await temporaryDirectory();
    const authority = await newAuthority(temporary.path);
    const record = await authority.issue(request({ keyType }));
    const material = await loaded({
      certFile: record.cert_file,
      keyFile: record.key_file,
      caFile: authority.certificateFile,
      warn: (text) => assert.fail(text),
    });
    assert.ok(material.own?.hasExtensions);
    assert.equal(material.own.isAuthority, false);
    const verifier = createPeerVerifier(material, { requiredRoles: ["master"] });
    const verdict = verifier?.verify(material.own.der, NOW_MS);
    assert.ok(verdict?.ok, JSON.stringify(verdict));
    assert.equal(verdict.identity.fingerprint256, record.fingerprint);
    for (const name of ["m1.internal", "10.0.0.1", "localhost", "conductor.production.svc"]) {
      assert.ok(verdict.identity.names.includes(name), name);
    }
  });
}

Deno.test("keys are for their owner alone whatever the umask is, and so is the directory", {
  ignore: Deno.build.os === "windows",
}, async () => {
  await using temporary = await temporaryDirectory();
  const before = Deno.umask(0);
  try {
    const authority = await newAuthority(temporary.path);
    const out = join(temporary.path, "m1");
    const record = await authority.issue(request({ directory: out }));
    const modes = await Promise.all([
      authority.directory,
      join(authority.directory, "ca.key"),
      join(authority.directory, "index.json"),
      out,
      record.key_file,
    ].map(modeOf));
    assert.deepEqual(modes, [0o700, 0o600, 0o600, 0o700, 0o600]);
  } finally {
    Deno.umask(before);
  }
});

Deno.test("the authority's key may be encrypted, and then needs its passphrase", async () => {
  await using temporary = await temporaryDirectory();
  await assert.rejects(newAuthority(temporary.path, "short"), /at least 12/);
  const passphrase = "correct horse battery";
  const authority = await newAuthority(temporary.path, passphrase);
  const stored = await Deno.readTextFile(join(authority.directory, "ca.key"));
  assert.match(stored, /^-----BEGIN ENCRYPTED PRIVATE KEY-----/);
  await assert.rejects(authority.issue(request()), /is encrypted: give its passphrase/);
  await assert.rejects(
    authority.issue(request({ passphrase: "wrong horse battery" })),
    /is the passphrase right/,
  );
  assert.deepEqual(authority.index.records, [], "a refused request leaves nothing behind");
  await authority.issue(request({ passphrase }));
});

Deno.test("a renewed certificate keeps name, role, SANs and life, and has a new key", async () => {
  await using temporary = await temporaryDirectory();
  const authority = await newAuthority(temporary.path);
  const first = await authority.issue(request({ keyType: "ed25519" }));
  const firstKey = await Deno.readTextFile(first.key_file);
  const laterMs = NOW_MS + DAY_MS;
  const second = await authority.renew("m1", { keepsKey: false, nowMs: laterMs });
  assert.deepEqual(
    [second.name, second.role, second.sans, second.cert_file, second.key_file],
    [first.name, first.role, first.sans, first.cert_file, first.key_file],
  );
  assert.equal(Date.parse(second.not_after) - Date.parse(first.not_after), DAY_MS);
  const secondKey = await Deno.readTextFile(second.key_file);
  assert.notEqual(secondKey, firstKey);
  assert.equal(
    new X509Certificate(await Deno.readTextFile(second.cert_file)).publicKey.asymmetricKeyType,
    "ed25519",
  );
  const third = await authority.renew("m1", { keepsKey: true, lifeMs: DAY_MS, nowMs: laterMs });
  assert.equal(await Deno.readTextFile(third.key_file), secondKey);
  assert.equal(Date.parse(third.not_after), Math.floor((laterMs + DAY_MS) / 1000) * 1000);
  await assert.rejects(
    authority.renew("m2", { keepsKey: false, nowMs: laterMs }),
    /"m2" is neither/,
  );
});

Deno.test("wherever a renewal is cut short, a node finds a certificate and the key of it", async () => {
  await using temporary = await temporaryDirectory();
  const authority = await newAuthority(temporary.path);
  const first = await authority.issue(request());
  const { rename } = Deno;
  const fingerprints = new Set<string>();
  let isCutShort = true;
  for (let renames = 0; isCutShort; renames++) {
    let left = renames;
    Deno.rename = (from, to) =>
      left-- > 0 ? rename(from, to) : Promise.reject(new Error("the power failed"));
    try {
      await authority.renew("m1", { keepsKey: false, nowMs: NOW_MS });
      isCutShort = false;
    } catch (thrown) {
      // Also where it is not told as a certificate that cannot be written.
      assert.match(String(thrown), /the power failed/);
    } finally {
      Deno.rename = rename;
    }
    const { own } = await loaded({
      certFile: first.cert_file,
      keyFile: first.key_file,
      caFile: authority.certificateFile,
      warn: (text) => assert.fail(text),
    });
    fingerprints.add(own!.identity.fingerprint256);
  }
  assert.ok(fingerprints.size > 2, "some of them were cut short behind the key");
  const written = new X509Certificate(await Deno.readTextFile(first.cert_file));
  assert.equal(
    written.fingerprint256.replaceAll(":", "").toLowerCase(),
    authority.latest("m1")?.fingerprint,
  );
  const left = [...Deno.readDirSync(authority.directory)].map(({ name }) => name);
  assert.deepEqual(left.filter((name) => /next|tmp/.test(name)), []);
});

Deno.test("revoking a name revokes all its certificates, and writes the list for the nodes", async () => {
  await using temporary = await temporaryDirectory();
  const authority = await newAuthority(temporary.path);
  const first = await authority.issue(request());
  const second = await authority.renew("m1", { keepsKey: false, nowMs: NOW_MS });
  const other = await authority.issue(request({ name: "w1", role: "worker" }));
  const revoked = await authority.revoke("m1", "key lost", NOW_MS);
  assert.deepEqual(revoked.map((each) => each.fingerprint), [
    first.fingerprint,
    second.fingerprint,
  ]);
  const list = JSON.parse(await Deno.readTextFile(authority.index.revocationFile));
  assert.deepEqual(
    list.revoked.map((each: { fingerprint: string }) => each.fingerprint),
    [first.fingerprint, second.fingerprint],
  );
  const reopened = await CertificateAuthority.open(authority.directory);
  assert.deepEqual(
    reopened.index.records.map((each) => stateOf(each, NOW_MS)),
    ["revoked", "revoked", "valid"],
  );
  await assert.rejects(reopened.revoke("m1", "", NOW_MS), /was revoked at .* already/);
  await assert.rejects(
    reopened.renew("m1", { keepsKey: false, nowMs: NOW_MS }),
    /was revoked .*: issue another/,
  );
  await reopened.issue(request());
  const colons = other.fingerprint.toUpperCase().replace(/..(?=.)/g, "$&:");
  assert.equal((await reopened.revoke(colons, "", NOW_MS))[0]?.name, "w1");
});

Deno.test("a request is refused with everything that is wrong with it", async () => {
  await using temporary = await temporaryDirectory();
  const authority = await newAuthority(temporary.path);
  await assert.rejects(
    authority.issue(request({ name: "../up", role: "Admin!", sans: ["a b", "10.0.0.256"] })),
    (failure: Error) => ["../up", "Admin!", "a b"].every((part) => failure.message.includes(part)),
  );
  await assert.rejects(authority.issue(request({ name: "CA" })), /taken by the authority's own/);
  await authority.issue(request());
  await assert.rejects(
    authority.issue(request({ role: "worker" })),
    /has a certificate .*renew it/,
  );
  await assert.rejects(newAuthority(temporary.path), /is not empty/);
  await assert.rejects(CertificateAuthority.open(temporary.path), /there is no authority in/);
});

Deno.test("no certificate outlives its authority, and what ends is told a quarter before", async () => {
  await using temporary = await temporaryDirectory();
  const authority = await newAuthority(temporary.path);
  const record = await authority.issue(request({ lifeMs: 1000 * DAY_MS }));
  assert.equal(Date.parse(record.not_after), authority.certificate.identity.notAfterMs);
  assert.equal(stateOf(record, NOW_MS), "valid");
  assert.equal(stateOf(record, NOW_MS + 80 * DAY_MS), "ending");
  assert.equal(stateOf(record, NOW_MS + 101 * DAY_MS), "expired");
});

Deno.test("those who issue at once lose none of their certificates", async () => {
  await using temporary = await temporaryDirectory();
  const { directory } = await newAuthority(temporary.path);
  const names = ["a", "b", "c", "d"];
  await Promise.all(names.map((name) =>
    CertificateAuthority.withLocked(
      directory,
      (authority) => authority.issue(request({ name, role: "client" })),
    )
  ));
  const { index } = await CertificateAuthority.open(directory);
  assert.deepEqual(index.records.map(({ name }) => name).sort(), names);
});
