/** Tokens, the policy and a worker's own credentials, through the real program. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { unusedPorts } from "../ha/ports.ts";
import { end, type Host, onHost, until } from "./support.ts";

const SECRET = "mFhHbzy1cNxqHrGCWEqgB5C5qVKj1xj0pQ2xw4yJ8uE=";
/** Of the master alone: neither workers nor clients have the key, except for the first token. */
const GUARDED = [
  `--set=security.jwt.secret_key=${SECRET}`,
  "--set=security.rbac.enabled=true",
  "--set=security.jwt.skip_expiry=false",
  "--set=security.jwt.leeway=0s",
  // Of the tokens for which nobody orders another: a worker's.
  "--set=security.jwt.access_token_ttl=2s",
  "--set=security.jwt.refresh_token_ttl=10m",
];

/** A master that asks for tokens, and an administrator's, signed here as a cluster's first one is. */
async function onGuardedHost(test: (host: Host, root: string) => Promise<void>): Promise<void> {
  await onHost(async (host) => {
    await host.startMaster(...GUARDED);
    const root = join(host.directory, "root.token");
    const issued = await host.clientGiven(
      { environment: { JWT_SECRET_KEY: SECRET } },
      ..."token issue --offline --subject root --role admin --ttl 1h --out".split(" "),
      root,
    );
    assert.equal(issued.code, 0, issued.stderr);
    await test(host, `--token-file=${root}`);
  });
}

/** Runs a command that must succeed; gives what it prints. */
async function done(host: Host, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await host.client(...args);
  assert.equal(code, 0, `${args.join(" ")}: ${stderr}`);
  return stdout;
}

async function refused(host: Host, words: RegExp, ...args: string[]): Promise<void> {
  const { code, stderr } = await host.client(...args);
  assert.equal(code, 1, args.join(" "));
  assert.match(stderr, words);
}

Deno.test("tokens, the policy and a worker's credentials", (t) =>
  onGuardedHost(async (host, root) => {
    await t.step(
      "a worker enrols with a join token, once, and outlives its tokens",
      () => workerOutlivesItsTokens(host, root),
    );
    await t.step(
      "a token is issued, shown without itself, renewed once and revoked",
      () => tokenLives(host, root),
    );
    await t.step(
      "a policy is seen, tried and changed, and what changed holds at once",
      () => policyChanges(host, root),
    );
    // Last: from here on two of the masters must live.
    await t.step(
      "a join token lets one master in, and is refused the second time",
      () => masterJoinsOnce(host, root),
    );
  }));

async function tokenLives(host: Host, root: string): Promise<void> {
  const file = join(host.directory, "ci.token");
  const issue = "token issue --subject ci --role viewer --ttl 10m --refresh --output json --out"
    .split(" ");
  const issued = JSON.parse(await done(host, ...issue, file, root));
  assert.deepEqual([issued.subject, issued.roles], ["ci", ["viewer"]]);
  assert.equal((await Deno.stat(file)).mode! & 0o777, 0o600);
  const [access, refresh] = (await Deno.readTextFile(file)).trim().split("\n");
  await done(host, "list", `--token-file=${file}`);
  await refused(
    host,
    /"ci" \(viewer\) may not call .*SubmitJob: it needs job:submit/,
    "submit",
    "--type=noop",
    `--token-file=${file}`,
  );
  const shown = await done(host, "token", "inspect", file);
  assert.match(shown, /Subject +ci\n/);
  assert.match(shown, /Roles +viewer\n/);
  for (const secret of [access!, refresh!]) {
    for (const part of secret.split(".")) assert.ok(!shown.includes(part));
  }

  const stolen = join(host.directory, "stolen.token");
  await Deno.copyFile(file, stolen);
  await done(host, "token", "refresh", file);
  assert.notEqual(await Deno.readTextFile(file), await Deno.readTextFile(stolen));
  await refused(host, /used before: all that came of it is revoked/, "token", "refresh", stolen);
  await refused(host, /has been revoked/, "list", `--token-file=${stolen}`);
  const revocations = JSON.parse(
    await done(host, "token", "revocations", "--output=json", root),
  );
  assert.deepEqual(
    revocations.revocations.map((each: { what: string; id: string }) => [each.what, each.id]),
    [["family", issued.family]],
  );

  await done(host, ...issue, file, root);
  await done(host, "token", "revoke", "--subject=ci", "--reason=left", root);
  await refused(host, /has been revoked/, "list", `--token-file=${file}`);
  await Deno.chmod(file, 0o644);
  const open = await host.client("list", `--token-file=${file}`);
  assert.equal(open.code, 2);
  assert.match(open.stderr, /can be read by others than its owner \(mode 0644\)/);
  const log = await Deno.readTextFile(join(host.directory, "master.log"));
  const audit = await Deno.readTextFile(join(host.directory, "audit.log"));
  for (const secret of [access!, refresh!, SECRET]) {
    assert.ok(!log.includes(secret) && !audit.includes(secret));
  }
  await untilAudited(host, /"Generated token pair"/);
  await untilAudited(host, /Administrative act: revoke a subject/);
}

async function policyChanges(host: Host, root: string): Promise<void> {
  const viewer = join(host.directory, "viewer.token");
  const issue = "token issue --subject bob --role viewer --ttl 10m --out".split(" ");
  await done(host, ...issue, viewer, root);
  const file = join(host.directory, "policy.json");
  await done(host, "rbac", "show", `--file=${file}`, root);
  const policy = JSON.parse(await Deno.readTextFile(file));
  const role = policy.roles.find((each: { name: string }) => each.name === "viewer");
  role.permissions = ["cluster:view"];
  await Deno.writeTextFile(file, JSON.stringify(policy));
  const unset = await host.client("rbac", "set", file, `--token-file=${viewer}`);
  assert.match(unset.stderr, /may not call .*SetPolicy/, "what was asked is named, not how");
  const test = ["rbac", "test", "ListJobs", "--role=viewer", "--output=json", root];
  assert.equal(JSON.parse(await done(host, ...test)).allowed, true);
  const planned = await host.client(...test, `--file=${file}`);
  assert.equal(planned.code, 1, "not by the policy to be");
  assert.equal(JSON.parse(planned.stdout).allowed, false);
  for (const policies of [[], [`--file=${file}`]]) {
    const unknown = await host.client(
      "rbac",
      "test",
      "ListJobs",
      "--role=viwer",
      ...policies,
      root,
    );
    assert.deepEqual([unknown.code, unknown.stdout], [2, ""]);
    assert.match(unknown.stderr, /there is no such role; did you mean viewer\?/);
  }

  assert.match(await done(host, "rbac", "set", file, root), /at revision 1/);
  await refused(host, /it needs job:list or job:view/, "list", `--token-file=${viewer}`);
  await refused(
    host,
    /at revision 1 by now, not at 0/,
    "rbac",
    "set",
    file,
    "--revision=0",
    root,
  );
  const shown = JSON.parse(await done(host, "rbac", "show", "--output=json", root));
  assert.deepEqual([shown.revision, shown.set_by], [1, "root"]);
  await refused(
    host,
    /may not call .*SetPolicy/,
    "rbac",
    "set",
    file,
    "--revision=1",
    `--token-file=${viewer}`,
  );
}

async function workerOutlivesItsTokens(host: Host, root: string): Promise<void> {
  const join1 = join(host.directory, "join.token");
  await done(host, "token", "issue", "--join-worker", `--out=${join1}`, root);
  const worker = host.startWorker("w1", `--token-file=${join1}`);
  const own = join(host.directory, "worker", "w1", "credentials");
  await until("tokens of its own", async () => await readIfThere(own) !== undefined);
  const first = await Deno.readTextFile(own);
  await refused(host, /opens nothing else/, "list", `--token-file=${join1}`);

  // Renewed while the worker lives; and what it presents to a new life of the master is good.
  await until("a renewal", async () => {
    const now = await readIfThere(own);
    return now !== undefined && now !== first;
  });
  const log = () => Deno.readTextFile(join(host.directory, "w1.log"));
  await until(
    "a session that is opened with the new token",
    async () => (await log()).split("connected to a master").length > 2,
  );
  assert.ok(!(await log()).includes("lost the master"), "it does not wait for its session's end");
  const page = (headers: HeadersInit) => fetch(`${host.httpUrl}/cluster/status`, { headers });
  const token = (await Deno.readTextFile(root.replace("--token-file=", ""))).trim();
  const [stranger, reader] = [await page({}), await page({ authorization: `Bearer ${token}` })];
  assert.deepEqual([stranger.status, reader.status], [401, 200]);
  await Promise.all([stranger.body?.cancel(), reader.body?.cancel()]);
  const job = await host.finished("test_sleep", { duration: "3s" }, root);
  assert.deepEqual([job.status, job.attempt], ["completed", 1], "nothing interrupted it");

  const second = host.startWorker("w2", `--token-file=${join1}`);
  assert.notEqual((await second.status).code, 0);
  await untilAudited(host, /enrol a worker.*can be used once, and has been/);
  assert.equal(await end(worker, "SIGTERM"), 0);
  assert.equal((await Deno.stat(own)).mode! & 0o777, 0o600);
  const again = host.startWorker("w1", `--token-file=${join1}`);
  const after = await host.finished("noop", {}, root);
  assert.equal(after.status, "completed", "it goes on with the tokens of its former life");
  assert.equal(await end(again, "SIGTERM"), 0);
}

async function masterJoinsOnce(host: Host, root: string): Promise<void> {
  const token = join(host.directory, "master.token");
  await done(host, "token", "issue", "--join-master", `--out=${token}`, root);
  const startMaster = (id: string, output: "null" | "piped" = "null") => {
    const [grpc, raft, http] = unusedPorts(3);
    return host.start([
      "master",
      ...GUARDED,
      `--node-id=${id}`,
      `--join=${host.grpcAddress}`,
      `--token-file=${token}`,
      `--grpc-port=${grpc}`,
      `--bind-addr=127.0.0.1:${raft}`,
      `--http-port=${http}`,
      "--set=metrics.enabled=false",
      `--data-dir=${join(host.directory, id)}`,
      `--log-output=${join(host.directory, `${id}.log`)}`,
    ], output);
  };
  startMaster("second");
  await until("a second member", async () => {
    const { code, stdout } = await host.client("cluster", "members", "--output=json", root);
    return code === 0 && JSON.parse(stdout).members.length === 2;
  });
  const third = await startMaster("third", "piped").output();
  assert.notEqual(third.code, 0);
  assert.match(
    new TextDecoder().decode(third.stderr),
    /does not let this master in: .*used once.*conductor token issue --join-master/,
  );
  await untilAudited(host, /join a member.*third.*can be used once, and has been/);
}

/** The line is written by another process, a moment after its caller was answered. */
function untilAudited(host: Host, line: RegExp): Promise<void> {
  return until(
    `an audit line ${line}`,
    async () => line.test(await Deno.readTextFile(join(host.directory, "audit.log"))),
  );
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await Deno.readTextFile(path);
  } catch (failure) {
    if (failure instanceof Deno.errors.NotFound) return undefined;
    throw failure;
  }
}
