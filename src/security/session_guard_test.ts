import assert from "node:assert/strict";
import { Server, status } from "@grpc/grpc-js";
import { createServer, type Server as TlsServer, type TlsOptions } from "node:tls";
import type { AddressInfo } from "node:net";
import { AuthorityFixture, type PemPair } from "./certificate_fixtures.ts";
import { guardServer } from "./session_guard.ts";
import { Bench, type EchoServer, METHOD } from "./tls_fixtures.ts";
import { createServerCredentials } from "./tls_doors.ts";

/**
 * Deno's own TLS client never resumes a session, so the client of these tests is Node: it is handed
 * a session at one port, brings it to another, and makes one gRPC call there.
 */
const RESUMING_CLIENT = `
const tls = require("node:tls"), http2 = require("node:http2");
const { firstPort, secondPort, cert, key, method } = JSON.parse(process.argv[1]);
const base = { host: "127.0.0.1", servername: "localhost", rejectUnauthorized: false,
  ALPNProtocols: ["h2"], cert, key };
const report = (outcome) => { console.log(JSON.stringify(outcome)); process.exit(0); };
setTimeout(() => report({ error: "no answer" }), 15000);
const first = tls.connect({ ...base, port: firstPort });
first.on("error", (error) => report({ error: "first: " + error.message }));
first.once("session", (session) => {
  first.destroy();
  const socket = tls.connect({ ...base, port: secondPort, session });
  socket.on("error", (error) => report({ error: error.message }));
  socket.on("close", () => report({ error: "closed" }));
  const session2 = http2.connect("https://localhost", { createConnection: () => socket });
  session2.on("error", () => {});
  const stream = session2.request({ ":method": "POST", ":path": method,
    "content-type": "application/grpc", te: "trailers" });
  let headers = {}, body = Buffer.alloc(0);
  stream.on("response", (h) => { headers = { ...headers, ...h }; });
  stream.on("trailers", (h) => { headers = { ...headers, ...h }; });
  stream.on("data", (chunk) => { body = Buffer.concat([body, chunk]); });
  stream.on("error", () => {});
  stream.on("end", () => report({ reused: socket.isSessionReused(),
    status: Number(headers["grpc-status"]), body: body.toString("latin1") }));
  stream.end(Buffer.from([0, 0, 0, 0, 0]));
});
first.on("data", () => {});
`;

interface Outcome {
  readonly reused?: boolean;
  readonly status?: number;
  readonly error?: string;
}

async function resume(
  firstPort: number,
  secondPort: number,
  pair: PemPair | null,
): Promise<Outcome> {
  const argument = JSON.stringify({ firstPort, secondPort, ...(pair ?? {}), method: METHOD });
  const { stdout, stderr } = await new Deno.Command("node", {
    args: ["-e", RESUMING_CLIENT, argument],
  }).output();
  const text = new TextDecoder().decode(stdout);
  assert.notEqual(text, "", new TextDecoder().decode(stderr));
  return JSON.parse(text) as Outcome;
}

const nodeIsHere = await new Deno.Command("node", { args: ["--version"], stdout: "null" }).output()
  .then((output) => output.success, () => false);

/** Another TLS listener of this process, as the one for metrics would be. */
async function otherListener(
  options: TlsOptions,
): Promise<{ port: number } & AsyncDisposable> {
  const server: TlsServer = createServer(options, (socket) => {
    socket.on("error", () => {});
    socket.write("hello");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

type Defence = "guard" | "verifier" | "both";

function defencesOf(defence: Defence): { guard: boolean; verify: boolean } {
  return { guard: defence !== "verifier", verify: defence !== "guard" };
}

/**
 * The guard cuts the connection because it is resumed; the verifier, alone, refuses the call that
 * such a connection brings. Either way the session was resumed, or the test would prove nothing.
 */
function assertRefused(defence: Defence, server: EchoServer, outcome: Outcome): void {
  if (defence === "verifier") {
    assert.equal(outcome.reused, true, `the session was not resumed: ${JSON.stringify(outcome)}`);
    assert.equal(outcome.status, status.UNAUTHENTICATED, JSON.stringify(outcome));
    assert.deepEqual(server.verdicts.map((verdict) => verdict.ok), [false]);
  } else {
    assert.equal(outcome.status, undefined, `was answered: ${JSON.stringify(outcome)}`);
    assert.deepEqual(server.refused, ["resumed"]);
    assert.deepEqual(server.verdicts, []);
  }
}

for (const defence of ["guard", "verifier", "both"] as const) {
  const by = defence === "both" ? "both defences" : `the ${defence} alone`;

  Deno.test({
    name: `a session from a listener without client certificates is refused by ${by}`,
    ignore: !nodeIsHere,
    async fn() {
      await using bench = await Bench.create();
      const server = await bench.serve(defencesOf(defence));
      const pair = await bench.authority.issue();
      await using other = await otherListener({ ...pair, ALPNProtocols: ["h2"] });
      assertRefused(defence, server, await resume(other.port, server.port, null));
    },
  });

  Deno.test({
    name: `a session from a listener that trusts another authority is refused by ${by}`,
    ignore: !nodeIsHere,
    async fn() {
      await using bench = await Bench.create();
      const server = await bench.serve(defencesOf(defence));
      const theirs = await AuthorityFixture.create("another authority");
      await using other = await otherListener({
        ...await bench.authority.issue(),
        ca: theirs.pem,
        requestCert: true,
        rejectUnauthorized: true,
        ALPNProtocols: ["h2"],
      });
      const pair = await theirs.issue({ commonName: "admin", roles: ["admin"] });
      assertRefused(defence, server, await resume(other.port, server.port, pair));
    },
  });

  Deno.test({
    name: `a session that outlives its own client certificate is refused by ${by}`,
    ignore: !nodeIsHere,
    async fn() {
      await using bench = await Bench.create();
      const hour = 3_600_000;
      const afterExpiry = Date.now() + 2 * hour;
      const server = await bench.serve({ ...defencesOf(defence), nowMs: () => afterExpiry });
      const pair = await bench.authority.issue({ endsInMs: hour });
      assertRefused(defence, server, await resume(server.port, server.port, pair));
    },
  });
}

Deno.test("a grpc-js without the hook that the guard needs is refused at once", () => {
  const renamed = { bindAsync() {} } as unknown as Server;
  assert.throws(
    () => guardServer(renamed, { clientCertificateRequired: true }),
    /no Server\.createHttp2Server/,
  );
});

Deno.test("a grpc-js that no longer calls the hook cannot bind a TLS port", async () => {
  await using bench = await Bench.create();
  const server = new Server();
  // As a later version would that makes its listener elsewhere.
  Object.assign(server, {
    bindAsync: (
      _address: string,
      _credentials: unknown,
      callback: (e: null, port: number) => void,
    ) => callback(null, 4242),
  });
  guardServer(server, { clientCertificateRequired: true });
  const failure = await new Promise<Error | null>((resolve) =>
    server.bindAsync("127.0.0.1:0", createServerCredentials(bench.material), resolve)
  );
  assert.match(String(failure?.message), /without calling createHttp2Server/);
});
