// @ts-check
/// <reference lib="dom" />
/**
 * The master's own stream: the cluster every second, and hints about jobs that changed. There is one,
 * whatever the page shows.
 */

import { openStream } from "./stream.js";

/**
 * @typedef {object} Member
 * @property {string} node_id
 * @property {string} suffrage
 * @property {string} role
 * @property {boolean} is_leader
 * @property {boolean} [answers] left out where nobody has said so: the leader alone knows of all
 * @property {number} [lag] left out where nobody leads, as what follows
 * @property {number} [last_contact_ms]
 * @property {number} match_index
 * @property {string} version
 */

/**
 * @typedef {object} Standing
 * @property {string} name
 * @property {number} waiting
 * @property {number} pending
 * @property {number} assigned
 * @property {number} running
 * @property {boolean} paused
 */

/**
 * @typedef {object} ClusterEvent
 * @property {string} node_id
 * @property {string} leader_id
 * @property {string} raft_state
 * @property {number} term
 * @property {number} commit_index
 * @property {number} applied_index
 * @property {number} last_log_index
 * @property {readonly Member[]} members
 * @property {{total: number, active: number, draining: number, disconnected: number, slots: number, busy: number}} workers
 * @property {Readonly<Record<string, number>>} jobs
 * @property {readonly Standing[]} types
 * @property {readonly Standing[]} queues
 * @property {Readonly<Record<string, number | null>>} [point] the latest of the history
 */

/**
 * @typedef {object} JobHint
 * @property {string} id
 * @property {string} status
 * @property {string} type
 */

/** @typedef {{ jobs: readonly JobHint[], more: boolean }} JobsEvent */

const CONNECTIONS = {
  open: { kind: "live", text: "Live" },
  connecting: { kind: "waiting", text: "Connecting" },
  lost: { kind: "lost", text: "Connection lost" },
  resting: { kind: "waiting", text: "Resting" },
  ended: { kind: "lost", text: "Ended" },
};
const LEADERLESS = { kind: "lost", text: "No leader" };

/**
 * How what is shown is to be taken. A master that hears of no leader answers as ever, and nothing that it
 * shows goes on.
 *
 * @param {Pick<Live, "state" | "cluster">} live
 */
export function connectionOf({ state, cluster }) {
  if (state === "open" && cluster?.leader_id === "") return LEADERLESS;
  return CONNECTIONS[state];
}

/**
 * Who is known not to answer.
 *
 * @param {readonly Pick<Member, "node_id" | "answers">[]} members
 */
export function silentOf(members) {
  return members.filter(({ answers }) => answers === false).map(({ node_id }) => node_id);
}

/**
 * How a cluster stands, in a word, and what is wrong with it.
 *
 * @param {object} cluster
 * @param {string} cluster.leader_id
 * @param {readonly Pick<Member, "node_id" | "answers">[]} cluster.members
 * @param {Pick<ClusterEvent["workers"], "active">} cluster.workers
 * @param {boolean} seesAll Whoever is confined to namespaces is told nothing of workers that work for others, too.
 * @returns {{ readonly word: "healthy" | "leaderless" | "degraded", readonly troubles: readonly string[] }}
 */
export function standingOf({ members, leader_id, workers }, seesAll) {
  const silent = silentOf(members);
  const troubles = [];
  if (leader_id === "") troubles.push("nobody leads: no job can be taken");
  else if (silent.length > 0) {
    troubles.push(`${silent.join(", ")} ${silent.length === 1 ? "does" : "do"} not answer`);
  }
  if (seesAll && workers.active === 0) troubles.push("no worker is connected: nothing runs");
  const word = leader_id === "" ? "leaderless" : troubles.length > 0 ? "degraded" : "healthy";
  return { word, troubles };
}

export class Live {
  /** @type {import("./stream.js").StreamState} */
  state = "connecting";
  /** Since when nothing comes, in ms since the epoch. @type {number | undefined} */
  lostAtMs;
  /** @type {ClusterEvent | undefined} */
  cluster;
  #targets = new EventTarget();

  /** @param {AbortSignal} signal */
  start(signal) {
    openStream("api/v1/events", {
      isEndless: true,
      signal,
      onState: (state) => {
        this.state = state;
        if (state === "lost") this.lostAtMs ??= Date.now();
        else if (state === "open") this.lostAtMs = undefined;
        this.#tell("state", state);
      },
      on: {
        cluster: (/** @type {ClusterEvent} */ event) => {
          this.cluster = event;
          this.#tell("cluster", event);
        },
        jobs: (/** @type {JobsEvent} */ event) => this.#tell("jobs", event),
      },
    });
  }

  /**
   * @template {keyof Heard} Name
   * @param {Name} name
   * @param {(detail: Heard[Name]) => void} take
   * @param {AbortSignal} signal
   */
  on(name, take, signal) {
    const listener = (/** @type {Event} */ event) =>
      take(/** @type {CustomEvent<Heard[Name]>} */ (event).detail);
    this.#targets.addEventListener(name, listener, { signal });
  }

  /** @param {string} name @param {unknown} detail */
  #tell(name, detail) {
    this.#targets.dispatchEvent(new CustomEvent(name, { detail }));
  }
}

/** @typedef {{ state: string, cluster: ClusterEvent, jobs: JobsEvent }} Heard */
