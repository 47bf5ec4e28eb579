/**
 * A second, tiny file that says how far the Raft log had come. SQLite can lose the commits behind a
 * damaged spot of its write-ahead log without a word; this file, which is written after every commit
 * and shares no byte with the database, tells (after PAR, FAST'18).
 */

import { SlotFile } from "./slot_file.ts";

/** What the database held when the marker was written. */
export interface MarkerRecord {
  /** Of the record; a program that knows less refuses it. */
  readonly format: number;
  readonly clusterId: string;
  readonly nodeId: string;
  readonly incarnation: string;
  /** Number of the database's commit: equal to, or one less than, what a sound database says. */
  readonly generation: number;
  readonly term: number;
  readonly vote: string | null;
  readonly lastIndex: number;
  /** Hash chain up to `lastIndex`, in hexadecimal digits. */
  readonly lastHash: string;
}

/** The format this program writes. */
export const MARKER_FORMAT = 1;

/** The marker file of one node, open for writing. */
export type DurableMarker = SlotFile<MarkerRecord>;

/** How a marker is made, opened and read. */
export const DurableMarker = {
  create: (path: string, record: MarkerRecord): DurableMarker => SlotFile.create(path, record),
  open: (path: string): DurableMarker => SlotFile.open(path),
  read: (path: string): MarkerRecord | undefined => SlotFile.read(path),
};
