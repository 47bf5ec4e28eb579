/**
 * What is in memory of 4,096 job numbers: of each finished job among them what lists narrow by, when it
 * ended, a hash of its id, and the page that it lies in. 14 bytes a job, as side by side columns whose
 * numbers are as wide as the greatest needs. Where few are left (of what retention forgot nearly all), those
 * alone are kept.
 */

export const BLOCK_NUMBERS = 4_096;

/** Up to so many jobs are kept without room for the rest; beyond, each number has its cell. */
const FEW_MAX = 256;

type Cells = Uint8Array | Uint16Array | Uint32Array | Float64Array;

/** Cells of a number that is 2^31 ms before and after the first, in 32 bits. */
const ENDED_BEFORE = 2 ** 31;

export class FinishedBlock {
  readonly firstSeq: number;
  /** Where its jobs are in the table of ids. */
  readonly place: number;
  /** Jobs of each kind; a kind of none is not there. */
  readonly kindCounts = new Map<number, number>();
  /** No job of it ended before, and none after. */
  endedMin = Infinity;
  endedMax = -Infinity;
  #count = 0;
  /** Which number each cell is of, ascending; undefined: all of them, in order. */
  #offsets: Uint16Array | undefined;
  /** 0: there is no job. */
  #kinds: Cells = new Uint8Array(BLOCK_NUMBERS);
  #workers: Cells = new Uint8Array(BLOCK_NUMBERS);
  #pages: Cells = new Uint16Array(BLOCK_NUMBERS);
  #ended: Cells = new Uint32Array(BLOCK_NUMBERS);
  #hashes = new Uint32Array(BLOCK_NUMBERS);
  #endedFrom = 0;

  constructor(firstSeq: number, place: number) {
    this.firstSeq = firstSeq;
    this.place = place;
  }

  get count(): number {
    return this.#count;
  }

  /** Cells, of which those of no job have the kind 0. */
  get cells(): number {
    return this.#kinds.length;
  }

  /** The cell of a job; undefined: there is no such job. */
  cellOf(seq: number): number | undefined {
    const cell = this.#cellOf(seq - this.firstSeq);
    return cell < this.#kinds.length && this.seqAt(cell) === seq && this.#kinds[cell] !== 0
      ? cell
      : undefined;
  }

  seqAt(cell: number): number {
    return this.firstSeq + (this.#offsets === undefined ? cell : this.#offsets[cell]!);
  }

  kindAt(cell: number): number {
    return this.#kinds[cell]!;
  }

  workerAt(cell: number): number {
    return this.#workers[cell]!;
  }

  pageAt(cell: number): number {
    return this.#pages[cell]!;
  }

  endedAt(cell: number): number {
    return this.#endedFrom + this.#ended[cell]!;
  }

  hashAt(cell: number): number {
    return this.#hashes[cell]!;
  }

  /** Whether there may be a job of this worker. */
  mayHaveWorker(worker: number): boolean {
    return this.#workers.includes(worker);
  }

  /** A job that is not there yet. */
  put(
    seq: number,
    ended: number,
    kind: number,
    worker: number,
    hash: number,
    page: number,
  ): void {
    const cell = this.#roomFor(seq - this.firstSeq);
    if (kind > greatestIn(this.#kinds)) this.#kinds = widened(this.#kinds, kind);
    this.#kinds[cell] = kind;
    if (worker > greatestIn(this.#workers)) this.#workers = widened(this.#workers, worker);
    this.#workers[cell] = worker;
    this.#hashes[cell] = hash;
    this.#putEnded(cell, ended);
    this.setPage(cell, page);
    this.#count++;
    this.kindCounts.set(kind, (this.kindCounts.get(kind) ?? 0) + 1);
    if (ended < this.endedMin) this.endedMin = ended;
    if (ended > this.endedMax) this.endedMax = ended;
  }

  setPage(cell: number, page: number): void {
    if (page > greatestIn(this.#pages)) this.#pages = widened(this.#pages, page);
    this.#pages[cell] = page;
  }

  /** The job of this cell is not looked for any more. */
  remove(cell: number): void {
    const kind = this.#kinds[cell]!;
    const left = this.kindCounts.get(kind)! - 1;
    if (left === 0) this.kindCounts.delete(kind);
    else this.kindCounts.set(kind, left);
    this.#kinds[cell] = 0;
    this.#count--;
    if (2 * this.#count <= FEW_MAX && this.cells > FEW_MAX) this.shrink();
  }

  /** Keeps cells of the jobs that there are alone, if they are few. */
  shrink(): void {
    if (this.#count > FEW_MAX) return;
    const cells: number[] = [];
    for (let cell = 0; cell < this.cells; cell++) if (this.#kinds[cell] !== 0) cells.push(cell);
    const offsets = Uint16Array.from(cells, (cell) => this.seqAt(cell) - this.firstSeq);
    this.#mapCells((from) => {
      const to = alike(from, cells.length);
      for (const [at, cell] of cells.entries()) to[at] = from[cell]!;
      return to;
    });
    this.#offsets = offsets;
    this.endedMin = Infinity;
    this.endedMax = -Infinity;
    for (let cell = 0; cell < this.cells; cell++) {
      this.endedMin = Math.min(this.endedMin, this.endedAt(cell));
      this.endedMax = Math.max(this.endedMax, this.endedAt(cell));
    }
  }

  /** The first cell whose offset is not less. */
  #cellOf(offset: number): number {
    const offsets = this.#offsets;
    if (offsets === undefined) return offset;
    let low = 0;
    let high = offsets.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (offsets[middle]! < offset) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #roomFor(offset: number): number {
    const offsets = this.#offsets;
    if (offsets === undefined) return offset;
    const cell = this.#cellOf(offset);
    if (offsets[cell] === offset) return cell; // of a job that left
    if (offsets.length < FEW_MAX) {
      const insert = <Kind extends Cells>(from: Kind): Kind => {
        const to = alike(from, from.length + 1);
        to.set(from.subarray(0, cell));
        to.set(from.subarray(cell), cell + 1);
        return to;
      };
      this.#mapCells(insert);
      this.#offsets = insert(offsets);
      this.#offsets[cell] = offset;
      return cell;
    }
    this.#mapCells((from) => {
      const to = alike(from, BLOCK_NUMBERS);
      for (let at = 0; at < from.length; at++) to[offsets[at]!] = from[at]!;
      return to;
    });
    this.#offsets = undefined;
    return offset;
  }

  #mapCells(map: <Kind extends Cells>(cells: Kind) => Kind): void {
    this.#kinds = map(this.#kinds);
    this.#workers = map(this.#workers);
    this.#pages = map(this.#pages);
    this.#ended = map(this.#ended);
    this.#hashes = map(this.#hashes);
  }

  #putEnded(cell: number, ended: number): void {
    if (this.#count === 0 && this.#ended instanceof Uint32Array) {
      this.#endedFrom = ended - ENDED_BEFORE;
    }
    const after = ended - this.#endedFrom;
    if (after >= 0 && after < 2 * ENDED_BEFORE || this.#ended instanceof Float64Array) {
      this.#ended[cell] = after;
      return;
    }
    const from = this.#endedFrom;
    this.#ended = Float64Array.from(this.#ended, (each) => from + each);
    this.#ended[cell] = ended;
    this.#endedFrom = 0;
  }
}

/** The greatest whole number that a cell can be. */
function greatestIn(cells: Cells): number {
  switch (cells.BYTES_PER_ELEMENT) {
    case 1:
      return 0xff;
    case 2:
      return 0xffff;
    case 4:
      return 0xffffffff;
    default:
      return Number.MAX_SAFE_INTEGER;
  }
}

/** The same numbers in cells that are wide enough for `value`. */
function widened(cells: Cells, value: number): Cells {
  const { length } = cells;
  const wider = value <= 0xffff
    ? new Uint16Array(length)
    : value <= 0xffffffff
    ? new Uint32Array(length)
    : new Float64Array(length);
  wider.set(cells);
  return wider;
}

function alike<Kind extends Cells>(cells: Kind, length: number): Kind {
  const Of = cells.constructor as new (length: number) => Kind;
  return new Of(length);
}
