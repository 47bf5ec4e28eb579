/** A simulated network: loses, delays, doubles, reorders and damages; links may be cut one way. */

import type { Message } from "../../src/raft/mod.ts";
import type { World } from "./world.ts";

/** How bad it is. Probabilities 0 to 1; delays in ms. */
export interface NetworkWeather {
  loss: number;
  duplication: number;
  /** A message may overtake those before it on its link; others keep their order, as in a stream. */
  reordering: number;
  delayMsMin: number;
  delayMsMax: number;
  /** Of these, a message takes up to 20 times as long: the heavy tail. */
  slow: number;
  /** A snapshot chunk arrives with a changed byte. */
  damage: number;
}

/** Fair weather. */
export const FAIR: NetworkWeather = {
  loss: 0,
  duplication: 0,
  reordering: 0,
  delayMsMin: 0.5,
  delayMsMax: 3,
  slow: 0,
  damage: 0,
};

/** See the module's text. */
export class SimulatedNetwork {
  readonly #world: World;
  readonly #deliver: (message: Message, incarnation: string) => void;
  weather: NetworkWeather = { ...FAIR };
  readonly #cuts = new Set<string>();
  /** Links that hold back what they carry, and until when. */
  readonly #clogs = new Map<string, number>();
  /** When the last message of a link arrives. */
  readonly #lastArrivalMs = new Map<string, number>();
  /** Messages for which this says true are lost; for scripted scenarios. */
  drop: (message: Message) => boolean = () => false;
  sent = 0;

  constructor(world: World, deliver: (message: Message, incarnation: string) => void) {
    this.#world = world;
    this.#deliver = deliver;
  }

  /** @param incarnation of the sender, which travels along */
  send(message: Message, incarnation: string): void {
    this.sent++;
    const { random } = this.#world;
    const { weather } = this;
    if (this.#cuts.has(`${message.from}>${message.to}`) || this.drop(message)) return;
    const copies = random.chance(weather.duplication) ? 2 : 1;
    for (let copy = 0; copy < copies; copy++) {
      if (random.chance(weather.loss)) continue;
      const arriving = random.chance(weather.damage) ? damaged(message) : message;
      this.#world.after(this.#delayMs(message), () => this.#arrive(arriving, incarnation));
    }
  }

  cutOneWay(from: string, to: string): void {
    this.#cuts.add(`${from}>${to}`);
  }

  cut(a: string, b: string): void {
    this.cutOneWay(a, b);
    this.cutOneWay(b, a);
  }

  isolate(id: string, others: Iterable<string>): void {
    for (const other of others) if (other !== id) this.cut(id, other);
  }

  /** Lets only nodes of the same group reach each other. */
  partition(groups: readonly (readonly string[])[]): void {
    for (const [at, group] of groups.entries()) {
      for (const other of groups.slice(at + 1)) {
        for (const a of group) for (const b of other) this.cut(a, b);
      }
    }
  }

  /** Each sees only its two neighbours of a ring: of five, a majority, and everyone another one. */
  ring(ids: readonly string[]): void {
    for (const [at, id] of ids.entries()) {
      for (const [other, otherId] of ids.entries()) {
        const distance = Math.abs(at - other);
        if (distance > 1 && distance < ids.length - 1) this.cut(id, otherId);
      }
    }
  }

  /** The link from `from` to `to` holds back everything for `ms`, and then delivers it at once. */
  clog(from: string, to: string, ms: number): void {
    this.#clogs.set(`${from}>${to}`, this.#world.nowMs + ms);
  }

  /** Nothing is cut or held back any more. */
  heal(): void {
    this.#cuts.clear();
    this.#clogs.clear();
  }

  /** Whether `from` reaches `to`. */
  reaches(from: string, to: string): boolean {
    return !this.#cuts.has(`${from}>${to}`);
  }

  #arrive(message: Message, incarnation: string): void {
    if (this.#cuts.has(`${message.from}>${message.to}`)) return;
    this.#world.trace(summary(message));
    this.#deliver(message, incarnation);
  }

  #delayMs(message: Message): number {
    const { random, nowMs } = this.#world;
    const link = `${message.from}>${message.to}`;
    const cloggedMs = Math.max(0, (this.#clogs.get(link) ?? 0) - nowMs);
    const delayMs = this.#drawDelayMs() + cloggedMs;
    if (random.chance(this.weather.reordering)) return delayMs;
    const arrivesAtMs = Math.max(nowMs + delayMs, this.#lastArrivalMs.get(link) ?? 0);
    this.#lastArrivalMs.set(link, arrivesAtMs);
    return arrivesAtMs - nowMs;
  }

  #drawDelayMs(): number {
    const { random } = this.#world;
    const { delayMsMin, delayMsMax, slow } = this.weather;
    const delay = delayMsMin + random.next() * (delayMsMax - delayMsMin);
    return random.chance(slow) ? delay * 20 * random.next() : delay;
  }
}

/** One line about a message. */
function summary(message: Message): string {
  const head = `${message.from}>${message.to} ${message.kind} t${message.term}`;
  switch (message.kind) {
    case "append_request": {
      const { prevIndex, prevTerm, entries, commit } = message;
      const last = prevIndex + entries.length;
      return `${head} (${prevIndex},${prevTerm})..${last} commit ${commit}`;
    }
    case "append_accepted":
      return `${head} match ${message.match}`;
    case "append_rejected":
      return `${head} at ${message.prevIndex} hint (${message.hintIndex},${message.hintTerm})`;
    case "vote_request":
      return `${head} pre ${message.pre} last (${message.lastIndex},${message.lastTerm})`;
    case "vote_response":
      return `${head} pre ${message.pre} granted ${message.granted}`;
    case "heartbeat_request":
      return `${head} commit ${message.commit} round ${message.readRound}`;
    case "snapshot_chunk":
      return `${head} ${message.transferId} at ${message.offsetBytes} of ${message.totalBytes}`;
    case "snapshot_chunk_ack":
      return `${head} ${message.transferId} ${message.status} ${message.nextOffsetBytes}`;
    default:
      return head;
  }
}

/** Only snapshot chunks carry their own checksum; for the rest TLS vouches. */
function damaged(message: Message): Message {
  if (message.kind !== "snapshot_chunk" || message.data.byteLength === 0) return message;
  const data = message.data.slice();
  const at = data.byteLength >> 1;
  // A digit stays a digit: damage that only a checksum can see.
  data[at] = (data[at] ?? 0) ^ 1;
  return { ...message, data };
}
