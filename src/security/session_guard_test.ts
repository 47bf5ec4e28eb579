import assert from "node:assert/strict";
import { Server, status } from "@grpc/grpc-js";
import { createServer, type Server as TlsServer, type TlsOptions } from "node:tls";
import type { AddressInfo } from "node:net";
import { AuthorityFixture } from "./certificate_fixtures.ts";
import { nodeIsHere, type Outcome, resume } from "./resumption_fixture.ts";
import { guardServer } from "./session_guard.ts";
import { Bench, type EchoServer } from "./tls_fixtures.ts";
import { createServerCredentials } from "./tls_doors.ts";

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
