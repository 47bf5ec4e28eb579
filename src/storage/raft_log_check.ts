/** What must hold before a log on disk is used. Each refusal says what was found and what to do. */

import { existsSync } from "node:fs";
import type { Entry } from "../raft/mod.ts";
import type { MarkerRecord } from "./durable_marker.ts";
import { MARKER_FORMAT } from "./durable_marker.ts";
import type { RaftLogIdentity, StateRow, StoredState } from "./raft_log_file.ts";
import { RAFT_LOG_FORMAT } from "./raft_log_file.ts";
import { chainHash, unpackRow } from "./raft_log_rows.ts";
import type { Row } from "./raft_log_rows.ts";
import { RaftLogRefused, REJOIN_ADVICE } from "./storage_failure.ts";

/** The files of a log. */
export interface RaftLogPaths {
  readonly database: string;
  readonly journal: string;
  readonly marker: string;
}

/**
 * The state row, if it is whole, of a format this program knows, and of this node and cluster.
 *
 * @throws {RaftLogRefused}
 */
export function checkIdentity(
  state: StoredState | "damaged" | undefined,
  paths: RaftLogPaths,
  expected: { readonly nodeId?: string; readonly clusterId?: string },
): StoredState {
  const refuse = (found: string) => new RaftLogRefused(`Cannot use "${paths.database}": ${found}`);
  if (state === undefined && !existsSync(paths.marker)) {
    throw refuse(
      `it is empty, and there is no "${paths.marker}": its first start was probably cut short, ` +
        "before it promised anything. If this node never ran, remove the file and start again. " +
        REJOIN_ADVICE,
    );
  }
  if (state === undefined) {
    throw refuse(`it is empty, so what this node had promised is lost. ${REJOIN_ADVICE}`);
  }
  if (state === "damaged") throw refuse(`its state row fails its checksum. ${REJOIN_ADVICE}`);
  if (state.format > RAFT_LOG_FORMAT) {
    throw refuse(
      `its format is ${state.format}, and this program knows formats up to ${RAFT_LOG_FORMAT}; ` +
        "start the newer version that wrote it",
    );
  }
  if (expected.nodeId !== undefined && state.nodeId !== expected.nodeId) {
    throw refuse(
      `it belongs to node "${state.nodeId}", not to "${expected.nodeId}"; correct the node id or ` +
        "the data directory",
    );
  }
  if (expected.clusterId !== undefined && state.clusterId !== expected.clusterId) {
    throw refuse(
      `it belongs to cluster "${state.clusterId}", not to "${expected.clusterId}"; correct the ` +
        "address to join or the data directory",
    );
  }
  return state;
}

/**
 * The marker, if it is there, whole, of a format this program knows, and of this log.
 *
 * @param present whether there is a marker file
 * @throws {RaftLogRefused}
 */
export function checkMarkerFile(
  state: StateRow,
  marker: MarkerRecord | undefined,
  paths: RaftLogPaths,
  present: boolean,
): MarkerRecord {
  const refuse = (found: string) => new RaftLogRefused(`Cannot use "${paths.database}": ${found}`);
  if (!present) {
    throw refuse(`its marker "${paths.marker}" is missing; put it back. ${REJOIN_ADVICE}`);
  }
  if (marker === undefined) {
    throw refuse(`no slot of its marker "${paths.marker}" is whole. ${REJOIN_ADVICE}`);
  }
  if (marker.format > MARKER_FORMAT) {
    throw refuse(
      `the format of "${paths.marker}" is ${marker.format}, and this program knows formats up to ` +
        `${MARKER_FORMAT}; start the newer version that wrote it`,
    );
  }
  const foreign = foreignField(state, marker);
  if (foreign !== undefined) {
    throw refuse(
      `its ${foreign} is "${state[foreign]}", but "${paths.marker}" is of "${marker[foreign]}"; ` +
        "the two files are of different data directories",
    );
  }
  return marker;
}

/**
 * Compares a database of format 1, which had no journal, with its marker: it was committed first, and
 * then the marker was written.
 *
 * @throws {RaftLogRefused} when the database lost commits, or the files do not belong together
 */
export function checkFirstFormat(
  state: StateRow,
  marker: MarkerRecord,
  paths: RaftLogPaths,
): void {
  const refuse = (found: string) => new RaftLogRefused(`Cannot use "${paths.database}": ${found}`);
  const ahead = state.generation - marker.generation;
  if (ahead < 0) throw refuse(lostCommits(state, marker, "its -wal file was"));
  if (ahead > 1) throw refuse(olderMarker(ahead, paths));
  if (ahead === 0 && !isSameCommit(state, marker)) throw refuse(differs(paths.marker));
}

/** Names the field by which two files are of different logs. */
export function foreignField(
  state: RaftLogIdentity,
  other: RaftLogIdentity,
): keyof RaftLogIdentity | undefined {
  return (["clusterId", "nodeId", "incarnation"] as const).find((field) =>
    other[field] !== state[field]
  );
}

/** Whether the marker says of its commit what the log says of it. */
export function isSameCommit(state: StateRow, marker: MarkerRecord): boolean {
  const { term, vote } = state.hardState;
  return marker.lastIndex === state.lastIndex && marker.lastHash === state.lastHash &&
    marker.term === term && marker.vote === vote;
}

/** The log ends before what its marker says was promised. */
export function lostCommits(state: StateRow, marker: MarkerRecord, files: string): string {
  return `it has lost its last ${marker.generation - state.generation} commits (it ends at index ` +
    `${state.lastIndex}, term ${state.hardState.term}; the marker recorded index ` +
    `${marker.lastIndex}, term ${marker.term}): ${files} damaged, removed or replaced by an old ` +
    "copy. This node may have voted or acknowledged what it no longer holds. " + REJOIN_ADVICE;
}

/** The marker is an old copy, or what it tells of is a newer one. */
export function olderMarker(commits: number, paths: RaftLogPaths): string {
  return `"${paths.marker}" is ${commits} commits older than it: one of them is an old copy. Put ` +
    `the right one back. ${REJOIN_ADVICE}`;
}

/** Two files say different things of one commit. */
export function differs(path: string): string {
  return `it differs from "${path}" in the same commit. ${REJOIN_ADVICE}`;
}

/** Follows the hash chain through the rows. */
export class RowChecker {
  readonly #state: StateRow;
  readonly #path: string;
  #chain: Uint8Array;
  #lastIndex: number;

  constructor(state: StateRow, path: string) {
    this.#state = state;
    this.#path = path;
    this.#chain = Uint8Array.fromHex(state.baseHash);
    this.#lastIndex = state.baseIndex;
  }

  /**
   * The entries of `row`.
   *
   * @throws {RaftLogRefused} when it does not follow the row before, or was changed
   */
  check(row: Row): Entry[] {
    const { firstIndex, lastIndex } = row;
    if (firstIndex !== this.#lastIndex + 1) {
      throw this.#refuse(`entry ${this.#lastIndex + 1} is missing; ${firstIndex} comes instead`);
    }
    const chain = chainHash(this.#chain, row.body);
    if (!equal(chain, row.chain)) {
      throw this.#refuse(`entries ${firstIndex} to ${lastIndex} fail their hash`);
    }
    const entries = unpackRow(row.body);
    if (entries[0]?.index !== firstIndex || entries.at(-1)?.index !== lastIndex) {
      throw this.#refuse(`the row of entries ${firstIndex} to ${lastIndex} holds others`);
    }
    this.#chain = chain;
    this.#lastIndex = lastIndex;
    return entries;
  }

  /** The hash of the last row. @throws {RaftLogRefused} when rows are missing at the end */
  finish(): Uint8Array {
    const { lastIndex, lastHash } = this.#state;
    if (this.#lastIndex !== lastIndex || this.#chain.toHex() !== lastHash) {
      throw this.#refuse(`it ends at index ${this.#lastIndex}, but its state says ${lastIndex}`);
    }
    return this.#chain;
  }

  #refuse(found: string): RaftLogRefused {
    return new RaftLogRefused(`Cannot use "${this.#path}": ${found}. ${REJOIN_ADVICE}`);
  }
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let at = 0; at < a.length; at++) if (a[at] !== b[at]) return false;
  return true;
}
