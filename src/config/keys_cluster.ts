/**
 * Keys of a master's place in the cluster, of Raft, and of gRPC.
 *
 * @module
 */

import { address, listenHost, members } from "./addresses.ts";
import { EVERYONE, flag, key, MASTER, WORKER } from "./key.ts";
import { boolean, identifier, integer, list, path, port } from "./kinds.ts";
import { bytes, duration } from "./quantities.ts";

/** `cluster.*` */
export const clusterKeys = {
  node_id: key(identifier(), {
    doc: "Unique name of this master; it is written into its data and never changes.",
    usedBy: MASTER,
    default: "node-1",
    // Two production nodes must not become one by forgetting to name them.
    profileDefaults: { development: "dev-node-1", staging: "staging-node-1", production: "" },
    legacyEnv: ["NODE_ID"],
    flags: flag("node-id", MASTER),
  }),
  bind_addr: key(address({ listening: true }), {
    doc: "Where this master listens for its peers (Raft).",
    usedBy: MASTER,
    default: "127.0.0.1:7000",
    profileDefaults: { staging: "0.0.0.0:7000", production: "0.0.0.0:7000" },
    legacyEnv: ["BIND_ADDR"],
    flags: flag("bind-addr", MASTER),
  }),
  advertise_addr: key(address({ emptyAllowed: true }), {
    doc: "Where peers dial this master for Raft. Empty: bind_addr, or this host's name with its " +
      "port when bind_addr is on every interface.",
    usedBy: MASTER,
    default: "",
    flags: flag("advertise-addr", MASTER),
  }),
  grpc_bind_host: key(listenHost(), {
    doc: "Host on which the gRPC services listen, at grpc.master_port.",
    usedBy: MASTER,
    default: "0.0.0.0",
    profileDefaults: { development: "127.0.0.1" },
    flags: flag("grpc-bind-host", MASTER),
  }),
  grpc_advertise_addr: key(address({ emptyAllowed: true }), {
    doc:
      "Where clients, workers and forwarding peers dial this master. Empty: grpc_bind_host, or " +
      "this host's name when that is every interface, with grpc.master_port.",
    usedBy: MASTER,
    default: "",
    flags: flag("grpc-advertise-addr", MASTER),
  }),
  http_bind_host: key(listenHost(), {
    doc: "Host on which http_port and metrics.port listen.",
    usedBy: MASTER,
    default: "0.0.0.0",
    profileDefaults: { development: "127.0.0.1" },
    flags: flag("http-bind-host", MASTER),
  }),
  http_port: key(port(), {
    doc: "Port of health, readiness, cluster status and the dashboard.",
    usedBy: MASTER,
    default: 8080,
    legacyEnv: ["HTTP_PORT"],
    flags: flag("http-port", MASTER),
  }),
  raft_dir: key(path(), {
    doc:
      "Directory of the Raft log. If only data_dir is set, it is raft/ below that, so that two " +
      "masters never share one by accident.",
    usedBy: MASTER,
    default: "/tmp/conductor/raft",
    profileDefaults: { staging: "/var/lib/conductor/raft", production: "/var/lib/conductor/raft" },
    legacyEnv: ["RAFT_DIR"],
    flags: flag("raft-dir", MASTER),
  }),
  data_dir: key(path(), {
    doc: "Directory of the job state, snapshots and generated certificates.",
    usedBy: MASTER,
    default: "/tmp/conductor/data",
    profileDefaults: { staging: "/var/lib/conductor/data", production: "/var/lib/conductor/data" },
    legacyEnv: ["DATA_DIR"],
    flags: flag("data-dir", MASTER),
  }),
  bootstrap: key(boolean(), {
    doc: "Begin a new cluster of this one master if data_dir holds none. Of bootstrap, join_addr " +
      "and initial_cluster the one from the strongest source counts.",
    usedBy: MASTER,
    default: true,
    profileDefaults: { staging: false, production: false },
    legacyEnv: ["BOOTSTRAP"],
    flags: flag("bootstrap", MASTER),
  }),
  join_addr: key(list(address()), {
    doc:
      "gRPC addresses of members of the cluster to join; any one that answers will do, and all are " +
      "tried until one does.",
    usedBy: MASTER,
    default: [],
    // The original's staging file named port 7000 here, Raft's, which speaks no gRPC.
    profileDefaults: { staging: ["staging-master-1.conductor.svc:9000"] },
    legacyEnv: ["JOIN_ADDR", "CLUSTER_JOIN_ADDR"],
    flags: flag("join", MASTER),
  }),
  initial_cluster: key(members(), {
    doc: "All masters of a cluster that starts at once, this one included, as NODE_ID=HOST:PORT " +
      "of their Raft addresses; used only while data_dir holds no cluster.",
    usedBy: MASTER,
    default: [],
    flags: flag("initial-cluster", MASTER),
  }),
  dead_server_cleanup: key(boolean(), {
    doc:
      "Let the leader remove voters that have been silent for dead_server_after, as long as the " +
      "others have a quorum and there are more than min_voters.",
    usedBy: MASTER,
    default: false,
  }),
  dead_server_after: key(duration({ min: "1s", max: "720h" }), {
    doc: "Silence after which a voter is taken for lost by dead_server_cleanup.",
    usedBy: MASTER,
    default: "10m",
  }),
  min_voters: key(integer({ min: 1, max: 99 }), {
    doc: "Smallest number of voters that dead_server_cleanup leaves: three survive the loss of " +
      "one.",
    usedBy: MASTER,
    default: 3,
  }),
};

/** `raft.*` */
export const raftKeys = {
  heartbeat_timeout: key(duration({ min: "5ms", max: "1m" }), {
    doc: "The leader's heartbeat: longest time between two messages to a follower.",
    usedBy: MASTER,
    default: "500ms",
    profileDefaults: { staging: "1s", production: "1s" },
    legacyEnv: ["RAFT_HEARTBEAT_TIMEOUT"],
  }),
  election_timeout: key(duration({ min: "10ms", max: "10m" }), {
    doc: "Shortest silence of the leader after which a follower stands for election; the wait is " +
      "drawn from one to one and a half times this. A leader that dies is noticed at once.",
    usedBy: MASTER,
    default: "1s",
    profileDefaults: { staging: "3s", production: "5s" },
    legacyEnv: ["RAFT_ELECTION_TIMEOUT"],
  }),
  barrier_timeout: key(duration({ min: "1ms", max: "10m" }), {
    doc: "How long a linearizable read may wait for the read index, until it fails as unavailable.",
    usedBy: MASTER,
    default: "5s",
    profileDefaults: { staging: "7s", production: "10s" },
    legacyEnv: ["RAFT_BARRIER_TIMEOUT"],
  }),
  apply_timeout: key(duration({ min: "1ms", max: "10m" }), {
    doc: "How long a change may wait to be committed and applied, until its caller is told that " +
      "the outcome is unknown.",
    usedBy: MASTER,
    default: "5s",
    // 0 (for ever) in the original's production, by a slip; a caller must get an answer.
    profileDefaults: { staging: "10s", production: "15s" },
    legacyEnv: ["RAFT_APPLY_TIMEOUT"],
  }),
  snapshot_interval: key(duration({ min: "1s", max: "24h" }), {
    doc: "How often a master looks whether its log is due for a snapshot.",
    usedBy: MASTER,
    default: "30s",
    profileDefaults: { staging: "120s", production: "300s" },
    legacyEnv: ["RAFT_SNAPSHOT_INTERVAL"],
  }),
  snapshot_threshold: key(integer({ min: 1, max: 1_000_000_000 }), {
    doc: "Entries applied since the last snapshot that make one due.",
    usedBy: MASTER,
    default: 100,
    profileDefaults: { staging: 8192, production: 16384 },
    legacyEnv: ["RAFT_SNAPSHOT_THRESHOLD"],
  }),
  entry_bytes_max: key(bytes({ min: "128KiB", max: "64MiB" }), {
    doc: "Longest single log entry; a change that would be longer is refused.",
    usedBy: MASTER,
    default: "8MiB",
  }),
  proposal_queue_max: key(integer({ min: 1, max: 1_000_000 }), {
    doc: "Changes that may wait for the log at once; the next is refused as RESOURCE_EXHAUSTED.",
    usedBy: MASTER,
    default: 8192,
  }),
};

/** `grpc.*` */
export const grpcKeys = {
  master_port: key(port(), {
    doc: "Port of the master's gRPC services.",
    usedBy: MASTER,
    default: 9000,
    legacyEnv: ["GRPC_MASTER_PORT"],
    flags: flag("grpc-port", MASTER),
  }),
  worker_port: key(port({ zeroIsOff: true }), {
    doc: "Port on which a worker serves WorkerService (AssignJob, CancelJob), through which jobs " +
      "can be delivered to it. 0: none, so that it gets its work over its stream alone, as " +
      "does, in development, a worker that finds the default port taken.",
    usedBy: WORKER,
    default: 9001,
    legacyEnv: ["GRPC_WORKER_PORT"],
    flags: flag("grpc-port", WORKER),
  }),
  max_msg_size: key(bytes({ min: "128KiB", max: "1GiB" }), {
    doc: "Longest gRPC message that is sent or accepted between clients, workers and masters.",
    usedBy: EVERYONE,
    default: 4_194_304,
    legacyEnv: ["GRPC_MAX_MSG_SIZE"],
  }),
  dial_timeout: key(duration({ min: "1ms", max: "10m" }), {
    doc:
      "How long one attempt to connect to one address may take, TLS handshake included, before " +
      "the next address is tried and this one is dialled again.",
    usedBy: EVERYONE,
    default: "2s",
    profileDefaults: { staging: "3s", production: "5s" },
    legacyEnv: ["GRPC_DIAL_TIMEOUT"],
  }),
  connection_wait: key(duration({ min: "1ms", max: "10m" }), {
    doc:
      "How long a call waits for a connection to any of its addresses before it fails. Workers " +
      "and joining masters keep trying.",
    usedBy: EVERYONE,
    default: "2s",
    profileDefaults: { staging: "3s", production: "5s" },
    legacyEnv: ["GRPC_CONNECTION_WAIT"],
  }),
};
