import assert from "node:assert/strict";
import { credentials, ServerCredentials } from "@grpc/grpc-js";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { createServer as createTlsServer } from "node:tls";
import { AuthorityFixture } from "../security/certificate_fixtures.ts";
import {
  createChannelCredentials,
  createServerCredentials,
  loadTls,
  type TlsMaterial,
} from "../security/mod.ts";
import { TlsChannelCredentials } from "../security/light.ts";
import { ClusterChannel } from "./channel.ts";
import { Health } from "./gen/grpc/health/v1/health_pb.ts";
import { channelTo, freePort, startTestServer } from "./server_test_support.ts";
import { whyUnconnected } from "./unconnected.ts";

const { method: { check } } = Health;

Deno.test("a port that speaks TLS is said to, when it was dialled without", async () => {
  await withMaterial(async (material) => {
    await using server = await startTestServer(() => {}, {
      credentials: createServerCredentials(material),
    });
    assert.match(await failureAt(server.address, credentials.createInsecure()), switchedOnHere);
  });
});

Deno.test("a port that speaks no TLS is said so, when it was dialled with it", async () => {
  await withMaterial(async (material) => {
    await using server = await startTestServer(() => {}, {
      credentials: ServerCredentials.createInsecure(),
    });
    const said = await failureAt(server.address, createChannelCredentials(material));
    assert.match(said, /127\.0\.0\.1:\d+ speaks without TLS, and was dialled with it/);
    assert.doesNotMatch(said, /SSL|corrupt/);
  });
});

Deno.test("a port of pages is said to be one, dialled with TLS or without", async () => {
  const server = createServer((_request, answer) => void answer.end());
  const { promise, resolve } = Promise.withResolvers<void>();
  server.listen(0, "127.0.0.1", resolve);
  await promise;
  const address = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  try {
    await withMaterial(async (material) => {
      for (const each of [credentials.createInsecure(), createChannelCredentials(material)]) {
        assert.match(await failureAt(address, each), /speaks HTTP\/1\.1 and not gRPC/);
      }
    });
  } finally {
    server.close();
  }
});

Deno.test("what the TLS library says of certificates is passed on", async () => {
  const fault = "the certificate has expired";
  assert.equal(
    await whyUnconnected(`127.0.0.1:${freePort()}`, { fault }),
    `cannot be connected to: ${fault}`,
  );
});

Deno.test("a server's certificate that is not verified is said to have ended, to begin later, or to be a stranger's", async () => {
  const trusted = await AuthorityFixture.create("trusted");
  const stranger = await AuthorityFixture.create("stranger");
  const client = new TlsChannelCredentials({
    authoritiesPem: trusted.pem,
    certificatePem: undefined,
    privateKeyPem: undefined,
    skipVerify: false,
    oldestTls: "TLSv1.3",
  });
  const cases = [
    [trusted, { endsInMs: -60_000 }, /its certificate expired at \d{4}-.*Z: renew it there/],
    [trusted, { startsInMs: 60_000 }, /its certificate is not valid before \d{4}-.*Z: compare/],
    [stranger, {}, /its certificate is of no authority that is trusted here/],
  ] as const;
  for (const [authority, life, expected] of cases) {
    const { cert, key } = await authority.issue(life);
    const server = createTlsServer({ cert, key, ALPNProtocols: ["h2"] });
    server.on("tlsClientError", () => {}); // the client turns away, as it should
    const { promise, resolve } = Promise.withResolvers<void>();
    server.listen(0, "127.0.0.1", resolve);
    await promise;
    const address = `127.0.0.1:${(server.address() as AddressInfo).port}`;
    try {
      assert.match(await failureAt(address, client), expected);
    } finally {
      server.close();
    }
  }
});

Deno.test("a port that hangs up on whoever connects is not said to refuse connections", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const serving = (async () => {
    for await (const connection of listener) connection.close();
  })();
  const said = await whyUnconnected(`127.0.0.1:${listener.addr.port}`);
  listener.close();
  await serving;
  assert.match(said, /accepts connections, but none came about/);
});

const switchedOnHere = /127\.0\.0\.1:\d+ speaks TLS, and was dialled without it.*--tls/;

async function failureAt(
  address: string,
  credentials: ReturnType<typeof createChannelCredentials>,
): Promise<string> {
  const channel = new ClusterChannel(channelTo([address], { credentials, callTimeoutMs: 600 }));
  try {
    const failure = await channel.call(check, {}).then(() => undefined, (each) => each);
    assert.ok(failure instanceof Error);
    return failure.message;
  } finally {
    channel.close();
  }
}

/** Certificates of an authority made for the test. */
async function withMaterial(use: (material: TlsMaterial) => Promise<void>): Promise<void> {
  const generatedDir = Deno.makeTempDirSync({ prefix: "conductor-unconnected-" });
  try {
    const material = await loadTls({
      section: "security.tls",
      profile: "development",
      enabled: true,
      certFile: "",
      keyFile: "",
      caFile: "",
      serverName: "",
      skipVerify: false,
      autoGenerate: true,
      generatedDir,
      purpose: "server",
      commonName: "node-1",
      role: "master",
    });
    assert.ok(material !== null);
    await use(material);
  } finally {
    Deno.removeSync(generatedDir, { recursive: true });
  }
}
