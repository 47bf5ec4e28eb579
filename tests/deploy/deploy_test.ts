/** What deploy/ says is held against the configuration that it means, and against itself. */

import assert from "node:assert/strict";
import { examineConfig, splitMember } from "../../src/config/mod.ts";
import {
  composeServices,
  type Deployed,
  environmentFile,
  type Labels,
  manifestsIn,
  podEnvironment,
} from "./environments.ts";

const DEPLOY = new URL("../../deploy/", import.meta.url);

/** The configuration that a node would run with; fails where it would refuse it, or warn of an unknown key. */
function configurationOf({ name, role, env }: Deployed) {
  const examined = examineConfig({ role, env, flags: {}, readTextFile: refuseFiles });
  assert.deepEqual(examined.faults, [], name);
  assert.deepEqual(
    examined.warnings.filter((warning) => warning.includes("CONDUCTOR_")),
    [],
    `${name}: variables that no key has`,
  );
  return examined.config;
}

function refuseFiles(path: string): never {
  throw new Error(`no file was to be read: ${path}`);
}

/** Each founding master is one that is deployed, at the address that it tells its peers. */
function assertFoundsItself(masters: readonly ReturnType<typeof configurationOf>[]): void {
  assert.equal(masters.length, 3);
  const deployed = masters.map(({ cluster }) => `${cluster.nodeId}=${cluster.advertiseAddr}`)
    .sort();
  for (const { cluster } of masters) {
    assert.deepEqual([...cluster.initialCluster].sort(), deployed);
    for (const member of cluster.initialCluster) assert.ok(splitMember(member), member);
    assert.equal(cluster.bootstrap, false);
  }
}

Deno.test("the compose file starts three masters that found one cluster, and workers that know all of them", async () => {
  const services = await composeServices(new URL("docker/compose.yaml", DEPLOY));
  const masters = services.filter(({ role }) => role === "master").map(configurationOf);
  assertFoundsItself(masters);
  const addresses = masters.map(({ cluster }) => cluster.grpcAdvertiseAddr).sort();
  const workers = services.filter(({ role }) => role === "worker").map(configurationOf);
  assert.equal(workers.length, 2);
  assert.equal(new Set(workers.map(({ worker }) => worker.workerId)).size, 2);
  for (const { worker } of workers) assert.deepEqual([...worker.masterAddrs].sort(), addresses);
});

Deno.test("systemd's example environments are configurations of production", async () => {
  const master = configurationOf(
    await environmentFile(new URL("systemd/master.env.example", DEPLOY), "master", [
      "CONDUCTOR_JWT_SECRET",
    ]),
  );
  assert.ok(master.security.rbac.enabled && master.security.tls.enabled);
  assert.ok(master.cluster.initialCluster.includes(`master-1=${master.cluster.advertiseAddr}`));
  const worker = configurationOf(
    await environmentFile(new URL("systemd/worker.env.example", DEPLOY), "worker", [
      "CONDUCTOR_TOKEN",
    ]),
  );
  assert.ok(worker.worker.masterAddrs.includes(master.cluster.grpcAdvertiseAddr));
  const drainsMs = worker.worker.drainTimeoutMs + worker.worker.shutdownDelayMs +
    worker.worker.killGraceMs;
  const unit = await Deno.readTextFile(new URL("systemd/conductor-worker.service", DEPLOY));
  const stopsAfterS = Number(/^TimeoutStopSec=(\d+)$/m.exec(unit)?.[1]);
  assert.ok(stopsAfterS * 1000 > drainsMs, "systemd waits until a worker has drained");
});

Deno.test("the manifests run three masters that found one cluster, and workers, in production", async () => {
  const manifests = await manifestsIn(new URL("kubernetes/", DEPLOY));
  const find = (kind: string, name: string) => {
    const found = manifests.find((each) => each.kind === kind && each.metadata.name === name);
    assert.ok(found, `${kind} ${name}`);
    return found;
  };
  const configuration = find("ConfigMap", "conductor").data ?? {};
  const masterPod = find("StatefulSet", "master").spec?.template?.spec.containers[0];
  const workerPod = find("Deployment", "worker").spec?.template?.spec.containers[0];
  assert.ok(masterPod && workerPod);
  const masters = [0, 1, 2].map((ordinal) =>
    configurationOf({
      name: `master-${ordinal}`,
      role: "master",
      env: podEnvironment(masterPod, configuration, `master-${ordinal}`),
    })
  );
  assertFoundsItself(masters);
  const worker = configurationOf({
    name: "a worker",
    role: "worker",
    env: podEnvironment(workerPod, configuration, "worker-x1"),
  });
  assert.deepEqual(
    [...worker.worker.masterAddrs].sort(),
    masters.map(({ cluster }) => cluster.grpcAdvertiseAddr).sort(),
  );
  for (const config of [...masters, worker]) assert.ok(config.security.tls.enabled);
});

Deno.test("what the manifests name is there: labels, ports, volumes, probes", async () => {
  const manifests = await manifestsIn(new URL("kubernetes/", DEPLOY));
  const pods = manifests.flatMap(({ spec }) => spec?.template ?? []);
  assert.equal(pods.length, 2);
  const isChosenBy = (labels: Labels, selector: Labels) =>
    Object.entries(selector).every(([name, value]) => labels[name] === value);
  for (const { kind, metadata, spec } of manifests) {
    const selector = kind === "Service" ? spec?.selector : spec?.selector?.matchLabels;
    if (selector === undefined) continue;
    const chosen = pods.filter((pod) => isChosenBy(pod.metadata.labels, selector as Labels));
    assert.equal(chosen.length, 1, `${kind} ${metadata.name} is for one kind of pods`);
    const names = chosen[0]?.spec.containers[0]?.ports.map(({ name }) => name) ?? [];
    for (const { targetPort } of spec?.ports ?? []) {
      assert.ok(names.includes(targetPort), targetPort);
    }
  }
  for (const { kind, metadata, spec } of manifests) {
    const pod = spec?.template?.spec;
    if (pod === undefined) continue;
    const where = `${kind} ${metadata.name}`;
    assert.ok(pod.securityContext.runAsNonRoot && pod.securityContext.runAsUser > 0, where);
    const volumes = [
      ...pod.volumes.map(({ name }) => name),
      ...spec?.volumeClaimTemplates?.map((claim) => claim.metadata.name) ?? [],
    ];
    for (const container of pod.containers) {
      assert.equal(container.securityContext.readOnlyRootFilesystem, true, where);
      assert.equal(container.securityContext.allowPrivilegeEscalation, false, where);
      assert.deepEqual(
        container.volumeMounts.map(({ name }) => name).sort(),
        volumes.sort(),
        where,
      );
      for (
        const [probe, path] of [["startupProbe", "/health"], ["readinessProbe", "/ready"]] as const
      ) {
        const { httpGet } = container[probe];
        assert.equal(httpGet.path, path, where);
        assert.ok(container.ports.some(({ name }) => name === httpGet.port), where);
      }
    }
  }
});

Deno.test("the Dockerfile pins what it builds from, runs as nobody's root and copies what there is", async () => {
  const text = await Deno.readTextFile(new URL("docker/Dockerfile", DEPLOY));
  const instructions = text.replaceAll(/^#.*\n/gm, "").replaceAll(/\\\n\s*/g, "").split("\n")
    .filter((line) => line !== "");
  for (const from of instructions.filter((line) => line.startsWith("FROM "))) {
    assert.match(from, /^FROM [a-z]+:[a-z0-9.]+-?[a-z-]*( AS [a-z]+)?$/);
    assert.doesNotMatch(from, /:latest/);
  }
  const pinned = /deno@([\d.]+)/.exec(text)?.[1];
  assert.match(
    await Deno.readTextFile(new URL("../.ci/run", DEPLOY)),
    new RegExp(`version=${pinned}`),
  );
  assert.match(
    instructions.findLast((line) => line.startsWith("USER ")) ?? "",
    /^USER [1-9]\d*:[1-9]\d*$/,
  );
  assert.ok(instructions.some((line) => line.startsWith("HEALTHCHECK ")));
  const ignored = await Deno.readTextFile(new URL("docker/Dockerfile.dockerignore", DEPLOY));
  for (const line of instructions.filter((line) => /^COPY (?!--from)/.test(line))) {
    for (const source of line.split(" ").slice(1, -1)) {
      await Deno.stat(new URL(`../${source}`, DEPLOY));
      assert.ok(ignored.includes(`\n!${source}\n`), `${source} is sent to the builder`);
    }
  }
});

const hasAnalyzer = await new Deno.Command("systemd-analyze", {
  args: ["--version"],
  stdout: "null",
})
  .output().then(({ success }) => success, () => false);

Deno.test({
  name: "systemd finds nothing wrong with the units, and little that they expose",
  ignore: !hasAnalyzer,
  async fn() {
    const directory = await Deno.makeTempDir({ prefix: "conductor-units-" });
    try {
      for (const role of ["master", "worker"]) {
        const unit = await Deno.readTextFile(new URL(`systemd/conductor-${role}.service`, DEPLOY));
        // What it starts need not be installed where its unit is looked at.
        const path = `${directory}/conductor-${role}.service`;
        await Deno.writeTextFile(path, unit.replace("/usr/local/bin/conductor", "/bin/true"));
        const verified = await analyze("verify", path);
        assert.equal(verified.said, "");
        const { said } = await analyze("security", "--offline=yes", "--threshold=20", path);
        assert.match(said, /Overall exposure level for .*: 1\.\d OK/);
      }
    } finally {
      await Deno.remove(directory, { recursive: true });
    }
  },
});

async function analyze(...args: string[]) {
  const { success, stdout, stderr } = await new Deno.Command("systemd-analyze", {
    args: ["--no-pager", ...args],
    env: { SYSTEMD_COLORS: "0", SYSTEMD_EMOJI: "0", LANG: "C" },
  }).output();
  const said = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
  assert.ok(success, said);
  return { said };
}
