import type { JobEvent } from "./job.ts";

/** Events that nobody has drained yet; when there are too many, the older half is dropped. */
export class EventLog {
  #events: JobEvent[] = [];
  #lastSeq = 0;
  readonly #eventsMax: number;

  constructor(eventsMax: number) {
    this.#eventsMax = eventsMax;
  }

  /** Of the next event. */
  get nextSeq(): number {
    return this.#lastSeq + 1;
  }

  /** @param event numbered {@linkcode nextSeq} */
  add(event: JobEvent): void {
    if (this.#events.length >= this.#eventsMax) {
      this.#events = this.#events.slice(this.#events.length - (this.#eventsMax >> 1));
    }
    this.#events.push(event);
    this.#lastSeq = event.seq;
  }

  drain(): JobEvent[] {
    const events = this.#events;
    this.#events = [];
    return events;
  }
}
