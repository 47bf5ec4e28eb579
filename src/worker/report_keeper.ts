import type { AttemptReportView } from "../rpc/light.ts";

/**
 * Where the ends of attempts outlive their process until a master has acknowledged them. Two
 * implementations: a file, and nothing.
 */
export interface ReportKeeper {
  /** What an earlier process left, oldest first. */
  readonly kept: readonly AttemptReportView[];
  /** Keeps reports that are about to be sent; a fault is told of, and does not stop them. */
  keep(reports: readonly AttemptReportView[]): void;
  /** Some were acknowledged: so many, which `remaining` gives, are not. */
  settled(count: number, remaining: () => readonly AttemptReportView[]): void;
  /** Nothing is left, and nothing comes just now: what is kept of others may go. */
  rest(): void;
  /** Leaves exactly these for the next process. */
  close(remaining: readonly AttemptReportView[]): void;
}

/** Keeps nothing: what is not acknowledged when the process ends is run again. */
export const keepsNothing: ReportKeeper = {
  kept: [],
  keep() {},
  settled() {},
  rest() {},
  close() {},
};
