import assert from "node:assert/strict";
import { join } from "node:path";
import { unpackTar } from "modern-tar";
import { contentsOf } from "./debug_bundle.ts";
import { secretVariables } from "./debug_parts.ts";
import { route } from "./router.ts";
import { type ClusterHealthView, Refusal } from "../rpc/mod.ts";
import { startTestMaster } from "../rpc/server_test_support.ts";
import { recording } from "./terminal_test_support.ts";

const CANARY = "c4n4ry-0123456789";

/** A follower that hears of no leader. */
const LEADERLESS: ClusterHealthView = {
  ...{ nodeId: "m2", clusterId: "c", version: "0", leaderId: "", leaderAddress: "" },
  ...{ isLeader: false, raftState: "Follower", term: 2, commitIndex: 1, appliedIndex: 1 },
  ...{ workers: 1, activeWorkers: 0, pendingJobs: 0, runningJobs: 0, deadLetters: 0 },
  ...{ members: [], nowMs: 1 },
};

/** Every file of a bundle, by its name without the archive's own directory. */
async function unpacked(file: string): Promise<Map<string, string>> {
  const stream = new Blob([await Deno.readFile(file)]).stream()
    .pipeThrough(new DecompressionStream("gzip"));
  const entries = await unpackTar(await new Response(stream).bytes());
  const decoder = new TextDecoder();
  return new Map(
    entries.map(({ header, data }) =>
      [header.name.replace(/^[^/]+\//, ""), decoder.decode(data)] as const
    ),
  );
}

Deno.test("a bundle holds what can be had, says what cannot, and no secret from anywhere", async () => {
  const directory = await Deno.makeTempDir({ prefix: "conductor-bundle-" });
  try {
    const log = join(directory, "master.log");
    const jwt = `eyJhbGciOiJIUzI1NiJ9.${CANARY}.x`;
    await Deno.writeTextFile(
      log,
      `begins\n{"token":"${CANARY}-other"}\nkey ${CANARY} ${jwt}\nends\n`,
    );
    const file = join(directory, "bundle.tar.gz");
    const terminal = recording();
    const args = [
      "debug",
      "bundle",
      file,
      `--log=${log}`,
      `--data-dir=${directory}`,
      `--set=security.jwt.secret_key=${CANARY}`,
      `--token=${CANARY}-token`,
      "--addr=127.0.0.1:1",
      "--http-port=1",
      "--output=json",
    ];
    assert.equal(await route(args, terminal), 0, terminal.written.err);
    const { files } = JSON.parse(terminal.written.out);
    const missing = files.filter((each: { missing: string | null }) => each.missing !== null)
      .map(({ name }: { name: string }) => name);
    assert.ok(missing.includes("cluster.json") && missing.includes("raft.json"), missing);
    if (Deno.build.os !== "windows") {
      assert.equal((await Deno.stat(file)).mode! & 0o777, 0o600);
    }
    const parts = await unpacked(file);
    assert.deepEqual(
      [...parts.keys()].sort(),
      [
        "config.json",
        "doctor.json",
        "environment.json",
        "log-1.txt",
        "manifest.json",
        "version.json",
      ],
    );
    for (const [name, text] of parts) assert.ok(!text.includes(CANARY), `${name}: ${text}`);
    const kept = parts.get("log-1.txt")!;
    assert.ok(kept.startsWith("begins\n") && kept.endsWith("\nends\n"), kept);
    assert.match(parts.get("config.json")!, /"security\.jwt\.secret_key"/);
    assert.match(parts.get("manifest.json")!, /refuses connections|no master could be reached/);

    const again = recording();
    assert.equal(await route(args, again), 2);
    assert.match(again.written.err, /is there already; .* --force/);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

Deno.test("a bundle has the node's own log, by whatever name, or says that it is not there", async () => {
  const directory = await Deno.makeTempDir({ prefix: "conductor-bundle-" });
  try {
    // As `log.output: m1.log` in a node's configuration, which means the directory it runs in.
    await Deno.writeTextFile(join(directory, "m1.log"), "what the node said\n");
    const bundled = async (output: string) => {
      const file = join(directory, "b.tar.gz");
      const args = ["debug", "bundle", file, "--force", `--set=log.output=${output}`];
      const asked = ["--addr=127.0.0.1:1", "--http-port=1", "--output=json"];
      const { files } = JSON.parse(await saidIn(directory, [...args, ...asked]));
      const log = files.find(({ name }: { name: string }) => name === "log-1.txt");
      return { log, text: (await unpacked(file)).get("log-1.txt") };
    };
    assert.equal((await bundled("m1.log")).text, "what the node said\n");
    const { log, text } = await bundled("m2.log");
    assert.equal(text, undefined);
    assert.equal(log.missing, `there is no ${join(directory, "m2.log")}; name it by --log FILE`);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

/** What the program prints there: in a process of its own, since tests that run beside this one share theirs. */
async function saidIn(directory: string, args: readonly string[]): Promise<string> {
  const root = new URL("../../", import.meta.url);
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "--quiet", "--no-check", "--allow-all"],
      `--config=${new URL("deno.json", root).pathname}`,
      ...[new URL("main.ts", root).pathname, ...args],
    ],
    cwd: directory,
  }).output();
  assert.equal(code, 0, new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout);
}

Deno.test("what the environment holds under a secret's name is one, and a place of one is not", () => {
  const found = secretVariables({
    CONDUCTOR_PAYLOAD_KEY: "k-123456",
    OTEL_EXPORTER_OTLP_HEADERS: "api-key=h-123456,x=h-654321",
    AWS_SECRET_ACCESS_KEY: "a-123456",
    CONDUCTOR_TOKEN_FILE: "/etc/conductor/token",
    HOME: "/root",
    GITHUB_TOKEN: "",
  });
  for (const value of ["k-123456", "h-123456", "h-654321", "a-123456"]) {
    assert.ok(found.includes(value), value);
  }
  assert.ok(!found.includes("/etc/conductor/token") && !found.includes("/root"));
  assert.ok(!found.includes(""));
});

Deno.test("where nobody leads, a bundle has the jobs of the master that answers, and waits for no leader", async () => {
  const askedForLeader: string[] = [];
  const ofLeader = (name: string) => () => {
    askedForLeader.push(name);
    throw new Refusal("not_leader", "nobody leads");
  };
  await using master = await startTestMaster({
    clusterHealth: () => Promise.resolve(LEADERLESS),
    listWorkers: ofLeader("workers"),
    listStandings: ofLeader("standings"),
    listJobs: ({ stale }) => {
      if (!stale) throw new Refusal("not_leader", "nobody leads");
      return Promise.resolve({ jobs: [], total: 0, totalIsExact: true, nextCursor: "" });
    },
  });
  const directory = await Deno.makeTempDir({ prefix: "conductor-bundle-" });
  try {
    const file = join(directory, "bundle.tar.gz");
    const terminal = recording();
    const args = ["debug", "bundle", file, `--addr=${master.address}`, "--http-port=1"];
    assert.equal(await route([...args, "--output=json"], terminal), 0, terminal.written.err);
    const parts = await unpacked(file);
    assert.equal(parts.get("jobs.json"), "[]\n");
    assert.equal(JSON.parse(parts.get("cluster.json")!).raft_state, "Follower");
    assert.deepEqual(askedForLeader, []);
    const { files } = JSON.parse(terminal.written.out);
    for (const part of ["workers.json", "queues.json", "types.json", "members.json"]) {
      const { missing } = files.find(({ name }: { name: string }) => name === part);
      assert.match(missing, /^nobody leads, as far as m2 knows/, part);
    }
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

Deno.test("a worker's bundle has the worker's own metrics, which are among its pages, and no master's", async () => {
  const serve = (says: string) =>
    Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen() {} },
      (request) => new Response(`${says} ${new URL(request.url).pathname}`),
    );
  await using worker = serve("worker");
  await using master = serve("master");
  const directory = await Deno.makeTempDir({ prefix: "conductor-bundle-" });
  try {
    const file = join(directory, "bundle.tar.gz");
    const terminal = recording();
    const ports = [
      `--http-port=${worker.addr.port}`,
      `--set=metrics.port=${master.addr.port}`,
      `--set=worker.data_dir=${directory}`,
    ];
    const args = ["debug", "bundle", file, "--role=worker", "--addr=127.0.0.1:1", ...ports];
    assert.equal(await route(args, terminal), 0, terminal.written.err);
    const parts = await unpacked(file);
    assert.equal(parts.get("metrics.txt"), "worker /metrics");
    assert.equal(parts.get("ready.txt"), "worker /ready");
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

Deno.test("what holds the process up is made when all that asks somebody has its answer", async () => {
  const made: string[] = [];
  const answer = Promise.withResolvers<string>();
  const part = (name: string, make: () => string | Promise<string>, holdsUp = false) => ({
    ...{ name, what: "", holdsUp },
    make() {
      made.push(name);
      return make();
    },
  });
  const parts = [
    part("files", () => "", true),
    part("asked", () => {
      setTimeout(() => answer.resolve("told"));
      return answer.promise;
    }),
    part("refused", () => {
      throw new Error("no");
    }),
  ];
  const contents = await contentsOf(parts, (text) => text, (name) => made.push(`${name} done`));
  assert.deepEqual(made.filter((each) => each !== "refused"), [
    ...["asked", "refused done", "asked done", "files", "files done"],
  ]);
  assert.deepEqual(contents.map(({ text, missing }) => missing ?? text), ["", "told", "no"]);
});

Deno.test("a bundle is not written to a terminal", async () => {
  const terminal = recording({ isTerminal: true });
  assert.equal(await route(["debug", "bundle", "-"], terminal), 2);
  assert.equal(terminal.written.out, "");
});
