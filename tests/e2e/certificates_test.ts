import assert from "node:assert/strict";
import { type JobClient, Refusal } from "../../src/rpc/mod.ts";
import { connect as connectTls } from "node:tls";
import { CertificateAuthority } from "../../src/security/mod.ts";
import { eventually } from "../ha/wait.ts";
import { TlsCluster } from "./mtls_support.ts";
import { onHost, run } from "./support.ts";

const NODES = ["m1", "m2", "m3", "w1"];
const EMPTY = new TextEncoder().encode("{}");

/** Submits jobs one after the other and waits for each, until told to stop. */
function load(client: JobClient) {
  let isOver = false;
  let done = 0;
  const failures: unknown[] = [];
  const running = (async () => {
    while (!isOver) {
      try {
        const { jobId } = await client.submit({ type: "noop", payload: EMPTY, priority: 5 });
        const job = await client.waitFor(jobId);
        assert.equal(job.status, "completed");
        done++;
      } catch (failure) {
        failures.push(failure);
        isOver = true;
      }
    }
  })();
  return {
    /** Resolves once that many more jobs are done. */
    async more(count: number) {
      const goal = done + count;
      await eventually(
        `${count} more jobs`,
        () => Promise.resolve(done >= goal || failures.length > 0 ? true : undefined),
      );
    },
    async end() {
      isOver = true;
      await running;
      return { done, failures };
    },
  };
}

/** Watches a job as somebody, until the watch breaks for good. */
async function watching(cluster: TlsCluster, name: string, jobId: string) {
  const { client } = await cluster.client(name);
  const isOpen = Promise.withResolvers<boolean>();
  const ended = (async () => {
    try {
      for await (const _ of client.watch(jobId)) isOpen.resolve(true);
      return undefined;
    } catch (failure) {
      return failure;
    } finally {
      isOpen.resolve(false);
      client.close();
    }
  })();
  return { hasOpened: await isOpen.promise, ended };
}

/** Watches a job with a certificate that ends soon, but not before the watch is open. */
async function watchingBriefly(cluster: TlsCluster, name: string, jobId: string) {
  for (let lifeMs = 3_000;; lifeMs *= 2) {
    const record = await cluster.issueTo("ca2", name, "admin", lifeMs);
    const stream = await watching(cluster, name, jobId);
    // On a machine that is busy enough, the certificate is over before the handshake.
    if (stream.hasOpened) return { record, stream };
    assert.ok(lifeMs < 60_000, `no stream was open in ${lifeMs} ms: ${await stream.ended}`);
  }
}

Deno.test("a cluster under load rolls its authority, and lets nobody in whose certificate has ended", () =>
  onHost(async (host) => {
    const cluster = new TlsCluster(host);
    await cluster.issue("ca1");
    await Deno.writeTextFile(cluster.at("revoked"), "# nobody yet\n");
    cluster.startMasters((name) => [
      ...cluster.tlsFlags(name),
      `--set=security.tls.revocation_file=${cluster.at("revoked")}`,
    ]);
    cluster.startWorker();
    const { client, tls } = await cluster.client();
    try {
      await eventually("the worker is known", async () => {
        const workers = await client.listWorkers();
        return workers.length === 1 ? true : undefined;
      });
      const under = load(client);
      await under.more(3);

      const step = async (change: () => Promise<unknown>, pattern: RegExp) => {
        const marks = await cluster.marks(NODES);
        await change();
        await tls?.reload();
        await cluster.said(NODES, pattern, marks);
        await under.more(3);
      };
      const read = /"what":"security\.tls","msg":"reloaded"/;
      await cluster.newAuthority("ca2");
      await step(() => cluster.trust("ca1", "ca2"), read);
      for (const suffix of [".crt", ".key"]) {
        await Deno.copyFile(
          cluster.at("nodes", `alice${suffix}`),
          cluster.at("nodes", `old${suffix}`),
        );
      }
      await step(() => cluster.issueAnew("ca2"), read);
      await step(() => cluster.trust("ca2"), read);
      const { failures, done } = await under.end();
      assert.deepEqual(failures, [], `of ${done} jobs`);
      const stale = await run([
        "workers",
        `--addr=${cluster.addresses}`,
        ...cluster.tlsFlags("old"),
      ]);
      assert.equal(stale.code, 1, "what the former authority issued opens nothing");
      // One line a kind and address, however often it tried; the first listener that refused it has it.
      await eventually("it is in an audit log", async () => {
        const logs = await Promise.all(
          cluster.masters.map(({ name }) => Deno.readTextFile(cluster.at(`${name}.audit.log`))),
        );
        const line = logs.join("").split("\n").find((each) =>
          each.includes('"reason":"untrusted_certificate"')
        );
        return line?.includes('"client":"127.0.0.1","listener":"grpc"') ? true : undefined;
      });

      // A stream that is open when its caller's certificate ends, and one whose caller is revoked.
      await cluster.issueTo("ca2", "carol", "admin");
      const listed = await cluster.issueTo("ca2", "dave", "admin");
      const { jobId } = await client.submit({
        type: "test_sleep",
        payload: new TextEncoder().encode('{"duration":"10m"}'),
        priority: 5,
      });
      const { record: brief, stream } = await watchingBriefly(cluster, "bob", jobId);
      const streams = [
        stream,
        ...await Promise.all(["carol", "dave"].map((name) => watching(cluster, name, jobId))),
      ];
      const told = await run([
        ...["certs", "revoke", "carol", `--dir=${cluster.at("ca2")}`, "--output=json"],
        ...[`--addr=${cluster.addresses}`, ...cluster.tlsFlags("alice")],
      ]);
      assert.equal(told.code, 0, told.stderr);
      assert.equal(JSON.parse(told.stdout).cluster_told, true);
      await Deno.writeTextFile(cluster.at("revoked"), `${listed.fingerprint}\n`);
      for (const stream of streams) {
        const failure = await stream.ended;
        assert.ok(failure instanceof Refusal, String(failure));
        assert.ok(["unauthenticated", "unavailable"].includes(failure.reason), failure.message);
      }
      assert.ok(Date.now() >= Date.parse(brief.not_after), "not before it ended");
      await eventually("others go on", async () => {
        const { job } = await client.getJob(jobId);
        return job.status === "running" ? true : undefined;
      });
    } finally {
      client.close();
    }
  }));

Deno.test("development nodes that share a directory find mutual TLS by themselves", () =>
  onHost(async (host) => {
    const cluster = new TlsCluster(host);
    const flags = [
      "--tls",
      "--set=security.tls.skip_verify=false",
      `--set=security.tls.generated_dir=${cluster.at("shared")}`,
    ];
    cluster.startMasters(() => flags);
    cluster.startWorker(flags);
    const listed = await eventually("the worker is known", async () => {
      const answer = await run(["workers", `--addr=${cluster.addresses}`, ...flags]);
      return answer.stdout.includes("w1") ? answer : undefined;
    });
    assert.equal(listed.code, 0);
    const { stdout } = await run(["cluster", "members", `--addr=${cluster.addresses}`, ...flags]);
    for (const { name } of cluster.masters) assert.match(stdout, new RegExp(name));
    const authorities = [...Deno.readDirSync(cluster.at("shared"))]
      .filter(({ name }) => /ca/.test(name)).map(({ name }) => name).sort();
    assert.deepEqual(authorities, ["ca.crt", "development-ca.pem"]);
    for (let waitS = 1;; waitS *= 4) {
      const stranger = await run([
        ...["workers", `--addr=${cluster.addresses}`, "--tls"],
        `--set=grpc.connection_wait=${waitS}s`,
        `--set=security.tls.generated_dir=${cluster.at("elsewhere")}`,
      ]);
      assert.equal(stranger.code, 1, stranger.stdout);
      // On a machine that is busy enough, the time is over before the handshake.
      if (/cannot be connected to: it ended the connection after the TLS/.test(stranger.stderr)) {
        break;
      }
      assert.ok(waitS < 60, stranger.stderr);
    }
  }));

Deno.test("conductor certs makes an authority, and issues, renews, revokes, lists and shows", () =>
  onHost(async (host) => {
    const certs = async (...args: string[]) => {
      const answer = await run(["certs", ...args, `--dir=${host.directory}/ca`, "--output=json"]);
      return { ...answer, json: answer.stdout === "" ? undefined : JSON.parse(answer.stdout) };
    };
    const made = await certs("init");
    assert.equal(made.code, 0, made.stderr);
    const issued = await certs("issue", "--role=master", "m1", "--san=m1.internal,10.0.0.1");
    assert.equal(issued.code, 0, issued.stderr);
    assert.ok(issued.json.sans.includes("m1.internal") && issued.json.sans.includes("10.0.0.1"));
    const [renewed] = (await certs("renew", "m1")).json.certificates;
    assert.notEqual(renewed.serial, issued.json.serial);
    const { json: { revoked } } = await certs(
      "revoke",
      issued.json.serial,
      "--reason=test",
      "--offline",
    );
    assert.deepEqual(
      revoked.map(({ serial, reason }: { serial: string; reason: string }) => [serial, reason]),
      [[issued.json.serial, "test"]],
    );
    const { json: { certificates: list } } = await certs("list");
    assert.deepEqual(list.map(({ state }: { state: string }) => state), ["revoked", "valid"]);
    const { json: { certificates: [shown] } } = await certs("show", "m1");
    assert.deepEqual([shown.roles, shown.uses], [["master"], ["server", "client"]]);
    const again = await certs("init");
    assert.equal(again.code, 1);
    assert.match(again.stderr, /is not empty/);
  }));

Deno.test("a master's pages speak TLS, and show what is not health to those who may see it", () =>
  onHost(async (host) => {
    const cluster = new TlsCluster(host, ["m1"]);
    await cluster.issue("ca1");
    await cluster.issueTo("ca1", "otto", "worker");
    const secret = "mFhHbzy1cNxqHrGCWEqgB5C5qVKj1xj0pQ2xw4yJ8uE=";
    const config = cluster.at("m1.yaml");
    await Deno.writeTextFile(config, "log:\n  level: info\n");
    const [master] = cluster.startMasters((name) => [
      ...cluster.tlsFlags(name),
      `--config=${config}`,
      "--set=security.rbac.enabled=true",
      `--set=security.jwt.secret_key=${secret}`,
    ]);
    const { http = 0 } = cluster.masters[0] ?? {};
    const caCerts = [await Deno.readTextFile(cluster.at("trusted.crt"))];
    const statusFor = async (path: string, who?: string) => {
      const pair = who === undefined ? {} : {
        cert: await Deno.readTextFile(cluster.at("nodes", `${who}.crt`)),
        key: await Deno.readTextFile(cluster.at("nodes", `${who}.key`)),
      };
      using client = Deno.createHttpClient({ caCerts, ...pair });
      const response = await fetch(`https://localhost:${http}${path}`, { client });
      await response.body?.cancel();
      return response.status;
    };
    await eventually(
      "it is ready",
      () => statusFor("/ready").then((code) => code === 200 ? true : undefined, () => undefined),
    );
    assert.equal(await statusFor("/health"), 200);
    assert.equal(await statusFor("/cluster/status"), 401);
    assert.equal(await statusFor("/cluster/status", "alice"), 200);
    assert.equal(await statusFor("/cluster/status", "otto"), 403);
    // The pages' certificate is renewed with the node's.
    const shown = () =>
      new Promise<string>((resolve, reject) => {
        const socket = connectTls({
          host: "127.0.0.1",
          port: http,
          servername: "localhost",
          ca: caCerts,
        });
        socket.once("secureConnect", () => {
          resolve(socket.getPeerCertificate().fingerprint256.replaceAll(":", "").toLowerCase());
          socket.destroy();
        });
        socket.once("error", reject);
      });
    const authority = await CertificateAuthority.open(cluster.at("ca1"));
    const renewed = await authority.renew("m1", { keepsKey: false, nowMs: Date.now() });
    await eventually(
      "the pages show the new certificate",
      async () => await shown() === renewed.fingerprint ? true : undefined,
    );

    // SIGHUP reads everything anew, and a level of the log that is no level changes nothing.
    master?.kill("SIGHUP");
    await cluster.said(["m1"], /"signal":"SIGHUP","msg":"rereading all files"/);
    await Deno.writeTextFile(config, "log:\n  level: loud\n");
    await cluster.said(["m1"], /"what":"configuration".*loud.*cannot be reloaded/);
    assert.doesNotMatch(await cluster.log("m1"), /"level":"debug"/);
    await Deno.writeTextFile(config, "log:\n  level: debug\n");
    await cluster.said(["m1"], /"what":"configuration","msg":"reloaded"/);
    assert.equal(await statusFor("/health"), 200);
  }));
