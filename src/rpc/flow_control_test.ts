import { credentials } from "@grpc/grpc-js";
import assert from "node:assert/strict";
import { once } from "node:events";
import {
  type ClientHttp2Session,
  connect,
  createServer,
  type ServerHttp2Session,
  type Settings,
} from "node:http2";
import type { AddressInfo } from "node:net";
import { ClusterChannel } from "./channel.ts";
import { WINDOW_BYTES } from "./flow_control.ts";
import { Health } from "./gen/grpc/health/v1/health_pb.ts";
import { startTestMaster } from "./server_test_support.ts";

/** What HTTP/2 has unless somebody says otherwise. */
const DEFAULT_BYTES = 65_535;

/** How much may be on its way to the other end. A connection's window is told behind the settings, and before a ping is answered. */
async function windowOf(session: ClientHttp2Session | ServerHttp2Session) {
  await new Promise((resolve) => session.ping(resolve));
  return session.state.remoteWindowSize;
}

Deno.test("a server lets a message come whole that is longer than HTTP/2's own window", async () => {
  await using master = await startTestMaster({});
  const session = connect(`http://${master.address}`);
  try {
    const [settings] = await once(session, "remoteSettings") as [Settings];
    assert.equal(settings.initialWindowSize, WINDOW_BYTES);
    assert.equal(await windowOf(session), WINDOW_BYTES);
    assert.ok(WINDOW_BYTES > DEFAULT_BYTES);
  } finally {
    session.destroy();
  }
});

Deno.test("a wider window leaves a server's bound of streams as it is", async () => {
  await using master = await startTestMaster({}, { streamsMax: 7 });
  const session = connect(`http://${master.address}`);
  try {
    const [settings] = await once(session, "remoteSettings") as [Settings];
    assert.equal(settings.maxConcurrentStreams, 7);
  } finally {
    session.destroy();
  }
});

Deno.test("a client lets an answer come whole that is longer than HTTP/2's own window", async () => {
  const server = createServer();
  const told = new Promise<{ settings: Settings; session: ServerHttp2Session }>((resolve) =>
    server.on("session", (session) => {
      session.once("remoteSettings", (settings) => resolve({ settings, session }));
    })
  );
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const channel = new ClusterChannel({
    addresses: [`127.0.0.1:${(server.address() as AddressInfo).port}`],
    credentials: credentials.createInsecure(),
    messageBytesMax: 1 << 20,
    callTimeoutMs: 60_000,
    dialTimeoutMs: 5_000,
  });
  const call = channel.call(Health.method.check, {}).catch((failure) => failure);
  const { settings, session } = await told;
  try {
    assert.equal(settings.initialWindowSize, WINDOW_BYTES);
    assert.equal(await windowOf(session), WINDOW_BYTES);
  } finally {
    channel.close();
    session.destroy();
    server.close();
    await call;
  }
});
