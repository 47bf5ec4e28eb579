/** The secret that signs tokens is rolled in a running master. */

import assert from "node:assert/strict";
import { credentials } from "@grpc/grpc-js";
import { join } from "node:path";
import { ClusterChannel, JobClient, SecurityClient } from "../../src/rpc/mod.ts";
import { createTokenVerifier, issueTokens } from "../../src/security/mod.ts";
import { end, onHost, until } from "./support.ts";

const SECRETS = {
  first: "mFhHbzy1cNxqHrGCWEqgB5C5qVKj1xj0pQ2xw4yJ8uE=",
  second: "q0Jt7dW3nVbYx5kLr9sAe2fHu6iOp1cZmG8vX4yT0wQ=",
};
const ORIGIN = {
  profile: "production",
  issuer: "conductor-dev",
  audience: "conductor-api",
} as const;

Deno.test("a secret is rolled without a call that fails or a stream that breaks", () =>
  onHost(async (host) => {
    const file = join(host.directory, "secrets");
    const write = async (...secrets: string[]) => {
      await Deno.writeTextFile(`${file}.new`, secrets.join("\n"), { mode: 0o600 });
      await Deno.rename(`${file}.new`, file);
    };
    const log = () => Deno.readTextFile(join(host.directory, "master.log"));
    const read = async () => (await log()).split('"what":"security.jwt"').length;
    /** Changes the file, and waits until the master has read it, or said why it does not. */
    const roll = async (...secrets: string[]) => {
      const before = await read();
      await write(...secrets);
      await until("it was read", async () => await read() > before);
    };
    await write(SECRETS.first);
    const master = await host.startMaster(
      "--log-format=json",
      `--set=security.jwt.secret_key_file=${file}`,
      "--set=security.rbac.enabled=true",
      "--set=security.jwt.skip_expiry=false",
      "--set=security.reload_interval=100ms",
    );
    const tokenOf = async (secret: string) =>
      (await issueTokens({ ...ORIGIN, secret }, {
        subject: "root",
        roles: ["admin"],
        accessTtlMs: 600_000,
        refreshTtlMs: 600_000,
        nowMs: Date.now(),
      })).accessToken;
    const [old, young] = [await tokenOf(SECRETS.first), await tokenOf(SECRETS.second)];
    const channels: ClusterChannel[] = [];
    const channelAs = (token: string) => {
      const channel = new ClusterChannel({
        addresses: [host.grpcAddress],
        credentials: credentials.createInsecure(),
        token: () => token,
        messageBytesMax: 4 * 1024 * 1024,
        callTimeoutMs: 30_000,
        dialTimeoutMs: 2_000,
      });
      channels.push(channel);
      return channel;
    };
    try {
      const before = new JobClient(channelAs(old));
      const after = new JobClient(channelAs(young));
      const { jobId } = await before.submit({
        type: "noop",
        payload: new TextEncoder().encode("{}"),
        priority: 5,
      });
      const events = before.watch(jobId);
      await events.next();
      const ended = (async () => {
        const seen: string[] = [];
        for await (const event of events) if (event.kind === "state") seen.push(event.job.status);
        return seen;
      })();
      await assert.rejects(after.listJobs(), /signature/);

      await roll(SECRETS.second, SECRETS.first);
      for (const client of [before, after]) assert.equal((await client.listJobs()).total, 1);
      const { accessToken } = await new SecurityClient(channelAs(old)).issueToken({
        subject: "ci",
        roles: ["viewer"],
      });
      const second = await createTokenVerifier({
        ...ORIGIN,
        secret: SECRETS.second,
        publicKeyPath: "",
        skipExpiry: false,
      });
      assert.ok((await second!.verify(accessToken, Date.now())).ok, "the first secret signs");

      // SIGHUP reads it too; and what cannot be used leaves what is in use.
      const marks = await read();
      master.kill("SIGHUP");
      await until("SIGHUP reads it", async () => await read() > marks);
      await roll("");
      assert.match(await log(), /holds no secret/);
      assert.equal((await before.listJobs()).total, 1);

      await roll(SECRETS.second);
      await assert.rejects(before.listJobs(), /signature/);
      assert.equal(await after.cancel(jobId).then(() => "done"), "done");
      assert.deepEqual((await ended).at(-1), "cancelled", "the stream went on all along");
      for (const secret of Object.values(SECRETS)) assert.ok(!(await log()).includes(secret));
    } finally {
      for (const channel of channels) channel.close();
    }
    assert.equal(await end(master, "SIGTERM"), 0);
  }));
