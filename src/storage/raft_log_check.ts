/** What must hold before a log on disk is used. Each refusal says what was found and what to do. */

import { existsSync } from "node:fs";
import type { Entry } from "../raft/mod.ts";
import type { MarkerRecord } from "./durable_marker.ts";
import { MARKER_FORMAT } from "./durable_marker.ts";
import type { StateRow } from "./raft_log_file.ts";
import { RAFT_LOG_FORMAT } from "./raft_log_file.ts";
import { chainHash, unpackRow } from "./raft_log_rows.ts";
import type { Row } from "./raft_log_rows.ts";
import { RaftLogRefused, REJOIN_ADVICE } from "./storage_failure.ts";

interface Paths {
  readonly database: string;
  readonly marker: string;
}

/**
 * The state row, if it is whole, of a format this program knows, and of this node and cluster.
 *
 * @throws {RaftLogRefused}
 */
export function checkIdentity(
  state: StateRow | "damaged" | undefined,
  paths: Paths,
  expected: { readonly nodeId?: string; readonly clusterId?: string },
): StateRow {
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
 * Compares the database with its marker.
 *
 * @param present whether there is a marker file
 * @throws {RaftLogRefused} when the database lost commits, or the files do not belong together
 */
export function checkMarker(
  state: StateRow,
  marker: MarkerRecord | undefined,
  paths: Paths,
  present: boolean,
): "equal" | "marker_is_one_behind" {
  const refuse = (found: string) => new RaftLogRefused(`Cannot use "${paths.database}": ${found}`);
  if (!present) {
    // The crash came while the directory was being made: nothing was promised yet.
    if (state.generation === 1) return "equal";
    throw refuse(`its marker "${paths.marker}" is missing; put it back. ${REJOIN_ADVICE}`);
  }
  if (marker === undefined) {
    throw refuse(`neither slot of its marker "${paths.marker}" is whole. ${REJOIN_ADVICE}`);
  }
  if (marker.format > MARKER_FORMAT) {
    throw refuse(
      `the format of "${paths.marker}" is ${marker.format}, and this program knows formats up to ` +
        `${MARKER_FORMAT}; start the newer version that wrote it`,
    );
  }
  const foreign = (["clusterId", "nodeId", "incarnation"] as const).find((field) =>
    marker[field] !== state[field]
  );
  if (foreign !== undefined) {
    throw refuse(
      `its ${foreign} is "${state[foreign]}", but "${paths.marker}" is of "${marker[foreign]}"; ` +
        "the two files are of different data directories",
    );
  }
  const ahead = state.generation - marker.generation;
  if (ahead < 0) {
    throw refuse(
      `it has lost its last ${-ahead} commits (it ends at index ${state.lastIndex}, term ` +
        `${state.hardState.term}; the marker recorded index ${marker.lastIndex}, term ` +
        `${marker.term}): its -wal file was damaged, removed or replaced by an old copy. This ` +
        `node may have voted or acknowledged what it no longer holds. ${REJOIN_ADVICE}`,
    );
  }
  if (ahead > 1) {
    throw refuse(
      `"${paths.marker}" is ${ahead} commits older than it: one of them is an old copy. Put the ` +
        `right one back. ${REJOIN_ADVICE}`,
    );
  }
  const { term, vote } = state.hardState;
  const same = marker.lastIndex === state.lastIndex && marker.lastHash === state.lastHash &&
    marker.term === term && marker.vote === vote;
  if (ahead === 0 && !same) {
    throw refuse(
      `it differs from its marker "${paths.marker}" in the same commit. ${REJOIN_ADVICE}`,
    );
  }
  return ahead === 0 ? "equal" : "marker_is_one_behind";
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
