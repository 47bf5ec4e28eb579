import assert from "node:assert/strict";
import { join } from "node:path";
import { examineConfig, type Role } from "../config/mod.ts";
import type { ClusterHealthView } from "../rpc/mod.ts";
import { CertificateAuthority } from "../security/mod.ts";
import { findingsText } from "./doctor.ts";
import { certificateFindings } from "./doctor_certificates.ts";
import { clockFinding, leaderText, versionFindings, workersFinding } from "./doctor_cluster.ts";
import { findingsOf } from "./doctor_finding.ts";
import {
  descriptorFindings,
  directoriesOf,
  diskFindings,
  listensOn,
  portFinding,
} from "./doctor_host.ts";
import { quorumFinding, settingFindings } from "./doctor_settings.ts";
import { route } from "./router.ts";
import { recording } from "./terminal_test_support.ts";

function configured(role: Role, flags: Record<string, string> = {}) {
  return examineConfig({
    flags,
    env: {},
    readTextFile: () => {
      throw new Error("no file is read");
    },
    role,
  });
}

async function inDirectory(body: (directory: string) => Promise<void> | void): Promise<void> {
  const directory = await Deno.makeTempDir({ prefix: "conductor-doctor-" });
  try {
    await body(directory);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

Deno.test("a port must be free before the node runs, and taken while it does", () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr as Deno.NetAddr;
  try {
    assert.equal(portFinding(["gRPC", "127.0.0.1", port], true).status, "ok");
    const taken = portFinding(["gRPC", "127.0.0.1", port], false);
    assert.equal(taken.status, "fail");
    assert.match(taken.advice, new RegExp(`sport = :${port}`));
  } finally {
    listener.close();
  }
  assert.equal(portFinding(["gRPC", "127.0.0.1", port], false).status, "ok");
  assert.equal(portFinding(["gRPC", "127.0.0.1", port], true).status, "warn");
  assert.equal(portFinding(["gRPC", "192.0.2.1", port], false).status, "fail");
});

Deno.test("every port that a role listens on is looked at, and none that is switched off", () => {
  const names = (role: "master" | "worker", flags = {}) =>
    listensOn(configured(role, flags).config, role).map(([name]) => name);
  assert.deepEqual(names("master"), ["gRPC", "Raft", "HTTP", "metrics"]);
  assert.deepEqual(names("master", { "metrics.enabled": "false" }), ["gRPC", "Raft", "HTTP"]);
});

Deno.test("a node's own directories are looked at, a worker's too", () => {
  const flags = {
    "cluster.data_dir": "/data",
    "cluster.raft_dir": "/log",
    "worker.data_dir": "/work",
    "worker.worker_id": "w1",
  };
  const of = (role: Role) => directoriesOf(configured(role, flags).config, role);
  assert.deepEqual([of("master"), of("worker"), of("client")], [
    ["/log", "/data"],
    [join("/work", "w1")],
    [],
  ]);
});

Deno.test("what is a risk is told where others can reach the node, and not where they cannot", () => {
  const subjects = (flags: Record<string, string>) =>
    settingFindings(configured("master", flags)).map(({ subject }) => subject);
  assert.deepEqual(subjects({}), []);
  assert.deepEqual(
    subjects({ "cluster.grpc_bind_host": "0.0.0.0", "cluster.data_dir": "/var/x" }),
    [
      "security.tls.enabled",
      "security.rbac.enabled",
      "security.rate_limit.enabled",
    ],
  );
  assert.deepEqual(subjects({ "cluster.bind_addr": "10.0.0.1:7000" }), [
    "security.tls.enabled",
    "security.raft_tls.enabled",
    "security.rbac.enabled",
    "security.rate_limit.enabled",
    "cluster.data_dir",
  ]);
  assert.deepEqual(subjects({ "log.audit_enabled": "false" }), ["log.audit_enabled"]);
});

Deno.test("an even number of voters is one too many or too few", () => {
  assert.deepEqual([1, 2, 3, 4, 5].map((voters) => quorumFinding(voters).status), [
    "ok",
    "warn",
    "ok",
    "warn",
    "ok",
  ]);
  assert.match(quorumFinding(4).found, /1 may be lost/);
});

Deno.test("a voter that is away is a loss that the cluster has had already", () => {
  const [one, two] = [quorumFinding(3, 1), quorumFinding(5, 1)];
  assert.deepEqual([one.status, two.status], ["warn", "warn"]);
  assert.match(one.found, /^3 of the members vote, and 1 of them is away: none more may be lost$/);
  assert.match(two.found, /and 1 of them is away: 1 more may be lost$/);
});

Deno.test("few file descriptors are told of, with how to have more", () => {
  const limits = (soft: string) =>
    `Limit  Soft  Hard  Units\nMax open files  ${soft}  1048576  files\n`;
  const statuses = ["64", "1024", "65536", "unlimited"].map((soft) =>
    descriptorFindings(limits(soft))[0]?.status
  );
  assert.deepEqual(statuses, ["fail", "warn", "ok", "ok"]);
  assert.match(descriptorFindings(limits("64"))[0]!.advice, /ulimit -n/);
  assert.deepEqual(descriptorFindings(""), []);
});

Deno.test("a disk is measured, one that is still to be made by what is above it, and nothing is left", () =>
  inDirectory((directory) => {
    const findings = diskFindings(join(directory, "not", "yet"));
    assert.ok(findings.some(({ found }) => /MiB free/.test(found)));
    assert.ok(findings.some(({ found }) => /an fsync of 4 KiB takes \d+\.\d ms/.test(found)));
    assert.deepEqual([...Deno.readDirSync(directory)], []);
    Deno.chmodSync(directory, 0o755);
    const open = diskFindings(directory).find(({ found }) => /other users/.test(found));
    if (Deno.build.os !== "windows") assert.equal(open?.advice, `chmod 700 ${directory}`);
  }));

Deno.test("a clock differs by what cannot be the way there and back", () => {
  const asked = { beginMs: 100_000, endMs: 100_200 };
  const table: [number, string, RegExp][] = [
    [100_100, "ok", /within 0 ms/],
    [99_700, "ok", /within 300 ms/],
    [98_000, "warn", /2\.0 s behind/],
    [103_200, "warn", /3\.0 s ahead of/],
    [200_000, "fail", /99\.8 s ahead of/],
  ];
  for (const [theirs, status, found] of table) {
    const finding = clockFinding("m1", theirs, asked);
    assert.equal(finding.status, status, String(theirs));
    assert.match(finding.found, found);
  }
});

Deno.test("members, and this program, should be of one version", () => {
  const members = (...versions: string[]) =>
    versions.map((version, at) => ({ id: `m${at}`, version }));
  assert.equal(versionFindings(members("1.0", "1.0", ""), "1.0")[0]?.status, "ok");
  assert.match(versionFindings(members("1.0", "1.1"), "1.0")[0]!.found, /m0 1\.0, m1 1\.1/);
  assert.equal(versionFindings(members("1.0"), "1.1")[0]?.status, "warn");
});

Deno.test("certificates are sound, or ending, or of no use, and each is told", () =>
  inDirectory(async (directory) => {
    const DAY_MS = 86_400_000;
    const options = { keyType: "ecdsa-p256", passphrase: undefined } as const;
    const authority = await CertificateAuthority.create(join(directory, "ca"), {
      ...options,
      commonName: "test",
      lifeMs: 3650 * DAY_MS,
      nowMs: Date.now(),
    });
    const found = async (name: string, lifeMs: number, agoMs = 0) => {
      const record = await authority.issue({
        ...options,
        name,
        role: "worker",
        sans: ["127.0.0.1"],
        lifeMs,
        directory: undefined,
        nowMs: Date.now() - agoMs,
      });
      const findings = await certificateFindings(configured("worker", {
        "security.tls.enabled": "true",
        "security.tls.skip_verify": "false",
        "security.tls.auto_generate": "false",
        "security.tls.cert_file": record.cert_file,
        "security.tls.key_file": record.key_file,
        "security.tls.ca_file": authority.certificateFile,
      }));
      return findings.map(({ status, found }) => `${status}: ${found}`).join("\n");
    };
    assert.match(await found("sound", 365 * DAY_MS), /^ok: "sound" ends .*, in 36[45] days$/);
    assert.match(
      await found("ending", 100 * DAY_MS, 90 * DAY_MS),
      /^warn: "ending" ends .*, in \d days$/,
    );
    assert.match(await found("over", 10 * DAY_MS, 20 * DAY_MS), /^fail: .*(ended|expired)/);
    const missing = await certificateFindings(configured("worker", {
      "security.tls.enabled": "true",
      "security.tls.auto_generate": "false",
      "security.tls.cert_file": join(directory, "none.crt"),
      "security.tls.key_file": join(directory, "none.key"),
      "security.tls.ca_file": join(directory, "none.crt"),
    }));
    assert.equal(missing[0]?.status, "fail");
    assert.match(missing[0]!.found, /none\.crt/);
  }));

Deno.test("a master is told when its certificate is not for the name by which masters are known", () =>
  inDirectory(async (directory) => {
    const DAY_MS = 86_400_000;
    const options = { keyType: "ecdsa-p256", passphrase: undefined, nowMs: Date.now() } as const;
    const authority = await CertificateAuthority.create(join(directory, "ca"), {
      ...options,
      commonName: "test",
      lifeMs: 3650 * DAY_MS,
    });
    const record = await authority.issue({
      ...options,
      name: "m1",
      role: "master",
      sans: ["m1.example.org", "*.masters.example.org"],
      lifeMs: 365 * DAY_MS,
      directory: undefined,
    });
    const statuses = async (name: string) => {
      const findings = await certificateFindings(configured("master", {
        "security.tls.enabled": "true",
        "security.tls.auto_generate": "false",
        "security.tls.cert_file": record.cert_file,
        "security.tls.key_file": record.key_file,
        "security.tls.ca_file": authority.certificateFile,
        "security.tls.server_name": name,
      }));
      return findings.map(({ subject, status, found }) =>
        `${subject} ${status} ${found.includes("and not for") ? "name" : "time"}`
      );
    };
    const sound = ["security.tls ok time", "security.raft_tls ok time"];
    for (const name of ["", "M1.example.org", "a.masters.example.org", "conductor"]) {
      assert.deepEqual(await statuses(name), sound, name);
    }
    assert.deepEqual(await statuses("b.a.masters.example.org"), [
      "security.tls warn name",
      "security.tls ok time",
      "security.raft_tls fail name",
      "security.raft_tls ok time",
    ]);
  }));

Deno.test("what is to be done stands below what was found, and only where something is", () => {
  const { ok, fail } = findingsOf("port");
  const sheet = { style: recording().out.style, columns: 40 };
  const text = findingsText([ok("a", "free", "nothing"), fail("b", "taken", "end it")], sheet);
  assert.equal(
    text,
    "      CHECK  OF  FOUND\nok    port   a   free\nFAIL  port   b   taken\n      end it\n",
  );
});

Deno.test("a finding of several lines stands on one", () => {
  const { fail } = findingsOf("configuration");
  const { style } = recording().out;
  assert.equal(
    findingsText([fail("all", "It is wrong:\n  here\r\nand \u001bthere", "mend\nit")], {
      style,
      columns: 40,
    }),
    "      CHECK          OF   FOUND\n" +
      "FAIL  configuration  all  It is wrong: here and \\u001bthere\n      mend it\n",
  );
});

Deno.test("a configuration file that is not there is one finding, with its name", async () => {
  const terminal = recording();
  const args = ["--role=client", "--config=no-such.yaml"];
  assert.equal(await route(["doctor", ...args, "--output=json"], terminal), 1);
  const found = JSON.parse(terminal.written.out).checks
    .filter(({ check }: { check: string }) => check === "configuration");
  assert.deepEqual(found, [{
    check: "configuration",
    subject: "no-such.yaml",
    status: "fail",
    found: "no-such.yaml cannot be read: No such file or directory (flag --config). Name a YAML " +
      "file that is there.",
    advice: "correct it, and ask again",
  }]);
});

Deno.test("one member is not called members", () => {
  const members = (count: number) => new Array(count).fill({}) as ClusterHealthView["members"];
  assert.equal(leaderText({ leaderId: "m1", members: members(1) }), "m1 leads 1 member");
  assert.equal(leaderText({ leaderId: "m1", members: members(3) }), "m1 leads 3 members");
});

Deno.test("no worker is a warning to who is told of all of them, and not to callers confined to namespaces", () => {
  const none = { workers: 0, activeWorkers: 0 };
  assert.equal(workersFinding(none, false).status, "warn");
  assert.equal(workersFinding(none, true).status, "ok");
  assert.match(workersFinding(none, true).found, /not told to a caller confined to namespaces/);
  assert.equal(workersFinding({ workers: 2, activeWorkers: 1 }, true).found, "1 active of 2");
});

Deno.test("a client that reaches nobody is told so, with what to do, and it exits 1", async () => {
  const terminal = recording();
  const args = ["--role=client", "--addr=127.0.0.1:1", "--set=raft.xyzzy=1", "--output=json"];
  assert.equal(await route(["doctor", ...args], terminal), 1);
  const { healthy, checks } = JSON.parse(terminal.written.out);
  assert.equal(healthy, false);
  const cluster = checks.find(({ check }: { check: string }) => check === "cluster");
  assert.equal(cluster.status, "fail");
  assert.match(cluster.advice, /start a master/);
  const wrong = checks.find(({ check }: { check: string }) => check === "configuration");
  assert.match(wrong.found, /raft\.xyzzy/);
});
