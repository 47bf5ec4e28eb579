/** What keeps a cluster up under Kubernetes and Compose, and what hadolint would say of the image. */

import assert from "node:assert/strict";
import { parse } from "yaml";
import { examineConfig } from "../../src/config/mod.ts";
import { composeServices, manifestsIn, podEnvironment } from "./environments.ts";

const DEPLOY = new URL("../../deploy/", import.meta.url);

/** How long a worker of such an environment may take to stop, in ms. */
function drainMs(env: Readonly<Record<string, string>>): number {
  const { worker } = examineConfig({
    role: "worker",
    env,
    flags: {},
    readTextFile: () => assert.fail("no file was to be read"),
  }).config;
  return worker.drainTimeoutMs + worker.shutdownDelayMs + worker.killGraceMs;
}

Deno.test("pods of workers have longer to stop than those drain, and all have bounds, probes and nodes apart", async () => {
  const manifests = await manifestsIn(new URL("kubernetes/", DEPLOY));
  const configuration = manifests.find(({ kind }) => kind === "ConfigMap")?.data ?? {};
  const pods = manifests.filter(({ spec }) => spec?.template !== undefined);
  assert.deepEqual(pods.map(({ kind }) => kind).sort(), ["Deployment", "StatefulSet"]);
  for (const { kind, metadata, spec } of pods) {
    const where = `${kind} ${metadata.name}`;
    const { metadata: { labels }, spec: pod } = spec!.template!;
    const [container] = pod.containers;
    if (kind === "Deployment") {
      const stopsMs = drainMs(podEnvironment(container!, configuration, "pod-0"));
      assert.ok(pod.terminationGracePeriodSeconds * 1000 > stopsMs, where);
    }
    const { resources } = container!;
    assert.ok(resources.requests?.cpu && resources.requests.memory, where);
    assert.ok(resources.limits?.memory, `${where}: one that leaks ends no neighbour`);
    assert.ok(
      container!.livenessProbe.httpGet.path === "/health",
      `${where}: one that waits for a leader is alive`,
    );
    const selectors = [
      ...pod.affinity?.podAntiAffinity.requiredDuringSchedulingIgnoredDuringExecution ?? [],
      ...pod.topologySpreadConstraints ?? [],
    ];
    assert.ok(selectors.length > 0, `${where}: not all on one node`);
    for (const { topologyKey, labelSelector } of selectors) {
      assert.equal(topologyKey, "kubernetes.io/hostname");
      assert.deepEqual(labelSelector.matchLabels, labels, where);
    }
    const budget = manifests.find((each) =>
      each.kind === "PodDisruptionBudget" &&
      each.spec?.selector?.matchLabels?.["app.kubernetes.io/component"] ===
        labels["app.kubernetes.io/component"]
    );
    assert.equal(budget?.spec?.maxUnavailable, 1, where);
    for (const { name, secret } of pod.volumes) {
      if (secret === undefined) continue;
      // YAML 1.2, as it is read here, takes 0440 for decimal; Kubernetes reads YAML 1.1.
      assert.equal(
        secret.defaultMode,
        440,
        `${where}: ${name} is for the pod's group, and no other`,
      );
      const mount = container!.volumeMounts.find((each) => each.name === name);
      assert.equal(mount?.readOnly, true, `${where}: ${name}`);
    }
  }
});

Deno.test("peers find a master before it is ready, by the service that the set names", async () => {
  const manifests = await manifestsIn(new URL("kubernetes/", DEPLOY));
  const set = manifests.find(({ kind }) => kind === "StatefulSet");
  const service = manifests.find(({ kind, metadata }) =>
    kind === "Service" && metadata.name === set?.spec?.serviceName
  );
  assert.equal(service?.spec?.clusterIP, "None");
  assert.equal(service.spec.publishNotReadyAddresses, true);
});

Deno.test("containers of the compose file have as long to stop as a worker drains, and little else", async () => {
  const path = new URL("docker/compose.yaml", DEPLOY);
  const { services, volumes } = parse(await Deno.readTextFile(path), { merge: true }) as {
    readonly services: Readonly<Record<string, Record<string, unknown>>>;
    readonly volumes: Readonly<Record<string, unknown>>;
  };
  const longestMs = Math.max(
    ...(await composeServices(path)).filter(({ role }) => role === "worker")
      .map(({ env }) => drainMs(env)),
  );
  for (const [name, service] of Object.entries(services)) {
    const stopsS = /^(\d+)s$/.exec(String(service["stop_grace_period"]))?.[1];
    assert.ok(Number(stopsS) * 1000 > longestMs, `${name}: ${longestMs} ms`);
    assert.equal(service["read_only"], true, name);
    assert.deepEqual(service["cap_drop"], ["ALL"], name);
    for (const volume of service["volumes"] as string[]) {
      assert.ok(volume.split(":")[0]! in volumes, volume);
    }
    for (const port of service["ports"] as string[] ?? []) assert.match(port, /^127\.0\.0\.1:/);
  }
});

Deno.test("the Dockerfile keeps those of hadolint's rules that a text shows", async () => {
  const text = await Deno.readTextFile(new URL("docker/Dockerfile", DEPLOY));
  const instructions = text.replaceAll(/^#.*\n/gm, "").replaceAll(/\\\n\s*/g, "").trim().split(
    "\n",
  );
  const rules: readonly [string, RegExp][] = [
    ["DL3000 WORKDIR is absolute", /^WORKDIR (?!\/)/],
    ["DL3002 the last user is not root", /^USER (root|0)\b/],
    ["DL3003 WORKDIR, not cd", /^RUN (.*&& *)?cd /],
    ["DL3004 no sudo", /^RUN .*\bsudo\b/],
    ["DL3007 no :latest", /^FROM \S+:latest/],
    [
      "DL3009 apt's lists are removed",
      /^RUN (?=.*apt-get update)(?!.*rm -rf \/var\/lib\/apt\/lists)/,
    ],
    ["DL3014 apt-get install -y", /^RUN (?=.*apt-get install)(?!.*apt-get install -y)/],
    ["DL3015 no recommended packages", /^RUN (?=.*apt-get install)(?!.*--no-install-recommends)/],
    ["DL3016 npm's packages have versions", /^RUN .*npm install.* [a-z][\w-]*( |$)(?!.*@\d)/],
    ["DL3020 COPY, not ADD", /^ADD /],
    ["DL3025 CMD and ENTRYPOINT in JSON", /^(CMD|ENTRYPOINT) (?!\[)/],
    ["DL3027 apt-get, not apt", /^RUN (.*&& *)?apt /],
    ["DL4000 no MAINTAINER", /^MAINTAINER /],
    ["DL4006 a pipe that fails is seen", /^RUN [^|]*[^|]\|[^|]/],
  ];
  for (const [rule, broken] of rules) {
    for (const line of instructions) assert.doesNotMatch(line, broken, rule);
  }
  const froms = instructions.filter((line) => line.startsWith("FROM "));
  const named = froms.map((line) => / AS (\w+)$/.exec(line)?.[1]);
  assert.equal(new Set(named).size, froms.length, "DL3024 stages have names of their own");
  for (const line of instructions.filter((each) => each.startsWith("COPY --from="))) {
    assert.ok(named.includes(/--from=(\w+)/.exec(line)?.[1]), "DL3022 it is copied from a stage");
  }
  for (const once of ["CMD ", "ENTRYPOINT ", "HEALTHCHECK "]) {
    assert.equal(instructions.filter((line) => line.startsWith(once)).length, 1, once);
  }
});
