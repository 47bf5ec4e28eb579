import type { JobEventView } from "./master_api.ts";

/** Passes the events of one job on, whoever tells them, so that no log line comes twice. */
export class LogReader {
  #attempt = 0;
  #nextLine: number;

  /** @param nextLine the first line that is wanted; 0: whichever comes */
  constructor(nextLine: number) {
    this.#nextLine = nextLine;
  }

  /** Whether what is kept is to be told: all of it, for it may be another attempt's by now. */
  get wantsKept(): boolean {
    return this.#nextLine > 0;
  }

  /** The event without the lines that were read before; undefined when nothing is left of it. */
  read(event: JobEventView): JobEventView | undefined {
    if (event.kind !== "log" || event.firstLine === 0) return event;
    if (this.#attempt !== 0 && event.attempt !== this.#attempt) this.#nextLine = 1;
    this.#attempt = event.attempt;
    const repeated = Math.max(0, this.#nextLine - event.firstLine);
    const lines = event.lines.slice(repeated);
    if (lines.length === 0) return undefined;
    const firstLine = event.firstLine + repeated;
    this.#nextLine = firstLine + lines.length;
    return { ...event, lines, firstLine };
  }
}
