import {
  credentials,
  type sendUnaryData,
  ServerCredentials,
  type ServerUnaryCall,
} from "@grpc/grpc-js";
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import {
  AuthorityFixture,
  type PemPair,
  writePair,
} from "../../src/security/certificate_fixtures.ts";
import { createTokenVerifier, issueTokens, workerAudience } from "../../src/security/mod.ts";
import { onHost, until } from "../e2e/support.ts";
import { type Fields, ORIGINAL_PROTO, ProtoClient, serve, serviceOf } from "./by_proto.ts";

const SECRET = "mFhHbzy1cNxqHrGCWEqgB5C5qVKj1xj0pQ2xw4yJ8uE=";
const ISSUED = { issuer: "conductor-dev", secret: SECRET, profile: "development" } as const;

async function tokenOf(role: string): Promise<{ authorization: string }> {
  const { accessToken } = await issueTokens({ ...ISSUED, audience: "conductor-api" }, {
    subject: role,
    roles: [role],
    accessTtlMs: 600_000,
    refreshTtlMs: 600_000,
    nowMs: Date.now(),
  });
  return { authorization: `Bearer ${accessToken}` };
}

/** Credentials of grpc-js alone, from a pair under the authority. */
function clientCredentials(authority: AuthorityFixture, { cert, key }: PemPair) {
  return credentials.createSsl(Buffer.from(authority.pem), Buffer.from(key), Buffer.from(cert));
}

function serverCredentials(authority: AuthorityFixture, { cert, key }: PemPair) {
  return ServerCredentials.createSsl(
    Buffer.from(authority.pem),
    [{ cert_chain: Buffer.from(cert), private_key: Buffer.from(key) }],
    true,
  );
}

Deno.test("a secured master calls workers over TLS as itself, with a token for that worker alone", () =>
  onHost(async (host) => {
    const authority = await AuthorityFixture.create("cluster authority");
    const pairOf = (commonName: string, role: string) =>
      authority.issue({ commonName, roles: [role] });
    const files = await writePair(
      host.directory,
      "master",
      await pairOf("m1", "master"),
      authority.pem,
    );
    // Its pages are served over TLS too; clients wait until its gRPC port answers.
    host.start([
      "master",
      ...host.masterFlags(),
      // The worker here says nothing between its start and its report.
      "--set=worker.heartbeat_timeout=60s",
      "--set=security.tls.enabled=true",
      "--set=security.tls.skip_verify=false",
      "--set=security.tls.auto_generate=false",
      `--set=security.tls.cert_file=${files.certFile}`,
      `--set=security.tls.key_file=${files.keyFile}`,
      `--set=security.tls.ca_file=${files.caFile}`,
      "--set=security.rbac.enabled=true",
      `--set=security.jwt.secret_key=${SECRET}`,
    ]);
    // By name: grpc-js cannot verify an address on this runtime (ours can).
    const address = host.grpcAddress.replace("127.0.0.1", "localhost");
    const workerPair = await pairOf("w1", "worker");
    const master = new ProtoClient(
      serviceOf(ORIGINAL_PROTO, "MasterService"),
      address,
      clientCredentials(authority, workerPair),
    );
    const client = new ProtoClient(
      serviceOf(ORIGINAL_PROTO, "MasterService"),
      address,
      clientCredentials(authority, await pairOf("someone", "client")),
    );
    const asWorker = await tokenOf("worker");
    const asOperator = await tokenOf("operator");
    const given: { jobId: string; authorization: string; caller: string }[] = [];
    const server = await serve(serviceOf(ORIGINAL_PROTO, "WorkerService"), {
      AssignJob: (call: ServerUnaryCall<Fields, Fields>, answer: sendUnaryData<Fields>) => {
        given.push({
          jobId: (call.request.job as { id: string }).id,
          authorization: call.metadata.get("authorization").map(String).join(),
          caller: String(call.getAuthContext().sslPeerCertificate?.subject.CN),
        });
        answer(null, { accepted: true, message: "" });
      },
      CancelJob: (_call: unknown, answer: sendUnaryData<Fields>) =>
        answer(null, { cancelled: false, message: "" }),
    }, serverCredentials(authority, workerPair));
    try {
      await master.call("RegisterWorker", {
        worker_id: "w1",
        address: server.address,
        max_concurrent_jobs: 1,
      }, asWorker);
      const { job_id } = await client.call("SubmitJob", {
        type: "test_sleep",
        payload: new TextEncoder().encode('{"duration":"1ms"}'),
      }, asOperator);
      await until("the worker is called", () => Promise.resolve(given.length === 1));
      const [call] = given;
      assert.deepEqual([call?.jobId, call?.caller], [job_id, "m1"]);
      const verifier = await createTokenVerifier({
        ...ISSUED,
        publicKeyPath: "",
        audience: workerAudience("w1"),
        skipExpiry: false,
      });
      const token = call?.authorization.replace(/^Bearer /, "") ?? "";
      const verdict = await verifier!.verify(token, Date.now());
      assert.ok(verdict.ok, JSON.stringify(verdict));
      assert.deepEqual(verdict.claims.roles, ["master"]);
      // What the worker was shown is worth nothing to it where it came from.
      await assert.rejects(
        client.call("GetClusterHealth", {}, { authorization: `Bearer ${token}` }),
        /not meant for/,
      );
      await master.call("ReportResult", {
        job_id,
        worker_id: "w1",
        result: { success: true, output: new TextEncoder().encode("done") },
      }, asWorker);
      const { job } = await client.call("GetJobStatus", { job_id }, asOperator);
      assert.equal((job as Fields).status, "completed");
    } finally {
      server.stop();
      master.close();
      client.close();
    }
  }));
