/**
 * Writes `deploy/grafana/conductor.json`: the dashboard, from a short description of its panels.
 * `deno task dashboard`; a test holds the file against this.
 *
 * @module
 */

/** What one line of a panel shows. */
interface Target {
  readonly expr: string;
  /** How the line is called; `{{label}}` stands for a label's value. */
  readonly legend: string;
}

interface Panel {
  readonly title: string;
  /** What it shows and what to make of it, in a sentence. */
  readonly about: string;
  readonly unit: "short" | "s" | "ops" | "bytes" | "percentunit" | "dateTimeFromNow";
  readonly kind?: "timeseries" | "stat" | "heatmap";
  readonly targets: readonly Target[];
  /** In 24ths of the width. Default 8. */
  readonly width?: number;
}

const DATA_SOURCE = { type: "prometheus", uid: "${datasource}" };
const MASTER = `job=~"$master_job"`;
const PANEL_HEIGHT = 8;
const STAT_HEIGHT = 4;
const QUANTILES = [0.5, 0.99];

/** The median and the 99th hundredth of a histogram, by its labels. */
function quantiles(histogram: string, by: string, legend: string): Target[] {
  const grouped = by === "" ? "le" : `${by}, le`;
  return QUANTILES.map((quantile) => ({
    expr: `histogram_quantile(${quantile}, sum by (${grouped}) ` +
      `(rate(${histogram}_bucket[$__rate_interval])))`,
    legend: `p${quantile * 100} ${legend}`.trim(),
  }));
}

const ROWS: readonly (readonly [title: string, panels: readonly Panel[]])[] = [
  ["At a glance", [
    {
      ...{ title: "Leader", kind: "stat", unit: "short", width: 4 },
      about: "The master that leads; none: nothing is taken or finished.",
      targets: [{ expr: "conductor_raft_is_leader == 1", legend: "{{instance}}" }],
    },
    {
      ...{ title: "Masters up", kind: "stat", unit: "short", width: 4 },
      about: "Masters that answer Prometheus.",
      targets: [{ expr: `sum(up{${MASTER}})`, legend: "up" }],
    },
    {
      ...{ title: "Workers", kind: "stat", unit: "short", width: 4 },
      about: "Workers whose lease holds.",
      targets: [{ expr: "sum(conductor_workers_active)", legend: "active" }],
    },
    {
      ...{ title: "Pending", kind: "stat", unit: "short", width: 4 },
      about: "Jobs that are ready and not assigned.",
      targets: [{ expr: "sum(conductor_job_queue_size)", legend: "pending" }],
    },
    {
      ...{ title: "Completed", kind: "stat", unit: "ops", width: 4 },
      about: "Jobs completed a second.",
      targets: [{ expr: "sum(conductor:jobs_completed:rate5m)", legend: "completed" }],
    },
    {
      ...{ title: "Dead letters", kind: "stat", unit: "short", width: 4 },
      about: "Jobs that failed for good and may be run again.",
      targets: [{ expr: "sum(conductor_jobs_dlq_total)", legend: "dead letters" }],
    },
  ]],
  ["Jobs", [
    {
      ...{ title: "Submitted and ended", unit: "ops" },
      about: "Jobs a second, as the leader counts them.",
      targets: [{
        expr: "sum by (status) (rate(conductor_jobs_total[$__rate_interval]))",
        legend: "{{status}}",
      }],
    },
    {
      ...{ title: "Completed by type", unit: "ops" },
      about: "Which types the throughput is made of.",
      targets: [{ expr: "conductor:jobs_completed:rate5m", legend: "{{type}}" }],
    },
    {
      ...{ title: "Failed for good, by type", unit: "percentunit" },
      about: "Part of the jobs of a type that end as dead letters.",
      targets: [{ expr: "conductor:jobs_failed:ratio_rate5m", legend: "{{type}}" }],
    },
    {
      ...{ title: "From ready to started", unit: "s" },
      about: "How long jobs wait for a worker.",
      targets: quantiles("conductor_job_start_latency_seconds", "type", "{{type}}"),
    },
    {
      ...{ title: "From started to ended", unit: "s" },
      about: "How long last attempts take.",
      targets: quantiles("conductor_job_duration_seconds", "type", "{{type}}"),
    },
    {
      ...{ title: "Retries and recoveries", unit: "ops" },
      about:
        "Attempts that were followed by another, and attempts taken from workers that were lost.",
      targets: [
        {
          expr: "sum by (type) (rate(conductor_job_retries_total[$__rate_interval]))",
          legend: "retried {{type}}",
        },
        {
          expr: "sum by (reason) (rate(conductor_recovery_attempts_total[$__rate_interval]))",
          legend: "recovered ({{reason}})",
        },
      ],
    },
  ]],
  ["Queue and workers", [
    {
      ...{ title: "Jobs by status", unit: "short" },
      about: "What is kept, unfinished and finished.",
      targets: [{ expr: "sum by (status) (conductor_jobs)", legend: "{{status}}" }],
    },
    {
      ...{ title: "Oldest pending job", unit: "s" },
      about: "How long the one has waited that has waited longest.",
      targets: [{ expr: "max by (type) (conductor_job_queue_oldest_seconds)", legend: "{{type}}" }],
    },
    {
      ...{ title: "Slots", unit: "short" },
      about: "What workers can hold, and what they hold.",
      targets: [{
        expr: "sum by (metric) (conductor_worker_job_capacity)",
        legend: "{{metric}}",
      }],
    },
    {
      ...{ title: "Scheduling", unit: "ops" },
      about: "What became of jobs that the scheduler tried to assign.",
      targets: [{
        expr: "sum by (result) (rate(conductor_scheduling_attempts_total[$__rate_interval]))",
        legend: "{{result}}",
      }],
    },
    {
      ...{ title: "Attempts on workers", unit: "ops" },
      about: "By how they ended, as workers count them.",
      targets: [{
        expr: "sum by (outcome) (rate(conductor_worker_attempts_total[$__rate_interval]))",
        legend: "{{outcome}}",
      }],
    },
    {
      ...{ title: "Executor processes", unit: "short" },
      about: "Processes that run jobs, and why such processes ended lately.",
      targets: [
        { expr: "sum by (instance) (conductor_worker_executor_processes)", legend: "{{instance}}" },
        {
          expr:
            "sum by (reason) (increase(conductor_worker_executor_ends_total[$__rate_interval]))",
          legend: "ended: {{reason}}",
        },
      ],
    },
  ]],
  ["Consensus", [
    {
      ...{ title: "Term and elections", unit: "short" },
      about: "A term that rises again and again tells of leaders that are lost.",
      targets: [
        { expr: "conductor_raft_term", legend: "term {{instance}}" },
        {
          expr: "increase(conductor_raft_elections_total[$__rate_interval])",
          legend: "elections {{instance}}",
        },
      ],
    },
    {
      ...{ title: "Behind the leader", unit: "short" },
      about: "Entries that a member is not known to hold yet.",
      targets: [{ expr: "conductor_raft_peer_lag_entries", legend: "{{peer}}" }],
    },
    {
      ...{ title: "Committed and not applied", unit: "short" },
      about: "Entries that wait for a node's own state.",
      targets: [{
        expr: "conductor_raft_commit_index - conductor_raft_applied_index",
        legend: "{{instance}}",
      }],
    },
    {
      ...{ title: "Proposal to outcome", unit: "s" },
      about: "What an acknowledgement takes on the leader.",
      targets: quantiles("conductor_raft_apply_latency_seconds", "", ""),
    },
    {
      ...{ title: "Fsync", unit: "s" },
      about: "Every acknowledgement waits for those of a majority.",
      targets: quantiles("conductor_raft_fsync_seconds", "instance", "{{instance}}"),
    },
    {
      ...{ title: "Proposals and snapshots", unit: "short" },
      about: "What waits to be committed, and snapshots made and received.",
      targets: [
        { expr: "conductor_raft_proposals_pending", legend: "proposals {{instance}}" },
        {
          expr: "increase(conductor_raft_snapshots_total[$__rate_interval])",
          legend: "made {{instance}}",
        },
        {
          expr: "increase(conductor_raft_snapshots_installed_total[$__rate_interval])",
          legend: "installed {{instance}}",
        },
      ],
    },
  ]],
  ["Calls", [
    {
      ...{ title: "Calls served", unit: "ops" },
      about: "By method.",
      targets: [{
        expr: "sum by (grpc_method) (rate(grpc_server_handled_total[$__rate_interval]))",
        legend: "{{grpc_method}}",
      }],
    },
    {
      ...{ title: "Calls that failed", unit: "ops" },
      about: "By gRPC status; INTERNAL, UNKNOWN and DATA_LOSS are the program's fault.",
      targets: [{
        expr: "sum by (error_type) (rate(conductor_rpc_errors_total[$__rate_interval]))",
        legend: "{{error_type}}",
      }],
    },
    {
      ...{ title: "Latency of calls", unit: "s" },
      about: "Unary calls, the 99th hundredth by method.",
      targets: [{ expr: "conductor:rpc_latency_seconds:p99_rate5m", legend: "{{method}}" }],
    },
    {
      ...{ title: "Calls made", unit: "ops" },
      about: "By masters to each other and to workers, by workers to masters.",
      targets: [{
        expr: "sum by (grpc_method, grpc_code) (rate(grpc_client_handled_total[$__rate_interval]))",
        legend: "{{grpc_method}} {{grpc_code}}",
      }],
    },
    {
      ...{ title: "Turned away", unit: "ops" },
      about: "Callers that were not authenticated, and those who called too often.",
      targets: [
        {
          expr: 'sum(rate(conductor_auth_attempts_total{result="failure"}[$__rate_interval]))',
          legend: "not authenticated",
        },
        {
          expr: "sum(rate(conductor_rate_limit_hits_total[$__rate_interval]))",
          legend: "rate limit",
        },
        {
          expr:
            "sum by (reason) (rate(conductor_node_connections_refused_total[$__rate_interval]))",
          legend: "connections: {{reason}}",
        },
      ],
    },
    {
      ...{ title: "Certificates", kind: "stat", unit: "dateTimeFromNow" },
      about: "When they end.",
      targets: [{
        expr: "conductor_tls_certificate_not_after_seconds * 1000 > 0",
        legend: "{{instance}} {{section}}",
      }],
    },
  ]],
  ["Processes", [
    {
      ...{ title: "Processor time", unit: "percentunit" },
      about: "Of one processor.",
      targets: [{
        expr: 'rate(process_cpu_seconds_total{job=~"conductor.*"}[$__rate_interval])',
        legend: "{{instance}}",
      }],
    },
    {
      ...{ title: "Memory", unit: "bytes" },
      about: "Resident, and what of it is live objects.",
      targets: [
        {
          expr: 'process_resident_memory_bytes{job=~"conductor.*"}',
          legend: "resident {{instance}}",
        },
        { expr: "conductor_heap_used_bytes", legend: "heap {{instance}}" },
      ],
    },
    {
      ...{ title: "Event loop and garbage collection", unit: "s" },
      about: "How late timers come, and seconds of collections in a second.",
      targets: [
        { expr: "conductor:event_loop_lag_seconds:p99_rate5m", legend: "lag p99 {{instance}}" },
        {
          expr: "sum by (instance) (rate(conductor_gc_duration_seconds_sum[$__rate_interval]))",
          legend: "collections {{instance}}",
        },
      ],
    },
  ]],
];

/** The dashboard as Grafana imports it. */
function dashboard(): unknown {
  return {
    title: "Conductor",
    uid: "conductor",
    tags: ["conductor"],
    schemaVersion: 39,
    editable: true,
    time: { from: "now-1h", to: "now" },
    refresh: "15s",
    templating: {
      list: [
        { name: "datasource", type: "datasource", query: "prometheus", label: "Data source" },
        {
          name: "master_job",
          type: "query",
          label: "Masters' job",
          datasource: DATA_SOURCE,
          query: "label_values(conductor_raft_is_leader, job)",
          includeAll: true,
          current: { text: "All", value: "$__all" },
          refresh: 1,
        },
      ],
    },
    panels: panels(),
  };
}

function panels(): unknown[] {
  const placed: unknown[] = [];
  let y = 0;
  for (const [title, row] of ROWS) {
    placed.push({
      id: placed.length + 1,
      type: "row",
      title,
      collapsed: false,
      gridPos: { x: 0, y, w: 24, h: 1 },
      panels: [],
    });
    y++;
    let x = 0;
    let lineHeight = 0;
    for (const panel of row) {
      const w = panel.width ?? 8;
      const h = panel.width === undefined ? PANEL_HEIGHT : STAT_HEIGHT;
      if (x + w > 24) [x, y] = [0, y + lineHeight];
      placed.push(shown(panel, placed.length + 1, { x, y, w, h }));
      [x, lineHeight] = [x + w, h];
    }
    y += lineHeight;
  }
  return placed;
}

function shown({ title, about, unit, kind = "timeseries", targets }: Panel, id: number, at: {
  readonly x: number;
  readonly y: number;
  readonly w: number;
  readonly h: number;
}): unknown {
  return {
    id,
    type: kind,
    title,
    description: about,
    gridPos: at,
    datasource: DATA_SOURCE,
    fieldConfig: { defaults: { unit, min: 0 }, overrides: [] },
    options: kind === "stat"
      ? { reduceOptions: { calcs: ["lastNotNull"] }, textMode: "auto" }
      : { legend: { displayMode: "list", placement: "bottom" }, tooltip: { mode: "multi" } },
    targets: targets.map(({ expr, legend }, index) => ({
      refId: String.fromCharCode("A".charCodeAt(0) + index),
      datasource: DATA_SOURCE,
      expr,
      legendFormat: legend,
    })),
  };
}

/** The file as it is written. */
export const DASHBOARD_FILE = new URL("../deploy/grafana/conductor.json", import.meta.url);

/** What the file holds. */
export function dashboardText(): string {
  return `${JSON.stringify(dashboard(), null, 2)}\n`;
}

if (import.meta.main) await Deno.writeTextFile(DASHBOARD_FILE, dashboardText());
