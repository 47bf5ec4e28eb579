import type { JobEvent } from "./job.ts";

/** Events that nobody has drained yet; when there are too many, the older half is dropped. */
export class EventLog {
  #events: JobEvent[] = [];
  #lastSeq = 0;
  readonly #eventsMax: number;

  constructor(eventsMax: number) {
    this.#eventsMax = eventsMax;
  }

  add(event: Omit<JobEvent, "seq">): void {
    if (this.#events.length >= this.#eventsMax) {
      this.#events = this.#events.slice(this.#events.length - (this.#eventsMax >> 1));
    }
    this.#events.push({ seq: ++this.#lastSeq, ...event });
  }

  drain(): JobEvent[] {
    const events = this.#events;
    this.#events = [];
    return events;
  }
}
