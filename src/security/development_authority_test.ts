import assert from "node:assert/strict";
import { temporaryDirectory } from "./certificate_fixtures.ts";
import { issuerOf, parseCertificates } from "./certificates.ts";
import { issueForDevelopment, type IssueOptions } from "./development_authority.ts";
import { loadX509 } from "./x509_library.ts";

const DAY_MS = 24 * 3_600_000;
const NOW_MS = Date.now();

function request(overrides: Partial<IssueOptions> = {}): IssueOptions {
  return { commonName: "dev-node-1", role: "master", nowMs: NOW_MS, ...overrides };
}

async function read(path: string) {
  const [certificate] = parseCertificates(await loadX509(), await Deno.readTextFile(path), path);
  assert.ok(certificate !== undefined);
  return certificate;
}

Deno.test("a generated certificate has the original's names, its role, both uses, and one year", async () => {
  await using directory = await temporaryDirectory();
  const files = await issueForDevelopment(
    await loadX509(),
    directory.path,
    request({ names: ["build-box", "10.1.2.3"] }),
  );
  const certificate = await read(files.certFile);
  assert.deepEqual([...certificate.identity.names].sort(), [
    "*.conductor.local",
    "10.1.2.3",
    "127.0.0.1",
    "::1",
    "build-box",
    "conductor",
    "localhost",
  ]);
  assert.deepEqual(certificate.identity.roles, ["master"]);
  assert.equal(certificate.identity.commonName, "dev-node-1");
  assert.deepEqual([...certificate.extendedKeyUsages].sort(), [
    "1.3.6.1.5.5.7.3.1",
    "1.3.6.1.5.5.7.3.2",
  ]);
  assert.equal(certificate.isAuthority, false);
  const lifeMs = certificate.identity.notAfterMs - NOW_MS;
  assert.ok(Math.abs(lifeMs - 365 * DAY_MS) < 2000, `${lifeMs}`);
  const authority = await read(files.caFile);
  assert.equal(authority.isAuthority, true);
  assert.equal(issuerOf(certificate, [authority]), authority);
});

Deno.test({
  name: "generated keys are for their owner alone, and so is their directory",
  ignore: Deno.build.os === "windows",
  async fn() {
    await using directory = await temporaryDirectory();
    const path = `${directory.path}/certs`;
    const files = await issueForDevelopment(await loadX509(), path, request());
    const mode = async (file: string) => ((await Deno.stat(file)).mode ?? 0) & 0o777;
    assert.equal(await mode(path), 0o700);
    assert.equal(await mode(files.keyFile), 0o600);
    assert.equal(await mode(`${path}/development-ca.pem`), 0o600);
    assert.doesNotMatch(await Deno.readTextFile(files.caFile), /PRIVATE/);
  },
});

Deno.test("a certificate that is still good is kept, for the same request", async () => {
  await using directory = await temporaryDirectory();
  const x509 = await loadX509();
  const first = await issueForDevelopment(x509, directory.path, request());
  const before = await read(first.certFile);
  await issueForDevelopment(x509, directory.path, request({ nowMs: NOW_MS + 300 * DAY_MS }));
  assert.deepEqual((await read(first.certFile)).der, before.der);
});

const CHANGES: readonly (readonly [string, Partial<IssueOptions>])[] = [
  ["a month before it ends", { nowMs: NOW_MS + 340 * DAY_MS }],
  ["when it lacks a name", { names: ["new-name"] }],
];

for (const [when, change] of CHANGES) {
  Deno.test(`a certificate is issued anew ${when}, by the same authority`, async () => {
    await using directory = await temporaryDirectory();
    const x509 = await loadX509();
    const first = await issueForDevelopment(x509, directory.path, request());
    const [leaf, authority] = [await read(first.certFile), await read(first.caFile)];
    await issueForDevelopment(x509, directory.path, request(change));
    const renewed = await read(first.certFile);
    assert.notDeepEqual(renewed.der, leaf.der);
    assert.deepEqual((await read(first.caFile)).der, authority.der);
    assert.notEqual(issuerOf(renewed, [authority]), undefined);
  });
}

Deno.test("a key that does not match, as after a crash between two files, is made anew", async () => {
  await using directory = await temporaryDirectory();
  const x509 = await loadX509();
  const one = await issueForDevelopment(x509, directory.path, request());
  const two = await issueForDevelopment(x509, directory.path, request({ commonName: "other" }));
  await Deno.copyFile(two.keyFile, one.keyFile);
  const before = await read(one.certFile);
  await issueForDevelopment(x509, directory.path, request());
  assert.notDeepEqual((await read(one.certFile)).der, before.der);
});

Deno.test("names that a file system would confuse get files of their own", async () => {
  await using directory = await temporaryDirectory();
  const x509 = await loadX509();
  const paths = new Set<string>();
  for (const commonName of ["a/b", "a_b", "A_B", "../a_b", "a:b"]) {
    const files = await issueForDevelopment(x509, directory.path, request({ commonName }));
    assert.ok(files.certFile.startsWith(`${directory.path}/master-`), files.certFile);
    assert.ok(!files.certFile.slice(directory.path.length + 1).includes("/"));
    paths.add(files.certFile.toLowerCase());
    assert.equal((await read(files.certFile)).identity.commonName, commonName);
  }
  assert.equal(paths.size, 5);
});

Deno.test("a name that a certificate would say differently gets none", async () => {
  await using directory = await temporaryDirectory();
  const x509 = await loadX509();
  for (const commonName of ['x"admin"', "#0403616263", '"admin"']) {
    await assert.rejects(
      issueForDevelopment(x509, directory.path, request({ commonName })),
      /no certificate can be issued to/,
    );
  }
});

const CONTENDER = `
const [module, library, directory, name] = Deno.args;
const { issueForDevelopment } = await import(module);
const { loadX509 } = await import(library);
const nowMs = Date.now();
const files = await issueForDevelopment(await loadX509(), directory,
  { commonName: name, role: "worker", nowMs });
console.log(JSON.stringify(files));
`;

Deno.test("processes that start together agree on one authority", async () => {
  await using directory = await temporaryDirectory();
  const script = `${directory.path}/contender.ts`;
  await Deno.writeTextFile(script, CONTENDER);
  const certs = `${directory.path}/certs`;
  const config = new URL("../../deno.json", import.meta.url).pathname;
  const outputs = await Promise.all(
    ["one", "two", "one"].map((name) =>
      new Deno.Command(Deno.execPath(), {
        args: [
          "run",
          "-A",
          "--no-check",
          "--config",
          config,
          script,
          new URL("development_authority.ts", import.meta.url).href,
          new URL("x509_library.ts", import.meta.url).href,
          certs,
          name,
        ],
      }).output()
    ),
  );
  const authority = await read(`${certs}/ca.crt`);
  for (const { code, stdout, stderr } of outputs) {
    assert.equal(code, 0, new TextDecoder().decode(stderr));
    const { certFile } = JSON.parse(new TextDecoder().decode(stdout));
    assert.notEqual(issuerOf(await read(certFile), [authority]), undefined);
  }
  const left = [...Deno.readDirSync(certs)].map((entry) => entry.name);
  assert.deepEqual(left.filter((name) => name.endsWith(".tmp")), []);
});

Deno.test("a directory that cannot be used, or a spoilt authority, is named", async () => {
  await using directory = await temporaryDirectory();
  const x509 = await loadX509();
  await Deno.writeTextFile(`${directory.path}/file`, "");
  await assert.rejects(
    issueForDevelopment(x509, `${directory.path}/file/certs`, request()),
    /auto_generate: cannot keep development certificates in ".*file\/certs"/,
  );
  await Deno.writeTextFile(`${directory.path}/development-ca.pem`, "nonsense");
  await assert.rejects(
    issueForDevelopment(x509, directory.path, request()),
    /development-ca\.pem/,
  );
});
