/**
 * Keys of logs, metrics and traces.
 *
 * @module
 */

import { collectorEndpoint } from "./addresses.ts";
import { EVERYONE, flag, key, MASTER, NODES } from "./key.ts";
import {
  boolean,
  choice,
  integer,
  type Kind,
  list,
  map,
  matching,
  number,
  path,
  port,
  scalar,
  text,
} from "./kinds.ts";
import { bytes, duration } from "./quantities.ts";

/** `log.*` */
export const logKeys = {
  level: key(choice(["debug", "info", "warn", "error"], { warning: "warn" }), {
    doc: "Lowest level that is logged. It does not affect the audit log.",
    usedBy: NODES,
    live: true,
    default: "info",
    profileDefaults: { development: "debug", production: "warn" },
    legacyEnv: ["LOG_LEVEL"],
    flags: flag("log-level", NODES),
  }),
  format: key(choice(["json", "pretty", "auto"], { console: "pretty", text: "pretty" }), {
    doc: "json: one object a line; pretty: for people; auto: pretty on a terminal, else json.",
    usedBy: NODES,
    default: "json",
    // The original's key was json here and read by nothing. A pipe still gets json.
    profileDefaults: { development: "auto" },
    legacyEnv: ["LOG_FORMAT"],
    flags: flag("log-format", NODES),
  }),
  output: key(path(), {
    doc: "stdout, stderr or a file, in whose path {role} stands for master or worker.",
    usedBy: NODES,
    default: "stdout",
    // The original's path for masters; its workers wrote into the same file.
    profileDefaults: {
      staging: "/var/log/conductor/{role}.log",
      production: "/var/log/conductor/{role}.log",
    },
    legacyEnv: ["LOG_OUTPUT"],
    flags: flag("log-output", NODES),
  }),
  max_size: key(bytes({ min: "4KiB", max: "1TiB" }), {
    doc: "A file of the log is moved to FILE.1 when it grows beyond this.",
    usedBy: NODES,
    default: "64MiB",
  }),
  max_files: key(integer({ min: 0, max: 10_000 }), {
    doc: "How many moved files of the log are kept, FILE.1 being the latest.",
    usedBy: NODES,
    default: 5,
  }),
  audit_enabled: key(boolean(), {
    doc: "Whether a master, and a worker on its gRPC port, records who did, or was refused, what.",
    usedBy: NODES,
    default: true,
    legacyEnv: ["LOG_AUDIT_ENABLED"],
  }),
  audit_output: key(path(), {
    doc:
      "stdout, stderr or a separate file, in whose path {role} stands for master or worker. By " +
      "default a worker's file has worker- before the master's name.",
    usedBy: NODES,
    default: "stdout",
    profileDefaults: {
      staging: "/var/log/conductor/audit.log",
      production: "/var/log/conductor/audit.log",
    },
    legacyEnv: ["LOG_AUDIT_OUTPUT"],
  }),
  audit_max_size: key(bytes({ min: "4KiB", max: "1TiB" }), {
    doc: "A file of the audit log is moved to FILE.1 before it grows beyond this.",
    usedBy: NODES,
    default: "100MiB",
  }),
  audit_max_files: key(integer({ min: 0, max: 10_000 }), {
    doc: "How many moved files of the audit log are kept, FILE.1 being the latest.",
    usedBy: NODES,
    default: 10,
  }),
};

/** `metrics.*` */
export const metricsKeys = {
  enabled: key(boolean(), {
    doc: "Whether metrics are collected and served: by a master on port, by a worker on " +
      "worker.http_port.",
    usedBy: NODES,
    default: true,
    legacyEnv: ["METRICS_ENABLED"],
  }),
  port: key(port(), {
    doc: "Port of a master's metrics.",
    usedBy: MASTER,
    default: 9090,
    legacyEnv: ["METRICS_PORT"],
    flags: flag("metrics-port", MASTER),
  }),
  path: key(matching(/^\/[A-Za-z0-9._~\/-]*$/, "a URL path such as /metrics"), {
    doc: "Path under which metrics are served.",
    usedBy: NODES,
    default: "/metrics",
    legacyEnv: ["METRICS_PATH"],
  }),
  collect_interval: key(duration({ min: "100ms", max: "1h" }), {
    doc:
      "How often the metrics that are sampled (queues, workers, memory) are refreshed, whether or not " +
      "anybody looks; whoever does sees what holds then.",
    usedBy: NODES,
    default: "15s",
    profileDefaults: { staging: "20s", production: "30s" },
    legacyEnv: ["METRICS_COLLECT_INTERVAL"],
  }),
};

/** `tracing.*` */
export const tracingKeys = {
  enabled: key(boolean(), {
    doc: "Whether spans are recorded and exported.",
    usedBy: EVERYONE,
    default: false,
    legacyEnv: ["OTEL_TRACE_ENABLED"],
  }),
  sdk_disabled: key(boolean(), {
    doc: "Switches tracing off, whatever tracing.enabled says.",
    usedBy: EVERYONE,
    default: false,
    legacyEnv: ["OTEL_SDK_DISABLED"],
  }),
  exporter: key(list(choice(["otlp", "console", "none"]), { emptyAllowed: false }), {
    doc:
      "otlp: spans go to a collector; console: to stderr, as lines of OTLP's JSON; otlp,console: to both; " +
      "none, whatever stands beside it: tracing is off.",
    usedBy: EVERYONE,
    default: ["otlp"],
    legacyEnv: ["OTEL_TRACES_EXPORTER"],
  }),
  otlp_protocol: key(choice(["http/json", "http/protobuf", "grpc"]), {
    doc: "How spans travel to the collector. With grpc and no endpoint named, that is " +
      "localhost:4317.",
    usedBy: EVERYONE,
    default: "http/json",
    legacyEnv: ["OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"],
  }),
  otlp_endpoint: key(collectorEndpoint(), {
    doc: "The OpenTelemetry collector. Over HTTP, /v1/traces is added where it is missing.",
    usedBy: EVERYONE,
    default: "localhost:4318",
    legacyEnv: ["OTEL_EXPORTER_OTLP_ENDPOINT"],
  }),
  otlp_traces_endpoint: key(collectorEndpoint({ emptyAllowed: true }), {
    doc: "In place of otlp_endpoint: where spans go, as it is; over HTTP the whole URL.",
    usedBy: EVERYONE,
    default: "",
    legacyEnv: ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"],
  }),
  otlp_headers: key(map(), {
    doc: "Sent along with every export, such as a vendor's api-key=...; values may be " +
      "percent-encoded.",
    usedBy: EVERYONE,
    default: "",
    legacyEnv: ["OTEL_EXPORTER_OTLP_TRACES_HEADERS", "OTEL_EXPORTER_OTLP_HEADERS"],
    secret: true,
  }),
  otlp_compression: key(choice(["none", "gzip"]), {
    doc: "How exports are compressed.",
    usedBy: EVERYONE,
    default: "none",
    legacyEnv: ["OTEL_EXPORTER_OTLP_TRACES_COMPRESSION", "OTEL_EXPORTER_OTLP_COMPRESSION"],
  }),
  otlp_timeout: key(millisecondsOrDuration({ min: "1ms", max: "1h" }), {
    doc: "Time allowed to one export; a number without a unit is in milliseconds.",
    usedBy: EVERYONE,
    default: "10s",
    legacyEnv: ["OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "OTEL_EXPORTER_OTLP_TIMEOUT"],
  }),
  export_interval: key(millisecondsOrDuration({ min: "1ms", max: "1h" }), {
    doc: "How long spans are gathered before they are sent; a number without a unit is in " +
      "milliseconds.",
    usedBy: EVERYONE,
    default: "1s",
    legacyEnv: ["OTEL_BSP_SCHEDULE_DELAY"],
  }),
  export_batch: key(integer({ min: 1, max: 100_000 }), {
    doc: "Spans in one export at most; as many are sent at once.",
    usedBy: EVERYONE,
    default: 512,
    legacyEnv: ["OTEL_BSP_MAX_EXPORT_BATCH_SIZE"],
  }),
  export_queue: key(integer({ min: 1, max: 1_000_000 }), {
    doc: "Most spans held for export; newer ones are dropped, so that a collector that is away " +
      "costs little.",
    usedBy: EVERYONE,
    default: 8192,
    legacyEnv: ["OTEL_BSP_MAX_QUEUE_SIZE"],
  }),
  otlp_insecure: key(boolean(), {
    doc: "No TLS to an otlp_endpoint that is a HOST:PORT; a URL says so by its scheme.",
    usedBy: EVERYONE,
    default: false,
    profileDefaults: { development: true },
    legacyEnv: ["OTEL_EXPORTER_OTLP_TRACES_INSECURE", "OTEL_EXPORTER_OTLP_INSECURE"],
  }),
  otlp_certificate: key(path({ emptyAllowed: true }), {
    doc: "PEM file of the authorities that the collector's certificate is checked against; " +
      "empty: the system's.",
    usedBy: EVERYONE,
    default: "",
    legacyEnv: ["OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE", "OTEL_EXPORTER_OTLP_CERTIFICATE"],
  }),
  otlp_client_certificate: key(path({ emptyAllowed: true }), {
    doc: "PEM file of the certificate by which the collector knows this process; empty: none.",
    usedBy: EVERYONE,
    default: "",
    legacyEnv: [
      "OTEL_EXPORTER_OTLP_TRACES_CLIENT_CERTIFICATE",
      "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE",
    ],
  }),
  otlp_client_key: key(path({ emptyAllowed: true }), {
    doc: "PEM file of that certificate's key.",
    usedBy: EVERYONE,
    default: "",
    legacyEnv: ["OTEL_EXPORTER_OTLP_TRACES_CLIENT_KEY", "OTEL_EXPORTER_OTLP_CLIENT_KEY"],
  }),
  sampler: key(
    choice([
      ...["parentbased_traceidratio", "parentbased_always_on", "parentbased_always_off"] as const,
      ...["traceidratio", "always_on", "always_off"] as const,
    ]),
    {
      doc: "Which traces are recorded. A parentbased sampler keeps the decision for a trace that " +
        "was begun elsewhere.",
      usedBy: EVERYONE,
      default: "parentbased_traceidratio",
      legacyEnv: ["OTEL_TRACES_SAMPLER"],
    },
  ),
  sample_ratio: key(number({ min: 0, max: 1 }), {
    doc: "Share of traces that a sampler of a ratio records.",
    usedBy: EVERYONE,
    default: 1,
    profileDefaults: { production: 0.1 },
    legacyEnv: ["OTEL_TRACES_SAMPLER_ARG"],
  }),
  service_name: key(text({ emptyAllowed: true }), {
    doc: "service.name of the spans; empty: conductor-master, conductor-worker, conductor-client.",
    usedBy: EVERYONE,
    default: "",
    legacyEnv: ["OTEL_SERVICE_NAME"],
  }),
  resource_attributes: key(map(), {
    doc:
      "Further attributes of the process in every span, such as team=billing,k8s.pod.name=m-0; " +
      "service.name, service.instance.id, service.version and deployment.environment.name " +
      "count here only where no key sets them.",
    usedBy: EVERYONE,
    default: "",
    legacyEnv: ["OTEL_RESOURCE_ATTRIBUTES"],
  }),
  propagators: key(list(text()), {
    doc: "Without tracecontext in the list, traces are neither taken from callers nor passed on " +
      "to masters. Other propagators are ignored; baggage is not carried.",
    usedBy: ["master", "client"],
    default: ["tracecontext", "baggage"],
    legacyEnv: ["OTEL_PROPAGATORS"],
  }),
  environment: key(text({ emptyAllowed: true }), {
    doc: "deployment.environment.name of the spans; empty: the profile.",
    usedBy: EVERYONE,
    default: "",
    legacyEnv: ["CONDUCTOR_ENV"],
  }),
};

/** The environment variables' unit is the millisecond, and it is not written. */
function millisecondsOrDuration(bounds: { min: string; max: string }): Kind<number, "Ms"> {
  const kind = duration(bounds);
  return {
    ...kind,
    parse: (raw) => kind.parse(/^\d+$/.test(scalar(raw) ?? "") ? `${scalar(raw)}ms` : raw),
  };
}
