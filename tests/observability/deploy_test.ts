/** What `deploy/` holds for Prometheus and Grafana, against what nodes measure and what promtool says. */

import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { parse } from "yaml";
import { describeMetrics } from "../../src/observability/mod.ts";
import { DASHBOARD_FILE, dashboardText } from "../../scripts/grafana_dashboard.ts";
import { hasProgram, run } from "./programs.ts";

const DEPLOY = new URL("../../deploy/", import.meta.url);
const PROMETHEUS = fileURLToPath(new URL("prometheus/", DEPLOY));

interface Rule {
  readonly record?: string;
  readonly alert?: string;
  readonly expr: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

async function rulesOf(name: string): Promise<Rule[]> {
  const { groups } = parse(await Deno.readTextFile(`${PROMETHEUS}${name}`)) as {
    groups: readonly { rules: readonly Rule[] }[];
  };
  return groups.flatMap(({ rules }) => rules);
}

const recordings = await rulesOf("recording_rules.yml");
const alerts = await rulesOf("alert_rules.yml");
const dashboard = JSON.parse(await Deno.readTextFile(DASHBOARD_FILE)) as {
  panels: readonly { title: string; targets?: readonly { expr: string; legendFormat: string }[] }[];
};

const metrics = new Map(describeMetrics().map((each) => [each.name, each]));
const recorded = new Set(recordings.flatMap(({ record }) => record ?? []));
/** What Prometheus itself knows, and what it adds to every series. */
const ITS_OWN = { metrics: new Set(["up"]), labels: ["job", "instance"] };

/** Names of metrics in a query, each with the labels that its selector asks for. */
function selectorsOf(expr: string): { readonly name: string; readonly labels: string[] }[] {
  const names =
    /\b((?:conductor|grpc_server|grpc_client|process)_[a-z0-9_]+|conductor:[a-z0-9_:]+|up)(\{[^}]*\})?/g;
  return [...expr.matchAll(names)].map(([, name = "", selector = ""]) => ({
    name,
    labels: [...selector.matchAll(/([a-z_]+)\s*(?:=~|!=|!~|=)/g)].map(([, label = ""]) => label),
  }));
}

/** What is wrong with a query, by what there is. */
function faultsOf(expr: string): string[] {
  return selectorsOf(expr).flatMap(({ name, labels }) => {
    if (recorded.has(name) || ITS_OWN.metrics.has(name)) return [];
    const base = name.replace(/_(bucket|sum|count)$/, "");
    const metric = metrics.get(name) ?? metrics.get(base);
    if (metric === undefined) return [`${name} is measured by nobody`];
    if ((metric.name !== name) !== (metric.type === "histogram")) {
      return [`${name} is no series of a ${metric.type}`];
    }
    const known = [...metric.labels, ...ITS_OWN.labels, "le"];
    return labels.filter((label) => !known.includes(label))
      .map((label) => `${name} has no label ${label}`);
  });
}

Deno.test("a query that asks for what nobody measures would be found", () => {
  assert.deepEqual(faultsOf('rate(conductor_jobs_totals{type="a"}[5m])'), [
    "conductor_jobs_totals is measured by nobody",
  ]);
  assert.deepEqual(faultsOf('conductor_jobs_total{kind="a",type="b"}'), [
    "conductor_jobs_total has no label kind",
  ]);
  assert.deepEqual(faultsOf("conductor_raft_fsync_seconds"), [
    "conductor_raft_fsync_seconds is no series of a histogram",
  ]);
});

Deno.test("rules and dashboard ask for nothing that nobody measures", () => {
  const queries = [
    ...[...recordings, ...alerts].map(({ expr }) => expr),
    ...dashboard.panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr)),
  ];
  assert.ok(queries.length > 60);
  for (const query of queries) assert.deepEqual(faultsOf(query), [], query);
});

Deno.test("every alert says what it means, what to do, and how urgent it is", () => {
  for (const { alert = "", labels, annotations } of alerts) {
    assert.match(labels?.severity ?? "", /^(page|ticket)$/, alert);
    assert.ok((annotations?.summary ?? "").length > 20, alert);
    assert.ok((annotations?.description ?? "").length > 70, alert);
  }
  const names = alerts.map(({ alert }) => alert);
  assert.equal(new Set(names).size, names.length);
});

Deno.test("the dashboard is what its description says (else: deno task dashboard)", async () => {
  assert.equal(await Deno.readTextFile(DASHBOARD_FILE), dashboardText());
  for (const { title, targets = [] } of dashboard.panels) {
    for (const { legendFormat } of targets) assert.notEqual(legendFormat, "", title);
  }
});

Deno.test({
  name: "promtool finds rules and configuration sound, and the alerts raised when they are to be",
  ignore: !await hasProgram("promtool"),
  async fn() {
    const checks = [
      ["check", "rules", "recording_rules.yml", "alert_rules.yml"],
      ["check", "config", "prometheus.yml"],
      ["test", "rules", "alert_rules_test.yml"],
    ];
    for (const args of checks) {
      const { code, output } = await run("promtool", args, { cwd: PROMETHEUS });
      assert.equal(code, 0, output);
    }
  },
});
