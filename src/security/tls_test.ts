import assert from "node:assert/strict";
import { createSecureServer } from "node:http2";
import type { AddressInfo } from "node:net";
import { connect as connectTls } from "node:tls";
import { inspect } from "node:util";
import { status } from "@grpc/grpc-js";
import {
  AuthorityFixture,
  CODE_SIGNING_USAGE,
  type LeafFixture,
  temporaryDirectory,
  writePair,
} from "./certificate_fixtures.ts";
import { CLIENT_AUTH_USAGE, SERVER_AUTH_USAGE } from "./certificates.ts";
import { SecurityConfigurationError } from "./configuration_error.ts";
import { Bench, call, EchoServer, loaded, tlsOptions } from "./tls_fixtures.ts";
import { loadTls, type TlsOptions } from "./tls.ts";
import {
  channelOptions,
  createChannelCredentials,
  createPeerVerifier,
  createServerCredentials,
} from "./tls_doors.ts";

const HOUR_MS = 3_600_000;

Deno.test("a client with a certificate of the cluster is served, and known by its name", async () => {
  await using bench = await Bench.create();
  const server = await bench.serve({ guard: true, verify: true });
  const client = await bench.client(await bench.authority.issue({ commonName: "worker-7" }));
  assert.deepEqual(await call(server.port, client), { answer: "worker-7" });
  assert.deepEqual(await call(server.port, client), { answer: "worker-7" });
  assert.deepEqual(server.refused, []);
});

const REFUSED: readonly (readonly [string, LeafFixture | null, "ours" | "theirs"])[] = [
  ["no certificate", null, "ours"],
  ["a certificate of another authority", {}, "theirs"],
  ["an expired certificate", { startsInMs: -2 * HOUR_MS, endsInMs: -HOUR_MS }, "ours"],
  ["a certificate that is not valid yet", { startsInMs: HOUR_MS, endsInMs: 2 * HOUR_MS }, "ours"],
  ["a certificate for another use", { usages: [CODE_SIGNING_USAGE] }, "ours"],
];

for (const [what, fixture, authorityOf] of REFUSED) {
  Deno.test(`a client with ${what} gets no answer over a fresh connection`, async () => {
    await using bench = await Bench.create();
    const server = await bench.serve({ guard: true, verify: true });
    const authority = authorityOf === "ours"
      ? bench.authority
      : await AuthorityFixture.create("another authority");
    const client = await bench.client(fixture === null ? null : await authority.issue(fixture));
    const answer = await call(server.port, client);
    assert.ok("code" in answer, `was served: ${JSON.stringify(answer)}`);
    assert.ok([status.UNAVAILABLE, status.UNAUTHENTICATED].includes(answer.code), answer.details);
    assert.ok(server.verdicts.every((verdict) => !verdict.ok));
  });
}

Deno.test("a server and a client speak TLS 1.3, and neither goes below it", async () => {
  await using bench = await Bench.create();
  const server = await bench.serve({ guard: true, verify: true });
  const pair = await bench.authority.issue({ commonName: "worker-7" });
  const dial = (version: "TLSv1.2" | "TLSv1.3") =>
    new Promise<string>((resolve) => {
      const socket = connectTls({
        host: "127.0.0.1",
        port: server.port,
        servername: "localhost",
        ca: bench.authority.pem,
        ...pair,
        ALPNProtocols: ["h2"],
        minVersion: version,
        maxVersion: version,
      });
      socket.once("data", () => {
        resolve(socket.getProtocol() ?? "none");
        socket.destroy();
      });
      socket.once("error", () => resolve("refused"));
    });
  assert.equal(await dial("TLSv1.3"), "TLSv1.3");
  assert.equal(await dial("TLSv1.2"), "refused");

  const old = createSecureServer({ ...pair, minVersion: "TLSv1.2", maxVersion: "TLSv1.2" });
  await new Promise<void>((resolve) => old.listen(0, "127.0.0.1", resolve));
  try {
    const { port } = old.address() as AddressInfo;
    const answer = await call(port, await bench.client(pair));
    assert.ok("code" in answer && answer.code === status.UNAVAILABLE, JSON.stringify(answer));
  } finally {
    await new Promise<void>((resolve) => old.close(() => resolve()));
  }
});

Deno.test("a plain-text client of a TLS port, and a TLS client of a plain-text port, fail", async () => {
  await using bench = await Bench.create();
  const server = await bench.serve({ guard: true, verify: true });
  const answer = await call(server.port, null);
  assert.ok("code" in answer && answer.code === status.UNAVAILABLE, JSON.stringify(answer));
});

Deno.test("with skip_verify a server takes clients without a certificate, still over TLS", async () => {
  await using bench = await Bench.create({ profile: "development", skipVerify: true });
  assert.equal(createPeerVerifier(bench.material), null);
  const server = await bench.serve({ guard: true, verify: true });
  assert.deepEqual(await call(server.port, await bench.client(null)), { answer: "unchecked" });
});

Deno.test("a client refuses a server of another authority, unless told to skip that", async () => {
  await using bench = await Bench.create();
  const server = await bench.serve({ guard: true, verify: true });
  const pair = await bench.authority.issue({ commonName: "worker-7" });
  const theirs = await AuthorityFixture.create("another authority");
  const caFile = `${bench.directory}/theirs.crt`;
  await Deno.writeTextFile(caFile, theirs.pem);
  const strict = await loaded({ purpose: "client", caFile });
  const answer = await call(server.port, {
    ...strict,
    certificatePem: pair.cert,
    privateKeyPem: pair.key,
  });
  assert.ok("code" in answer && answer.code === status.UNAVAILABLE, JSON.stringify(answer));
  const lax = await loaded({
    purpose: "client",
    caFile,
    profile: "development",
    skipVerify: true,
  });
  const laxAnswer = await call(server.port, {
    ...lax,
    certificatePem: pair.cert,
    privateKeyPem: pair.key,
  });
  assert.deepEqual(laxAnswer, { answer: "worker-7" });
});

Deno.test("server_name is what the server must prove, in place of what was dialled", async () => {
  await using bench = await Bench.create();
  const server = await bench.serve({ guard: true, verify: true });
  const client = await bench.client(await bench.authority.issue({ commonName: "worker-7" }));
  const named = (serverName: string) => ({
    ...client,
    options: { ...client.options, serverName },
  });
  // The fixture's certificate names localhost and 127.0.0.1.
  assert.deepEqual(await call(server.port, client, "127.0.0.1"), { answer: "worker-7" });
  assert.deepEqual(await call(server.port, named("localhost"), "127.0.0.1"), {
    answer: "worker-7",
  });
  const answer = await call(server.port, named("conductor.production.svc"));
  assert.ok("code" in answer && answer.code === status.UNAVAILABLE, JSON.stringify(answer));
});

Deno.test("a server dialled by address must prove that address", async () => {
  await using bench = await Bench.create();
  const server = await bench.serve({ guard: true, verify: true });
  const client = await bench.client(await bench.authority.issue({ commonName: "worker-7" }));
  for (const host of ["127.0.0.1", "ipv4:127.0.0.1", "dns:127.0.0.1"]) {
    assert.deepEqual(await call(server.port, client, host), { answer: "worker-7" }, host);
  }
  const named = { ...client, options: { ...client.options, serverName: "127.0.0.2" } };
  const answer = await call(server.port, named, "127.0.0.1");
  assert.ok("code" in answer && answer.code === status.UNAVAILABLE, JSON.stringify(answer));
});

Deno.test("a client that asks for a master refuses a server with a worker's certificate", async () => {
  await using bench = await Bench.create();
  const server = await bench.serve({ guard: true, verify: true });
  const client = await bench.client(await bench.authority.issue({ commonName: "worker-7" }));
  const asking = (role: string) => ({
    ...client,
    options: { ...client.options, serverRoles: [role] },
  });
  assert.deepEqual(await call(server.port, asking("master")), { answer: "worker-7" });
  const answer = await call(server.port, asking("witness"));
  assert.ok("code" in answer && answer.code === status.UNAVAILABLE, JSON.stringify(answer));
  assert.match(answer.details, /carries none of the roles witness/);
});

Deno.test("with auto_generate a master and a worker on one machine find mTLS by themselves", async () => {
  await using directory = await temporaryDirectory();
  const generated = {
    profile: "development",
    autoGenerate: true,
    generatedDir: `${directory.path}/certs`,
  } as const;
  const master = await loaded({ ...generated, commonName: "dev-node-1" });
  const worker = await loaded({
    ...generated,
    purpose: "client",
    commonName: "dev-worker-1",
    role: "worker",
  });
  await using server = await EchoServer.start(master, {
    guard: true,
    verifier: createPeerVerifier(master),
  });
  assert.deepEqual(await call(server.port, worker), { answer: "dev-worker-1" });
  const [verdict] = server.verdicts;
  assert.ok(verdict?.ok);
  assert.deepEqual(verdict.identity.roles, ["worker"]);
  // Named files that are missing are made where they were looked for.
  const named = await loaded({
    ...generated,
    certFile: `${directory.path}/my.crt`,
    keyFile: `${directory.path}/my.key`,
    caFile: "",
    commonName: "dev-node-2",
  });
  assert.equal(named.own?.identity.commonName, "dev-node-2");
  assert.ok((await Deno.stat(`${directory.path}/my.key`)).isFile);
});

Deno.test("a node that made all three of its named files starts again with them", async () => {
  await using directory = await temporaryDirectory();
  const file = (name: string) => `${directory.path}/${name}`;
  const named = {
    autoGenerate: true,
    generatedDir: file("development"),
    certFile: file("server.crt"),
    keyFile: file("server.key"),
    caFile: file("ca.crt"),
  };
  const made = await loaded(named);
  assert.equal(made.files.caFile, named.caFile);
  const again = await loaded(named);
  assert.deepEqual(again.own?.identity.fingerprint256, made.own?.identity.fingerprint256);
  assert.equal(again.authoritiesPem, await Deno.readTextFile(named.caFile));
  // Who names no pair of its own is not helped by an authority where it looked in vain.
  await loaded({ ...named, certFile: "", keyFile: "", caFile: file("typo.crt") });
  await assert.rejects(Deno.stat(file("typo.crt")), Deno.errors.NotFound);
});

Deno.test("TLS that is not enabled is none, and its credentials are plain text", async () => {
  assert.equal(await loadTls(tlsOptions({ enabled: false })), null);
  assert.equal(createServerCredentials(null)._isSecure(), false);
  assert.equal(createChannelCredentials(null)._isSecure(), false);
  assert.deepEqual(channelOptions(null), {});
});

Deno.test("key material that is logged by accident shows no key", async () => {
  await using bench = await Bench.create();
  const { material } = bench;
  for (
    const text of [JSON.stringify({ material }), Deno.inspect({ material }), inspect(material)]
  ) {
    assert.match(text, /master-1/);
    assert.doesNotMatch(text, /PRIVATE KEY/);
  }
  assert.match(material.privateKeyPem ?? "", /PRIVATE KEY/);
});

Deno.test("a master's certificate that its peers would refuse as a client's is warned about", async () => {
  const warnings: string[] = [];
  await using bench = await Bench.create();
  const files = await writePair(
    bench.directory,
    "half",
    await bench.authority.issue({ usages: [SERVER_AUTH_USAGE] }),
    bench.authority.pem,
  );
  await loaded({ ...files, warn: (message) => warnings.push(message) });
  assert.equal(warnings.length, 1);
  assert.match(warnings[0] ?? "", /half\.crt" is not meant for clients/);
});

Deno.test("a certificate between masters that lacks their role is warned about, and no other one", async () => {
  await using bench = await Bench.create();
  const warningsOf = async (section: string, roles: readonly string[]) => {
    const pair = await bench.authority.issue({ roles });
    const files = await writePair(bench.directory, "peer", pair, bench.authority.pem);
    const warnings: string[] = [];
    await loaded({ ...files, section, warn: (message) => warnings.push(message) });
    return warnings;
  };
  const [warning, ...others] = await warningsOf("security.raft_tls", ["worker"]);
  assert.match(warning ?? "", /raft_tls.*peer\.crt" does not carry the role master: other masters/);
  assert.deepEqual(others, []);
  assert.deepEqual(await warningsOf("security.raft_tls", ["master"]), []);
  assert.deepEqual(await warningsOf("security.tls", ["worker"]), []);
});

interface Spoilt {
  readonly authority: AuthorityFixture;
  readonly files: { certFile: string; keyFile: string; caFile: string };
}

/** How a good set of files is spoilt, and what must then be said. */
const SPOILT: readonly (readonly [
  string,
  RegExp,
  (bench: Spoilt) => Promise<Partial<TlsOptions> | void>,
])[] = [
  [
    "a missing key file",
    /security\.tls\.key_file: cannot read ".*server\.key": there is no such/,
    async ({ files }) => {
      await Deno.remove(files.keyFile);
    },
  ],
  [
    "a key of another certificate",
    /key_file: ".*server\.key" is not the private key of the certificate in .*server\.crt/,
    async ({ authority, files }) => {
      await Deno.writeTextFile(files.keyFile, (await authority.issue()).key);
    },
  ],
  [
    "certificate and key swapped",
    /server\.key" holds no PEM certificate; it holds a private key/,
    ({ files }) => Promise.resolve({ certFile: files.keyFile, keyFile: files.certFile }),
  ],
  ["a key that is no PEM", /server\.key" holds no PEM private key/, async ({ files }) => {
    await Deno.writeTextFile(files.keyFile, "hello");
  }],
  [
    "a key whose PEM is cut off",
    /server\.key" holds a private key that cannot be parsed/,
    async ({ files }) => {
      const pem = await Deno.readTextFile(files.keyFile);
      await Deno.writeTextFile(files.keyFile, pem.replace(/\n[^\n]{20}/, "\n"));
    },
  ],
  ["an encrypted key", /server\.key" is encrypted/, async ({ files }) => {
    await Deno.writeTextFile(files.keyFile, "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n");
  }],
  ["a key that others may read", /server\.key" can be read by others/, async ({ files }) => {
    await Deno.chmod(files.keyFile, 0o644);
  }],
  ["an empty certificate file", /server\.crt" holds no PEM certificate/, async ({ files }) => {
    await Deno.writeTextFile(files.certFile, "");
  }],
  [
    "a certificate that is noise",
    /server\.crt" holds a certificate that cannot be parsed/,
    async ({ files }) => {
      await Deno.writeTextFile(
        files.certFile,
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
      );
    },
  ],
  [
    "an expired certificate",
    /server\.crt" expired at .*: renew it/,
    async ({ authority, files }) => {
      const pair = await authority.issue({ startsInMs: -2 * HOUR_MS, endsInMs: -HOUR_MS });
      await Deno.writeTextFile(files.certFile, pair.cert);
      await Deno.writeTextFile(files.keyFile, pair.key);
    },
  ],
  [
    "a certificate for clients only",
    /server\.crt" is not meant for servers/,
    async ({ authority, files }) => {
      const pair = await authority.issue({ usages: [CLIENT_AUTH_USAGE] });
      await Deno.writeTextFile(files.certFile, pair.cert);
      await Deno.writeTextFile(files.keyFile, pair.key);
    },
  ],
  [
    "an authority that is none",
    /ca\.crt" holds "CN=peer", which is no certificate authority/,
    async ({ authority, files }) => {
      await Deno.writeTextFile(files.caFile, (await authority.issue()).cert);
    },
  ],
  [
    "an authority that has ended",
    /ca\.crt" holds "CN=ended", which expired at/,
    async ({ files }) => {
      await Deno.writeTextFile(
        files.caFile,
        (await AuthorityFixture.create("ended", { endsInMs: -1 })).pem,
      );
    },
  ],
  ["no authority", /security\.tls\.ca_file is needed/, () => Promise.resolve({ caFile: "" })],
  [
    "no certificate",
    /security\.tls\.cert_file and key_file are needed/,
    () => Promise.resolve({ certFile: "", keyFile: "" }),
  ],
  [
    "a certificate without a key",
    /cert_file is set and security\.tls\.key_file is not/,
    () => Promise.resolve({ keyFile: "" }),
  ],
  [
    "skip_verify in production",
    /security\.tls\.skip_verify must be false in production/,
    () => Promise.resolve({ profile: "production", skipVerify: true }),
  ],
  [
    "auto_generate in production",
    /security\.tls\.auto_generate must be false in production/,
    () => Promise.resolve({ profile: "production", autoGenerate: true }),
  ],
  [
    "auto_generate and half a pair",
    /server\.crt" exists and ".*server\.key" does not/,
    async ({ files }) => {
      await Deno.remove(files.keyFile);
      return { profile: "development", autoGenerate: true };
    },
  ],
];

for (const [what, expected, spoil] of SPOILT) {
  Deno.test(`${what} is refused, with the file or key named`, async () => {
    await using directory = await temporaryDirectory();
    const authority = await AuthorityFixture.create("cluster");
    const files = await writePair(
      directory.path,
      "server",
      await authority.issue(),
      authority.pem,
    );
    const overrides = await spoil({ authority, files });
    await assert.rejects(
      loadTls(tlsOptions({ ...files, generatedDir: directory.path, ...(overrides ?? {}) })),
      (thrown: unknown) => {
        assert.ok(thrown instanceof SecurityConfigurationError, String(thrown));
        assert.match(thrown.message, expected);
        assert.doesNotMatch(thrown.message, /-----BEGIN/);
        return true;
      },
    );
  });
}
