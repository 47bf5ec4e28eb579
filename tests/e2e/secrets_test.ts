/** Secrets that were given to a cluster stand nowhere but where they were put. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { end, type Host, onHost, until } from "./support.ts";

/** Each is found by this, whatever stands around it. */
const CANARY = "cAnArY";
const SECRET = `${CANARY}1mFhHbzy1cNxqHrGCWEqgB5C5qVKj1xj0pQ2xw4yJ8uE`;
const HEADER = `${CANARY}2-of-an-authorization-header`;
const USERINFO = `${CANARY}3-of-an-address`;
const GUESS = `${CANARY}4-of-a-wrong-token`;

Deno.test({
  name: "secrets are in no log, no error, no metric, no command line and no shown configuration",
  ignore: Deno.build.os !== "linux", // command lines are read from /proc
  fn: () =>
    onHost(async (host) => {
      const config = join(host.directory, "secret.yaml");
      await Deno.writeTextFile(
        config,
        `security: {jwt: {secret_key: "${SECRET}"}, rbac: {enabled: true}}\n`,
        { mode: 0o600 },
      );
      const master = await host.startMaster(`--config=${config}`, "--log-level=debug");
      const tokens = await tokensOf(host, config);
      const [root] = tokens;
      const worker = host.startWorker("w1", `--token-file=${tokens[1]!.file}`, "--log-level=debug");
      await until("the worker", async () => {
        const { stdout } = await host.client("workers", `--token-file=${root!.file}`);
        return stdout.includes("w1");
      });

      const seen: string[] = [];
      const say = async (...args: string[]) => {
        const { stdout, stderr } = await host.client(...args, `--token-file=${root!.file}`);
        seen.push(stdout, stderr);
        return stdout;
      };
      const url = host.httpUrl.replace("http://", `http://user:${USERINFO}@`);
      for (
        const payload of [
          { url: `${host.httpUrl}/none`, headers: { authorization: `Bearer ${HEADER}` } },
          { url: "http://127.0.0.1:1/", headers: { authorization: `Bearer ${HEADER}` } },
          { url: `${url}/none` },
        ]
      ) {
        const file = join(host.directory, "payload.json");
        await Deno.writeTextFile(file, JSON.stringify(payload));
        await say("submit", "--type=http", `--payload=@${file}`, "--wait", "--max-retries=0");
      }
      assert.ok(
        seen.some((text) => /failed: .*127\.0\.0\.1:1/.test(text)),
        "a job was run, and failed",
      );
      const wrong = await host.clientGiven({ environment: { CONDUCTOR_TOKEN: GUESS } }, "list");
      assert.equal(wrong.code, 1);
      seen.push(wrong.stderr);
      const shown = await host.clientGiven(
        { environment: { JWT_SECRET_KEY: SECRET, CONDUCTOR_TOKEN: GUESS } },
        "config",
        "show",
      );
      seen.push(shown.stdout, shown.stderr);
      for (const page of [host.metricsUrl, `${host.httpUrl}/cluster/status`]) {
        const headers = { authorization: `Bearer ${root!.token}` };
        const response = await fetch(page, { headers });
        assert.equal(response.status, 200, page);
        seen.push(await response.text());
      }
      for (const { pid } of [master, worker]) {
        seen.push(await Deno.readTextFile(`/proc/${pid}/cmdline`));
      }
      assert.equal(await end(worker, "SIGTERM"), 0);
      assert.equal(await end(master, "SIGTERM"), 0);
      for (const name of ["master.log", "w1.log", "audit.log"]) {
        const text = await Deno.readTextFile(join(host.directory, name));
        assert.ok(text.length > 100, `${name} says something`);
        seen.push(text);
      }
      const secrets = [CANARY, ...tokens.flatMap(({ token }) => token.split("."))];
      for (const text of seen) {
        for (const secret of secrets) {
          const at = text.indexOf(secret);
          assert.equal(
            at,
            -1,
            `${secret} stands in: ${text.slice(Math.max(0, at - 300), at + 100)}`,
          );
        }
      }
    }),
});

/** An administrator's token and a worker's, signed here. */
async function tokensOf(host: Host, config: string): Promise<{ file: string; token: string }[]> {
  const tokens = [];
  for (const [subject, role] of [["root", "admin"], ["w1", "worker"]]) {
    const file = join(host.directory, `${subject}.token`);
    const { code, stderr } = await host.client(
      ...`token issue --offline --subject ${subject} --role ${role} --ttl 1h --out`.split(" "),
      file,
      `--config=${config}`,
    );
    assert.equal(code, 0, stderr);
    tokens.push({ file, token: (await Deno.readTextFile(file)).split("\n")[0]! });
  }
  return tokens;
}
