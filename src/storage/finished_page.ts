/**
 * Finished jobs that lie together in one row of `state.db`: heads, which are read when it is opened, and the
 * jobs themselves with their small payloads and results.
 *
 * Heads are columns, one after the other: numbers and ends of the jobs (float64), then kinds, workers and hashes
 * (uint32). The bytes of a page are the texts of all jobs, each followed by that of its result; then payloads
 * and outputs; then for each job bytes of its text, of its result's, of its payload and of its output (uint32,
 * the last three plus 1, or 0 for none). Numbers have the least byte first.
 */

import { RowDamaged } from "./job_store_rows.ts";

/**
 * Bytes of a page at most with its heads, or nearly; one larger job has a page of its own. Reading a job is
 * reading its page. Of a row SQLite keeps 1,003 bytes beside others', and the heads are in those, if the rest
 * nearly fills pages of its own (here two of 8 KiB): else it keeps up to 8,157, and heads are read
 * at eight times the cost.
 */
const PAGE_BYTES_MAX = 17_250;

const HEAD_BYTES = 2 * 8 + 3 * 4;
const NUMBERS_PER_JOB = 4;
const BUFFER_BYTES = 4 * PAGE_BYTES_MAX;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** What is known of a finished job without reading it. */
export interface FinishedHead {
  readonly seq: number;
  /** When it ended, in ms. */
  readonly ended: number;
  /** Number of its kind, see `finished_kinds.ts`, above 0. */
  readonly kind: number;
  /** Number of the name of its worker. */
  readonly worker: number;
  /** Hash of its id. */
  readonly hash: number;
}

/** What lies with a finished job. */
export interface FinishedBodies {
  /** JSON. */
  readonly text: string;
  readonly payload: Uint8Array | undefined;
  /** What its attempt gave, and what is said of that as JSON. */
  readonly output: Uint8Array | undefined;
  readonly result: string | undefined;
}

/** A page as it is written. */
export interface PackedFinished {
  readonly headBytes: Uint8Array;
  /** Good until the next page is begun. */
  readonly bytes: Uint8Array;
}

/** Puts finished jobs into pages. */
export class FinishedPacker {
  readonly #put: (page: PackedFinished) => void;
  #heads: FinishedHead[] = [];
  #bodies: FinishedBodies[] = [];
  #bytes = 0;
  #buffer = new Uint8Array(BUFFER_BYTES);

  /** @param put is handed each page that is full */
  constructor(put: (page: PackedFinished) => void) {
    this.#put = put;
  }

  add(head: FinishedHead, bodies: FinishedBodies): void {
    const { text, payload, output, result } = bodies;
    const bytes = text.length + (payload?.byteLength ?? 0) + (output?.byteLength ?? 0) +
      (result?.length ?? 0) + 4 * NUMBERS_PER_JOB + HEAD_BYTES;
    if (this.#bytes + bytes > PAGE_BYTES_MAX) this.finish();
    this.#heads.push(head);
    this.#bodies.push(bodies);
    this.#bytes += bytes;
  }

  /** Hands over what there is. */
  finish(): void {
    const heads = this.#heads;
    if (heads.length === 0) return;
    const bytes = this.#encode();
    this.clear();
    this.#put({ headBytes: encodeHeads(heads), bytes });
    if (this.#buffer.length > BUFFER_BYTES) this.#buffer = new Uint8Array(BUFFER_BYTES);
  }

  /** Forgets what was not handed over. */
  clear(): void {
    this.#heads = [];
    this.#bodies = [];
    this.#bytes = 0;
  }

  #encode(): Uint8Array {
    const jobs = this.#bodies;
    const texts: string[] = [];
    let blobBytes = 0;
    for (const { text, payload, output, result } of jobs) {
      texts.push(text);
      if (result !== undefined) texts.push(result);
      blobBytes += (payload?.byteLength ?? 0) + (output?.byteLength ?? 0);
    }
    const text = texts.join("");
    const numbersBytes = 4 * NUMBERS_PER_JOB * jobs.length;
    const bytesMax = 3 * text.length + blobBytes + numbersBytes;
    if (bytesMax > this.#buffer.length) this.#buffer = new Uint8Array(bytesMax);
    const buffer = this.#buffer;
    let at = encoder.encodeInto(text, buffer).written;
    // A text has as many bytes as characters, unless there is one beyond ASCII in any of them.
    const bytesOf = at === text.length
      ? (each: string) => each.length
      : (each: string) => encoder.encode(each).length;
    for (const { payload, output } of jobs) {
      if (payload !== undefined) {
        buffer.set(payload, at);
        at += payload.byteLength;
      }
      if (output !== undefined) {
        buffer.set(output, at);
        at += output.byteLength;
      }
    }
    const view = new DataView(buffer.buffer);
    for (const { text, payload, output, result } of jobs) {
      view.setUint32(at, bytesOf(text), true);
      view.setUint32(at + 4, result === undefined ? 0 : bytesOf(result) + 1, true);
      view.setUint32(at + 8, payload === undefined ? 0 : payload.byteLength + 1, true);
      view.setUint32(at + 12, output === undefined ? 0 : output.byteLength + 1, true);
      at += 4 * NUMBERS_PER_JOB;
    }
    return buffer.subarray(0, at);
  }
}

export function encodeHeads(heads: readonly FinishedHead[]): Uint8Array {
  const jobs = heads.length;
  const bytes = new Uint8Array(HEAD_BYTES * jobs);
  const view = new DataView(bytes.buffer);
  for (let at = 0; at < jobs; at++) {
    const { seq, ended, kind, worker, hash } = heads[at]!;
    view.setFloat64(8 * at, seq, true);
    view.setFloat64(8 * (jobs + at), ended, true);
    view.setUint32(16 * jobs + 4 * at, kind, true);
    view.setUint32(20 * jobs + 4 * at, worker, true);
    view.setUint32(24 * jobs + 4 * at, hash, true);
  }
  return bytes;
}

/** Heads as they are read; only bytes whose checksum was found right come here. */
export class FinishedHeads {
  readonly jobs: number;
  readonly #view: DataView;

  constructor(bytes: Uint8Array) {
    this.jobs = bytes.byteLength / HEAD_BYTES;
    if (!Number.isInteger(this.jobs)) throw new RowDamaged("heads of finished jobs are damaged");
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  seqAt(place: number): number {
    return this.#view.getFloat64(8 * place, true);
  }

  endedAt(place: number): number {
    return this.#view.getFloat64(8 * (this.jobs + place), true);
  }

  kindAt(place: number): number {
    return this.#view.getUint32(16 * this.jobs + 4 * place, true);
  }

  workerAt(place: number): number {
    return this.#view.getUint32(20 * this.jobs + 4 * place, true);
  }

  hashAt(place: number): number {
    return this.#view.getUint32(24 * this.jobs + 4 * place, true);
  }

  at(place: number): FinishedHead {
    return {
      seq: this.seqAt(place),
      ended: this.endedAt(place),
      kind: this.kindAt(place),
      worker: this.workerAt(place),
      hash: this.hashAt(place),
    };
  }

  /** Undefined: the job is not among them. */
  placeOf(seq: number): number | undefined {
    for (let place = 0; place < this.jobs; place++) if (this.seqAt(place) === seq) return place;
    return undefined;
  }
}

/** A page as it is read; only bytes whose checksum was found right come here. */
export class FinishedPage {
  readonly heads: FinishedHeads;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  /** Where the text of each job begins, and its payload. */
  readonly #textAt: number[] = [];
  readonly #blobAt: number[] = [];

  constructor(heads: FinishedHeads, bytes: Uint8Array) {
    this.heads = heads;
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    let at = 0;
    for (let place = 0; place < heads.jobs; place++) {
      this.#textAt.push(at);
      at += this.#number(place, 0) + Math.max(0, this.#number(place, 1) - 1);
    }
    for (let place = 0; place < heads.jobs; place++) {
      this.#blobAt.push(at);
      at += Math.max(0, this.#number(place, 2) - 1) + Math.max(0, this.#number(place, 3) - 1);
    }
    if (at !== this.#numbersAt) throw new RowDamaged("a page of finished jobs is damaged");
  }

  get byteLength(): number {
    return this.#bytes.byteLength;
  }

  textAt(place: number): string {
    const from = this.#textAt[place]!;
    return this.#text(from, from + this.#number(place, 0));
  }

  /** Payload and output are parts of the page, not copies. */
  bodiesAt(place: number): FinishedBodies {
    const [result, payload, output] = [1, 2, 3].map((which) => this.#number(place, which) - 1);
    const resultAt = this.#textAt[place]! + this.#number(place, 0);
    const payloadAt = this.#blobAt[place]!;
    const outputAt = payloadAt + Math.max(0, payload!);
    return {
      text: this.textAt(place),
      result: result! < 0 ? undefined : this.#text(resultAt, resultAt + result!),
      payload: payload! < 0 ? undefined : this.#bytes.subarray(payloadAt, payloadAt + payload!),
      output: output! < 0 ? undefined : this.#bytes.subarray(outputAt, outputAt + output!),
    };
  }

  get #numbersAt(): number {
    return this.#bytes.byteLength - 4 * NUMBERS_PER_JOB * this.heads.jobs;
  }

  #number(place: number, which: number): number {
    return this.#view.getUint32(this.#numbersAt + 4 * (NUMBERS_PER_JOB * place + which), true);
  }

  #text(from: number, to: number): string {
    return decoder.decode(this.#bytes.subarray(from, to));
  }
}
