/** Secrets that were given to a cluster stand nowhere but where they were put. */

import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { join } from "node:path";
import { filesBelow, holds } from "./bytes.ts";
import { end, type Host, onHost, until } from "./support.ts";

/** Each is found by this, whatever stands around it. */
const CANARY = "cAnArY";
const SECRET = `${CANARY}1mFhHbzy1cNxqHrGCWEqgB5C5qVKj1xj0pQ2xw4yJ8uE`;
const HEADER = `${CANARY}2-of-an-authorization-header`;
const USERINFO = `${CANARY}3-of-an-address`;
const GUESS = `${CANARY}4-of-a-wrong-token`;

Deno.test({
  name:
    "secrets are in no log, error, metric, command line, shown configuration, stored state or backup",
  ignore: Deno.build.os !== "linux", // command lines are read from /proc
  fn: () =>
    onHost(async (host) => {
      const config = join(host.directory, "secret.yaml");
      const key = await privateKeyIn(host);
      await Deno.writeTextFile(
        config,
        `security: {jwt: {secret_key: "${SECRET}", private_key_path: "${key.path}"}, ` +
          "rbac: {enabled: true}}\n",
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
      // A client that waits, and whatever the worker started.
      const unoffered = await say("submit", "--type=brew_coffee", "--payload={}");
      host.start([
        ...["watch", unoffered.trim(), `--addr=${host.grpcAddress}`],
        `--token-file=${root!.file}`,
      ]);
      const commandLines = () => commandLinesWith(host.directory);
      const isThere = (kind: string) =>
        commandLines().some((line) => line.split("\0").includes(kind));
      await until("all of them run", () =>
        Promise.resolve(["master", "worker", "watch"].every(isThere)));
      seen.push(...commandLines());
      // What a cluster keeps holds payloads as they are, but no secret of its own.
      const backup = join(host.directory, "backup");
      await say("backup", backup);
      assert.equal(await end(worker, "SIGTERM"), 0);
      assert.equal(await end(master, "SIGTERM"), 0);
      for (const name of ["master.log", "w1.log", "audit.log"]) {
        const text = await Deno.readTextFile(join(host.directory, name));
        assert.ok(text.length > 100, `${name} says something`);
        seen.push(text);
      }
      const own = [
        SECRET,
        GUESS,
        key.body,
        ...tokens.flatMap(({ token }) =>
          token.split(".")
        ),
      ];
      const files = [backup, ...filesBelow(join(host.directory, "master"))];
      assert.ok(files.length > 4, `${files}`);
      for (const file of files) {
        const content = await Deno.readFile(file);
        for (const secret of own) {
          assert.ok(!holds(content, new TextEncoder().encode(secret)), `${file} holds a secret`);
        }
      }
      const secrets = [CANARY, ...own];
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

/** A key that signs tokens, and the line of its file that nobody may see elsewhere. */
async function privateKeyIn(host: Host): Promise<{ path: string; body: string }> {
  const { privateKey } = generateKeyPairSync("ed25519");
  const pem = privateKey.export({ type: "pkcs8", format: "pem" }).toString();
  const path = join(host.directory, "signing.key");
  await Deno.writeTextFile(path, pem, { mode: 0o600 });
  return { path, body: pem.split("\n")[1]! };
}

/** Command lines of the processes that were started below a directory; they name it somewhere. */
function commandLinesWith(directory: string): string[] {
  return [...Deno.readDirSync("/proc")].filter(({ name }) => /^\d+$/.test(name)).flatMap(
    ({ name }) => {
      try {
        const line = Deno.readTextFileSync(`/proc/${name}/cmdline`);
        const isOurs = line.includes(directory) ||
          Deno.readTextFileSync(`/proc/${name}/environ`).includes(directory);
        return isOurs ? [line] : [];
      } catch {
        return []; // gone meanwhile, or somebody else's
      }
    },
  );
}

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
