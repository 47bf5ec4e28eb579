import { status } from "@grpc/grpc-js";
import assert from "node:assert/strict";
import { join } from "node:path";
import { unusedPorts } from "../ha/ports.ts";
import { issueTokens, workerAudience } from "../../src/security/mod.ts";
import {
  type CallHeaders,
  ORIGINAL_PROTO,
  OUR_PROTO,
  ProtoClient,
  serviceIn,
  serviceOf,
} from "../compatibility/by_proto.ts";
import { type Host, onHost, run, until } from "./support.ts";

const SECRET = "mFhHbzy1cNxqHrGCWEqgB5C5qVKj1xj0pQ2xw4yJ8uE=";

function logOf(host: Host, workerId: string): Promise<string> {
  return Deno.readTextFile(join(host.directory, `${workerId}.log`)).catch(() => "");
}

async function token(roles: readonly string[], audience = "conductor-api"): Promise<string> {
  const { accessToken } = await issueTokens(
    { profile: "development", secret: SECRET, issuer: "conductor-dev", audience },
    { subject: "someone", roles, accessTtlMs: 60_000, refreshTtlMs: 60_000, nowMs: Date.now() },
  );
  return accessToken;
}

Deno.test("a worker serves WorkerService on its port behind a gate, to masters and admins alone", () =>
  onHost(async (host) => {
    const [port] = unusedPorts(1);
    host.startWorker(
      "w1",
      `--grpc-port=${port}`,
      "--set=security.rbac.enabled=true",
      `--set=security.jwt.secret_key=${SECRET}`,
      `--set=log.audit_output=${join(host.directory, "w1-audit.log")}`,
    );
    await until("the worker listens", async () => /worker listens/.test(await logOf(host, "w1")));
    const client = new ProtoClient(
      serviceOf(ORIGINAL_PROTO, "WorkerService"),
      `127.0.0.1:${port}`,
    );
    // Whoever is let in is told that the job has no fencing token.
    const codeWith = async (bearer: string | undefined, method = "AssignJob") => {
      const headers: CallHeaders = bearer === undefined
        ? {}
        : { authorization: `Bearer ${bearer}` };
      const request = { worker_id: "w1", job_id: "j", job: { id: "j", type: "noop" } };
      try {
        await client.call(method, request, headers);
        return status.OK;
      } catch (failure) {
        return (failure as { code: status }).code;
      }
    };
    try {
      assert.equal(await codeWith(undefined), status.UNAUTHENTICATED);
      assert.equal(await codeWith(undefined, "CancelJob"), status.UNAUTHENTICATED);
      for (const role of ["operator", "viewer", "worker"]) {
        assert.equal(await codeWith(await token([role])), status.PERMISSION_DENIED, role);
        assert.equal(await codeWith(await token([role]), "CancelJob"), status.PERMISSION_DENIED);
      }
      assert.equal(await codeWith(await token(["admin"])), status.FAILED_PRECONDITION);
      const own = await token(["master"], workerAudience("w1"));
      assert.equal(await codeWith(own), status.FAILED_PRECONDITION);
      assert.equal(await codeWith(own, "CancelJob"), status.OK);
      const other = await token(["master"], workerAudience("w2"));
      assert.equal(await codeWith(other), status.UNAUTHENTICATED);
      await until("the audit log has it", async () => {
        const audit = await Deno.readTextFile(join(host.directory, "w1-audit.log"));
        return /permission denied.*WorkerService\/AssignJob/.test(audit);
      });
    } finally {
      client.close();
    }
  }));

Deno.test("health and reflection are served on a worker's port", () =>
  onHost(async (host) => {
    const [port] = unusedPorts(1);
    host.startWorker("w1", `--grpc-port=${port}`);
    await until("the worker listens", async () => /worker listens/.test(await logOf(host, "w1")));
    const clientOf = (file: string, service: string) =>
      new ProtoClient(serviceIn(OUR_PROTO, file, service), `127.0.0.1:${port}`);
    const health = clientOf("grpc/health/v1/health.proto", "grpc.health.v1.Health");
    const reflection = clientOf(
      "grpc/reflection/v1/reflection.proto",
      "grpc.reflection.v1.ServerReflection",
    );
    try {
      const { status } = await health.call("Check", { service: "proto.WorkerService" });
      assert.equal(status, "SERVING");
      const answer = await reflection.ask("ServerReflectionInfo", { list_services: "" });
      const { service } = answer.list_services_response as { service: { name: string }[] };
      assert.ok(service.some(({ name }) => name === "proto.WorkerService"), JSON.stringify(answer));
    } finally {
      health.close();
      reflection.close();
    }
  }));

Deno.test("a worker whose chosen port is taken says so and ends", () =>
  onHost(async (host) => {
    const taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    try {
      const worker = await run([
        "worker",
        "--worker-id=w1",
        `--join=${host.grpcAddress}`,
        `--grpc-port=${taken.addr.port}`,
        `--data-dir=${join(host.directory, "worker")}`,
      ]);
      assert.equal(worker.code, 1);
      assert.match(worker.stderr, /cannot listen on .*grpc\.worker_port \(--grpc-port\)/);
    } finally {
      taken.close();
    }
  }));
