/** Who calls is established where the call arrives, and believed where it is carried out. */

import { credentials } from "@grpc/grpc-js";
import assert from "node:assert/strict";
import { join } from "node:path";
import { JobClient } from "../../src/rpc/mod.ts";
import { issueTokens } from "../../src/security/mod.ts";
import { onCluster, written } from "./support.ts";

const SECRET = "a secret of at least thirty-two characters, for tests alone";

async function tokenOf(subject: string, roles: readonly string[]): Promise<string> {
  const { accessToken } = await issueTokens({
    profile: "development",
    secret: SECRET,
    issuer: "conductor-dev",
    audience: "conductor-api",
  }, { subject, roles, accessTtlMs: 3_600_000, refreshTtlMs: 3_600_000, nowMs: Date.now() });
  return accessToken;
}

Deno.test("a follower passes on who calls: rights, audit and record are the original caller's", () =>
  onCluster({
    workers: 0,
    founding: "static",
    masterFlags: [
      "--set=security.rbac.enabled=true",
      // This test looks at pages as a person of the cluster would not: without saying who it is.
      "--set=security.http_auth=false",
      `--set=security.jwt.secret_key=${SECRET}`,
    ],
  }, async (cluster) => {
    const leader = await cluster.leader();
    const follower = cluster.masters.find((each) => each !== leader)!;
    const clients: JobClient[] = [];
    const clientOf = async (subject: string, role: string) => {
      const token = await tokenOf(subject, [role]);
      const client = new JobClient({
        addresses: [follower.grpcAddress],
        followsLeader: false,
        credentials: credentials.createInsecure(),
        token: () => token,
        messageBytesMax: 4 * 1024 * 1024,
        callTimeoutMs: 30_000,
        dialTimeoutMs: 2_000,
      });
      clients.push(client);
      return client;
    };
    try {
      const olga = await clientOf("olga", "operator");
      const { jobId } = await olga.submit({
        type: "noop",
        payload: new Uint8Array(0),
        priority: 5,
      });
      const victor = await clientOf("victor", "viewer");
      assert.equal((await victor.getJob(jobId)).job.status, "pending", "a viewer may look");
      await assert.rejects(victor.cancel(jobId), { reason: "permission_denied" });
      await olga.cancel(jobId);
      const { job } = await victor.getJob(jobId);
      assert.deepEqual([job.status, job.errorMessage], ["cancelled", "cancelled by olga"]);
      const file = join(cluster.directory, `${follower.name}.audit.log`);
      const audit = await written(
        file,
        /"Authorization failed.*victor|victor.*"Authorization failed/,
      );
      const lines = audit.split("\n").filter((each) => each !== "").map((each) => JSON.parse(each));
      const told = (user: string, method: string, what: RegExp) =>
        lines.some((line) =>
          line.user_id === user && String(line.method).endsWith(method) && what.test(line.msg)
        );
      assert.ok(told("olga", "/SubmitJob", /^Authorization successful/), audit);
      assert.ok(told("victor", "/CancelJob", /^Authorization failed/), audit);
    } finally {
      for (const client of clients) client.close();
    }
  }));
