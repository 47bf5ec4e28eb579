/**
 * Whether a database and its journal are one log, and what the database lacks of it. Nothing that was
 * acknowledged may be missing: where that cannot be shown, the log is refused.
 */

import type { MarkerRecord } from "./durable_marker.ts";
import { firstOfArea, type FoundJournal, JOURNAL_FORMAT, type JournalEnd } from "./raft_journal.ts";
import type { FoundRecord } from "./raft_journal_record.ts";
import type { RaftLogChange, StateRow, StoredState } from "./raft_log_file.ts";
import {
  differs,
  foreignField,
  isSameCommit,
  lostCommits,
  olderMarker,
  type RaftLogPaths,
} from "./raft_log_check.ts";
import { RaftLogRefused, REJOIN_ADVICE } from "./storage_failure.ts";

/** How a log that stands is gone on with. */
export interface SoundJournal {
  /** What the database lacks, oldest first. */
  readonly missing: readonly RaftLogChange[];
  /**
   * Behind which record the journal goes on. `undefined`: it is made anew, for the database holds
   * everything and the journal's file is not whole.
   */
  readonly end: JournalEnd | undefined;
  /** The last commit went to the database alone, and the journal has yet to say so. */
  readonly lacksStart: boolean;
}

/**
 * Compares the three files.
 *
 * @param found `undefined`: there is no journal
 * @throws {RaftLogRefused} when one of them lost something, or they do not belong together
 */
export function checkJournal(
  stored: StoredState,
  marker: MarkerRecord,
  found: FoundJournal | undefined,
  paths: RaftLogPaths,
): SoundJournal {
  return new JournalCheck(stored, marker, paths).check(found);
}

class JournalCheck {
  readonly #stored: StoredState;
  readonly #marker: MarkerRecord;
  readonly #paths: RaftLogPaths;
  /** Where the journal must go on from the database's commit. */
  readonly #hash: string;

  constructor(stored: StoredState, marker: MarkerRecord, paths: RaftLogPaths) {
    this.#stored = stored;
    this.#marker = marker;
    this.#paths = paths;
    if (stored.journal === undefined) {
      throw this.#refused(`it says nothing of its journal. ${REJOIN_ADVICE}`);
    }
    this.#hash = stored.journal.hash;
  }

  check(found: FoundJournal | undefined): SoundJournal {
    const { generation } = this.#stored;
    this.#checkHead(found);
    const isWhole = found !== undefined && found.fault === undefined &&
      found.records.has(generation);
    if (this.#isStopped()) {
      if (found !== undefined && found.lastGeneration > generation) {
        throw this.#refused(olderMarker(found.lastGeneration - generation, this.#paths));
      }
      // The database and the marker say the same, and so everything is there, with journal or not.
      if (!isWhole) return { missing: [], end: undefined, lacksStart: false };
    }
    if (found === undefined) {
      throw this.#refused(
        `its journal "${this.#paths.journal}" is missing; put it back. ${REJOIN_ADVICE}`,
      );
    }
    if (found.fault !== undefined) throw this.#damaged(found.fault);
    const lacksStart = this.#isAhead(found);
    const missing = this.#missing(found);
    const end = found.records.get(found.lastGeneration);
    if (end === undefined) throw this.#damaged("none of its records is whole");
    this.#checkMarker(found, end, missing.at(-1)?.state ?? this.#stored);
    return { missing, end, lacksStart };
  }

  #checkHead(found: FoundJournal | undefined): void {
    const head = found?.head;
    if (head === undefined) return;
    const { journal } = this.#paths;
    if (head.format > JOURNAL_FORMAT) {
      throw this.#refused(
        `the format of "${journal}" is ${head.format}, and this program knows formats up to ` +
          `${JOURNAL_FORMAT}; start the newer version that wrote it`,
      );
    }
    const foreign = foreignField(this.#stored, head);
    if (foreign === undefined) return;
    throw this.#refused(
      `its ${foreign} is "${this.#stored[foreign]}", but "${journal}" is of "${head[foreign]}"; ` +
        "the two files are of different data directories",
    );
  }

  /** Whether this node stopped in order and nothing was written since. */
  #isStopped(): boolean {
    const stored = this.#stored;
    const marker = this.#marker;
    if (marker.isStopped !== true) return false;
    if (stored.generation > marker.generation) {
      throw this.#refused(olderMarker(stored.generation - marker.generation, this.#paths));
    }
    return stored.generation === marker.generation && isSameCommit(stored, marker);
  }

  /** Whether the database's commit is one that the journal does not have, and need not. */
  #isAhead({ records, lastGeneration }: FoundJournal): boolean {
    const { generation, journal } = this.#stored;
    const ahead = generation - lastGeneration;
    if (ahead <= 0) return false;
    // The marker is written behind both.
    const isExpected = ahead === 1 && journal?.isAhead === true &&
      this.#marker.generation < generation && records.get(lastGeneration)?.hash === this.#hash;
    if (isExpected) return true;
    throw this.#damaged(
      `it ends ${ahead} commits before the database: its end was damaged, or it is an old copy`,
    );
  }

  /** Follows the records behind the database's commit to the last one. */
  #missing({ records, lastGeneration }: FoundJournal): RaftLogChange[] {
    const { generation } = this.#stored;
    let hash = this.#hash;
    const own = records.get(generation);
    if (own !== undefined) {
      const known = own.kind === "start" ? own.previous : own.hash;
      if (known !== hash) throw this.#refused(differs(this.#paths.journal));
      hash = own.hash;
    }
    const missing: RaftLogChange[] = [];
    for (let next = generation + 1; next <= lastGeneration; next++) {
      const record = records.get(next);
      if (record === undefined) {
        throw this.#damaged(
          `commit ${next} is not whole in it, though commit ${lastGeneration} is, and the database ` +
            `ends at commit ${generation}`,
        );
      }
      if (record.kind === "start" || record.previous !== hash) {
        throw this.#damaged(
          `commit ${next} does not follow from the database's commit ${generation}: one of them ` +
            "is an old copy",
        );
      }
      missing.push(record.change);
      hash = record.hash;
    }
    return missing;
  }

  #checkMarker(found: FoundJournal, end: JournalEnd, state: StateRow): void {
    const marker = this.#marker;
    const { marker: path, journal } = this.#paths;
    if (marker.generation > state.generation) {
      throw this.#refused(lostCommits(state, marker, `"${journal}" or its -wal file was`));
    }
    if (marker.isStopped === true && state.generation > marker.generation) {
      throw this.#refused(olderMarker(state.generation - marker.generation, this.#paths));
    }
    // It was written durably before the area of the last record was begun.
    const first = firstOfArea(found, end);
    if (first !== undefined && marker.generation < first - 1) {
      throw this.#refused(olderMarker(state.generation - marker.generation, this.#paths));
    }
    const marked = marker.generation === this.#stored.generation
      ? this.#stored
      : stateOf(found.records.get(marker.generation));
    if (marked !== undefined && !isSameCommit(marked, marker)) throw this.#refused(differs(path));
  }

  #damaged(found: string): RaftLogRefused {
    return this.#refused(
      `its journal "${this.#paths.journal}" is damaged: ${found}. This node may have voted or ` +
        `acknowledged what it no longer holds. ${REJOIN_ADVICE}`,
    );
  }

  #refused(found: string): RaftLogRefused {
    return new RaftLogRefused(`Cannot use "${this.#paths.database}": ${found}`);
  }
}

function stateOf(record: FoundRecord | undefined): StateRow | undefined {
  if (record === undefined) return undefined;
  return record.kind === "start" ? record.state : record.change.state;
}
