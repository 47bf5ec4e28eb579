/**
 * Keys of workers, of the scheduler, and of what a job may be and reach.
 *
 * @module
 */

import { address, hostsAndRanges, listenHost } from "./addresses.ts";
import { executorKeys } from "./keys_executors.ts";
import { flag, key, MASTER, NODES, type Role, WORKER } from "./key.ts";
import {
  byType,
  choice,
  identifier,
  integer,
  list,
  map,
  matching,
  number,
  path,
  port,
} from "./kinds.ts";
import { bytes, duration } from "./quantities.ts";
import { typeDefaults } from "./type_defaults.ts";

const DIALLERS: readonly Role[] = ["worker", "client"];

/** `worker.*` */
export const workerKeys = {
  ...executorKeys,
  worker_id: key(identifier(), {
    doc: "Unique name of this worker.",
    usedBy: WORKER,
    default: "worker-1",
    profileDefaults: { development: "dev-worker-1", staging: "staging-worker-1", production: "" },
    legacyEnv: ["WORKER_ID"],
    flags: flag("worker-id", WORKER),
  }),
  master_addrs: key(list(address(), { emptyAllowed: false }), {
    doc: "gRPC addresses of masters; any one that answers will do, the rest are found through it.",
    usedBy: DIALLERS,
    default: ["localhost:9000"],
    profileDefaults: {
      staging: ["staging-master.conductor.svc:9000"],
      production: ["conductor-master.production.svc:9000"],
    },
    legacyEnv: ["MASTER_ADDR"],
    flags: { worker: "join", client: "addr" },
    formerPaths: ["worker.master_addr"],
  }),
  bind_host: key(listenHost(), {
    doc: "Host on which a worker's http_port and grpc.worker_port listen.",
    usedBy: WORKER,
    default: "0.0.0.0",
    profileDefaults: { development: "127.0.0.1" },
    flags: flag("bind-host", WORKER),
  }),
  advertise_addr: key(address({ emptyAllowed: true }), {
    doc:
      "Where this worker's WorkerService is reached, told to masters when it registers. Empty: " +
      "bind_host, or this host's name when that is every interface, with grpc.worker_port.",
    usedBy: WORKER,
    default: "",
    flags: flag("advertise-addr", WORKER),
  }),
  http_port: key(port({ zeroIsOff: true }), {
    doc: "Port of the worker's health, readiness and metrics; 0: none.",
    usedBy: WORKER,
    // The original's port. Off in development, where several workers and the masters of
    // start-ha-cluster.sh (8080 to 8082) share a host.
    default: 8081,
    profileDefaults: { development: 0 },
    flags: flag("http-port", WORKER),
  }),
  data_dir: key(path(), {
    doc: "Directory of a worker's unacknowledged results and its attempts' temporary files; each " +
      "worker keeps to a directory of its worker_id below it.",
    usedBy: WORKER,
    default: "/tmp/conductor/worker",
    profileDefaults: {
      staging: "/var/lib/conductor/worker",
      production: "/var/lib/conductor/worker",
    },
    flags: flag("data-dir", WORKER),
  }),
  job_types: key(list(identifier()), {
    doc: "The only job types that this worker offers; empty: all that it has.",
    usedBy: WORKER,
    default: [],
    flags: flag("job-types", WORKER),
  }),
  tags: key(map(), {
    doc: "What jobs may require of a worker, by name and value; told to masters when it registers.",
    usedBy: WORKER,
    default: {},
    flags: flag("tag", WORKER),
  }),
  handlers: key(list(path()), {
    doc: "JavaScript modules of custom job types to load (TypeScript too when run from source).",
    usedBy: WORKER,
    default: [],
    flags: flag("handlers", WORKER),
  }),
  max_concurrent_jobs: key(integer({ min: 1, max: 10_000 }), {
    doc: "Jobs that this worker runs at once.",
    usedBy: WORKER,
    live: true,
    default: 10,
    profileDefaults: { development: 5, staging: 20, production: 50 },
    legacyEnv: ["WORKER_MAX_CONCURRENT_JOBS"],
    flags: flag("concurrency", WORKER),
  }),
  type_concurrency: key(byType(integer({ min: 1, max: 10_000 })), {
    doc: "Jobs of single types that this worker runs at once; of others max_concurrent_jobs.",
    usedBy: WORKER,
    live: true,
    default: {},
    flags: flag("type-concurrency", WORKER),
  }),
  cpu: key(number({ min: 0, max: 100_000 }), {
    doc:
      "Processors that the jobs of this worker may ask for together; 0: as many as its host or its " +
      "container has.",
    usedBy: WORKER,
    default: 0,
    flags: flag("cpu", WORKER),
  }),
  memory: key(bytes({ min: "0B", max: "1024TiB" }), {
    doc:
      "Memory that the jobs of this worker may ask for together; 0: as much as its host or its " +
      "container has.",
    usedBy: WORKER,
    default: "0",
    flags: flag("memory", WORKER),
  }),
  heartbeat_interval: key(duration({ min: "10ms", max: "1h" }), {
    doc: "Longest time between two signs of life from a worker.",
    usedBy: NODES,
    default: "3s",
    legacyEnv: ["WORKER_HEARTBEAT_INTERVAL"],
  }),
  heartbeat_timeout: key(duration({ min: "20ms", max: "24h" }), {
    doc: "Silence after which the leader takes a worker for dead and gives its jobs to others, " +
      "and after which a worker takes its connection for broken and looks for a master again.",
    usedBy: NODES,
    default: "10s",
    legacyEnv: ["WORKER_HEARTBEAT_TIMEOUT"],
  }),
  result_timeout: key(duration({ min: "10ms", max: "1h" }), {
    doc: "How long a worker waits for a result to be acknowledged before it sends it again.",
    usedBy: WORKER,
    default: "10s",
    profileDefaults: { staging: "15s", production: "30s" },
    legacyEnv: ["WORKER_RESULT_TIMEOUT"],
  }),
  drain_timeout: key(duration({ min: "0s", max: "24h" }), {
    doc: "How long a stopping worker lets its running jobs go on; what is left is handed back.",
    usedBy: WORKER,
    default: "30s",
    profileDefaults: { development: "10s", production: "1m" },
    flags: flag("drain-timeout", WORKER),
  }),
  shutdown_delay: key(duration({ min: "0s", max: "1h" }), {
    doc: "How long a stopping worker, its jobs ended, waits for its last results to be " +
      "acknowledged; those that are not stay in data_dir for its next start.",
    usedBy: WORKER,
    default: "2s",
    legacyEnv: ["WORKER_SHUTDOWN_DELAY"],
  }),
};

/** `scheduler.*` */
export const schedulerKeys = {
  scheduling_policy: key(
    choice(["round-robin", "least-loaded", "capacity-aware", "priority", "random"]),
    {
      doc: "How the leader chooses among workers; with priority also: jobs strictly by priority, " +
        "whatever queue they are in.",
      usedBy: MASTER,
      live: true,
      default: "least-loaded",
      profileDefaults: { staging: "capacity-aware", production: "capacity-aware" },
      legacyEnv: ["SCHEDULER_POLICY"],
      flags: flag("policy", MASTER),
    },
  ),
  type_policies: key(
    byType(choice(["round-robin", "least-loaded", "capacity-aware", "random"])),
    {
      doc: "Policies for jobs of single types, instead of scheduling_policy; priority orders all " +
        "jobs, so it is not among them.",
      usedBy: MASTER,
      live: true,
      default: {},
    },
  ),
  priority_ageing: key(duration({ min: "0s", max: "576h" }), {
    doc: "Waiting time that is worth one step of priority, so that no job waits for ever; 0s: " +
      "none. The policy priority has no ageing.",
    usedBy: MASTER,
    live: true,
    default: "10m",
  }),
  job_timeout: key(duration({ min: "1ms", max: "576h" }), {
    doc: "Longest run of one attempt when its submission names none.",
    usedBy: MASTER,
    live: true,
    default: "5m",
    profileDefaults: { development: "2m", production: "10m" },
    legacyEnv: ["SCHEDULER_JOB_TIMEOUT"],
  }),
  assignment_timeout: key(duration({ min: "10ms", max: "1h" }), {
    doc: "How long a worker may leave an assigned job unstarted before the job is taken back.",
    usedBy: MASTER,
    default: "5s",
    profileDefaults: { staging: "7s", production: "10s" },
    legacyEnv: ["SCHEDULER_ASSIGNMENT_TIMEOUT"],
  }),
  crash_limit: key(integer({ min: 1, max: 1_000 }), {
    doc:
      "Attempts of one job that may be lost with workers that died, until it is a dead letter; " +
      "workers that were only out of reach do not count, and retries are counted separately.",
    usedBy: MASTER,
    default: 3,
  }),
  max_retries: key(integer({ min: 0, max: 1_000 }), {
    doc: "Attempts after the first when a submission names none.",
    usedBy: MASTER,
    live: true,
    default: 3,
    profileDefaults: { production: 5 },
    legacyEnv: ["SCHEDULER_MAX_RETRIES"],
  }),
  retry_delay: key(duration({ min: "0s", max: "24h" }), {
    doc: "Wait before the first retry of a failed job; it grows with each further one.",
    usedBy: MASTER,
    live: true,
    default: "30s",
    profileDefaults: { development: "10s", production: "60s" },
    legacyEnv: ["SCHEDULER_RETRY_DELAY"],
  }),
  type_defaults: key(typeDefaults(), {
    doc:
      "What jobs of single types get when their submission does not say, before the keys above: " +
      'a job type, and settings such as "timeout=30s max_retries=5 backoff=fixed".',
    usedBy: MASTER,
    live: true,
    default: {},
  }),
  rebalance_interval: key(duration({ min: "100ms", max: "24h" }), {
    doc: "How often the leader plans all placements again, whatever events there were.",
    usedBy: MASTER,
    default: "1m",
    profileDefaults: { development: "30s", staging: "2m", production: "5m" },
    legacyEnv: ["SCHEDULER_REBALANCE_INTERVAL"],
  }),
  max_pending_jobs: key(integer({ min: 1, max: 1_000_000_000 }), {
    doc:
      "Jobs that may wait at once, those that workers hold aside; a submission beyond is refused " +
      "as RESOURCE_EXHAUSTED.",
    usedBy: MASTER,
    default: 10_000,
    legacyEnv: ["SCHEDULER_MAX_PENDING_JOBS"],
  }),
  max_schedules: key(integer({ min: 1, max: 10_000 }), {
    doc: "Schedules that may exist; all of them are in memory with their payloads.",
    usedBy: MASTER,
    default: 1_000,
  }),
  max_pending_jobs_per_client: key(integer({ min: 0, max: 1_000_000_000 }), {
    doc:
      "Unfinished jobs that one submitter may have, so that none takes up the whole queue; 0: no " +
      "bound.",
    usedBy: MASTER,
    default: 0,
  }),
};

/** `jobs.*` */
export const jobsKeys = {
  namespaces: key(list(identifier()), {
    doc: "Namespaces to work in. A worker gets only their jobs (without any: those of all that " +
      "its token is for). A command takes one; without it, what it names or makes is in its " +
      "token's only one, else in `default`, and lists and operations on many jobs cover all " +
      "that it may see.",
    usedBy: ["worker", "client"],
    default: [],
    legacyEnv: ["CONDUCTOR_NAMESPACE"],
    flags: flag("namespace", ["worker", "client"]),
  }),
  payload_bytes_max: key(bytes({ min: "1KiB", max: "32MiB" }), {
    // One answer of GetJobStatus holds payload and result: both must fit into grpc.max_msg_size.
    doc: "Longest payload of a submission.",
    usedBy: ["master", "client"],
    default: "2MiB",
  }),
  result_bytes_max: key(bytes({ min: "1KiB", max: "32MiB" }), {
    doc: "Longest result that is kept with a job; a longer one needs a destination.",
    usedBy: NODES,
    default: "1MiB",
  }),
  keep_completed: key(duration({ min: "0s", max: "87600h" }), {
    doc: "How long a completed job is kept after its end; 0: for ever. If it is shorter than " +
      "keep_idempotency_keys, a submission repeated with its key may be answered with a job " +
      "that is gone.",
    usedBy: MASTER,
    default: "168h",
  }),
  keep_completed_max: key(integer({ min: 0, max: 1_000_000_000 }), {
    doc: "Completed jobs that are kept, those that ended last; 0: all.",
    usedBy: MASTER,
    default: 1_000_000,
  }),
  keep_failed: key(duration({ min: "0s", max: "87600h" }), {
    doc: "How long a failed job, which is a dead letter, is kept after its end; 0: for ever.",
    usedBy: MASTER,
    default: "720h",
  }),
  keep_failed_max: key(integer({ min: 0, max: 1_000_000_000 }), {
    doc: "Failed jobs that are kept, those that ended last; 0: all.",
    usedBy: MASTER,
    default: 1_000_000,
  }),
  keep_cancelled: key(duration({ min: "0s", max: "87600h" }), {
    doc: "How long a cancelled job is kept after its end; 0: for ever.",
    usedBy: MASTER,
    default: "168h",
  }),
  keep_cancelled_max: key(integer({ min: 0, max: 1_000_000_000 }), {
    doc: "Cancelled jobs that are kept, those that ended last; 0: all.",
    usedBy: MASTER,
    default: 1_000_000,
  }),
  keep_idempotency_keys: key(duration({ min: "1s", max: "8760h" }), {
    doc: "How long a new key stands for its job, whatever became of the job; only the last " +
      "million keys are remembered. The leader's value holds for every member.",
    usedBy: MASTER,
    default: "24h",
  }),
  input_bytes_max: key(bytes({ min: "1KiB", max: "8GiB" }), {
    doc: "Longest input that a job holds in memory at once (an image, a page).",
    usedBy: WORKER,
    default: "64MiB",
  }),
  stream_bytes_max: key(bytes({ min: "1KiB", max: "1TiB" }), {
    doc: "Longest input that a job may stream through (a table).",
    usedBy: WORKER,
    default: "10GiB",
  }),
  pixels_max: key(integer({ min: 1, max: 10_000_000_000 }), {
    doc: "Most pixels of an image, by its header, before it is decoded.",
    usedBy: WORKER,
    default: 100_000_000,
  }),
  private_addresses: key(choice(["allow", "refuse"]), {
    doc: "Whether jobs may reach loopback, private and link-local addresses.",
    usedBy: WORKER,
    default: "refuse",
    profileDefaults: { development: "allow" },
  }),
  address_allow_list: key(hostsAndRanges(), {
    doc: "Hosts, addresses and CIDR ranges that jobs may reach though private_addresses refuses.",
    usedBy: WORKER,
    default: [],
  }),
  file_read_roots: key(list(path({ absolute: true })), {
    doc: "Directories of the worker's host below which jobs may read files; empty: none.",
    usedBy: WORKER,
    default: [],
  }),
  file_write_roots: key(list(path({ absolute: true })), {
    doc: "Directories of the worker's host below which jobs may write files; empty: none.",
    usedBy: WORKER,
    default: [],
  }),
  user_agent: key(matching(/^[\x20-\x7e]{1,300}$/, "printable ASCII, at most 300 characters"), {
    doc: "User-Agent of every fetch that a job makes, and the name it answers to in robots.txt.",
    usedBy: WORKER,
    default: "Conductor",
  }),
};
