/**
 * A tiny file that says how far the Raft log had come. It shares no byte with the journal and the
 * database, so it tells when one of them has lost what was promised (after PAR, FAST'18): the last
 * record of the journal may be a torn write that nobody was told of, or rot of one that was
 * acknowledged.
 *
 * It is noted after every append and not fsynced, which a kill of the process survives; it is written
 * durably when the journal changes its area, at every start, and at an orderly stop.
 */

import { SlotFile } from "./slot_file.ts";

/** What the log held when the marker was written. */
export interface MarkerRecord {
  /** Of the record; a program that knows less refuses it. */
  readonly format: number;
  readonly clusterId: string;
  readonly nodeId: string;
  readonly incarnation: string;
  /** Number of the commit: a sound log has come as far, or further. */
  readonly generation: number;
  /** Counts the records of the marker. Absent in format 1. */
  readonly serial?: number;
  readonly term: number;
  readonly vote: string | null;
  readonly lastIndex: number;
  /** Hash chain up to `lastIndex`, in hexadecimal digits. */
  readonly lastHash: string;
  /** After an orderly stop, until the next start: the database holds everything, durably. */
  readonly isStopped?: boolean;
}

/** The format this program writes. */
export const MARKER_FORMAT = 2;

/** The marker file of one node, open for writing. */
export type DurableMarker = SlotFile<MarkerRecord>;

/** How a marker is made, opened and read. */
export const DurableMarker = {
  create: (path: string, record: MarkerRecord): DurableMarker =>
    SlotFile.create(path, record, "notes"),
  open: (path: string): DurableMarker => SlotFile.open(path),
  read: (path: string): MarkerRecord | undefined => SlotFile.read(path),
};
