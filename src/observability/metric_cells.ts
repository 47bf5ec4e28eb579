/**
 * Where metrics count: plain numbers, found by their labels without making a key of them, so that the
 * roads that every job takes pay next to nothing. They are read when somebody scrapes.
 *
 * @module
 */

import type { LabelBound } from "./label_bound.ts";

/** Label names and the values that they may have. */
export type Labels = Readonly<Record<string, string>>;

/** One bound for each label. */
export type LabelBounds<L extends Labels> = { readonly [Name in keyof L]: LabelBound };

/** A counter or gauge of one combination of labels. */
export class NumberCell {
  readonly labels: Labels;
  value = 0;

  constructor(labels: Labels) {
    this.labels = labels;
  }
}

/** A histogram of one combination of labels. */
export class HistogramCell {
  readonly labels: Labels;
  readonly #bounds: readonly number[];
  /** Observations of each bucket alone; the last is of what is beyond all bounds. */
  readonly counts: number[];
  sum = 0;

  /** @param bounds upper ones, ascending */
  constructor(labels: Labels, bounds: readonly number[]) {
    this.labels = labels;
    this.#bounds = bounds;
    this.counts = new Array<number>(bounds.length + 1).fill(0);
  }

  /** @param times how often it was seen */
  observe(value: number, times = 1): void {
    const bounds = this.#bounds;
    let low = 0;
    for (let high = bounds.length; low < high;) {
      const middle = (low + high) >> 1;
      if (value <= bounds[middle]!) high = middle;
      else low = middle + 1;
    }
    this.counts[low]! += times;
    this.sum += value * times;
  }
}

/** A step on the way to a cell: the values of one label. */
type Branch<Cell> = Map<string, Branch<Cell> | Cell>;

/** The cells of one metric. */
export class CellTree<L extends Labels, Cell extends object> {
  readonly #bounds: readonly (readonly [name: string, bound: LabelBound])[];
  readonly #newCell: (labels: Labels) => Cell;
  readonly #root: Branch<Cell> = new Map();
  readonly #all: Cell[] = [];

  constructor(bounds: LabelBounds<L>, newCell: (labels: Labels) => Cell) {
    this.#bounds = Object.entries<LabelBound>(bounds);
    this.#newCell = newCell;
    for (const known of knownCombinations(this.#bounds)) this.of(known as L);
  }

  /** In the order in which they were first counted. */
  get all(): readonly Cell[] {
    return this.#all;
  }

  of(labels: L): Cell {
    let at: Branch<Cell> | Cell | undefined = this.#root;
    for (const [name] of this.#bounds) {
      at = (at as Branch<Cell>).get(labels[name] ?? "");
      if (at === undefined) return this.#admitted(labels);
    }
    return at as Cell;
  }

  /** Forgets all cells, by the labels' bounds too. */
  clear(): void {
    this.#root.clear();
    this.#all.length = 0;
    for (const [, bound] of this.#bounds) bound.forget?.();
  }

  #admitted(labels: L): Cell {
    const admitted: Record<string, string> = {};
    for (const [name, bound] of this.#bounds) admitted[name] = bound.admit(labels[name] ?? "");
    let branch = this.#root;
    const last = this.#bounds.length - 1;
    for (const [depth, [name]] of this.#bounds.entries()) {
      const value = admitted[name] ?? "";
      const next = branch.get(value);
      if (depth < last) {
        const under = next as Branch<Cell> | undefined ?? new Map();
        branch.set(value, under);
        branch = under;
      } else {
        if (next !== undefined) return next as Cell;
        const cell = this.#newCell(admitted);
        branch.set(value, cell);
        this.#all.push(cell);
        return cell;
      }
    }
    throw new Error("invariant: a metric with a tree of cells has labels");
  }
}

/**
 * Every combination, where all labels have known values: they are shown as zero from the start,
 * because Prometheus cannot see the first increase of what was not there before.
 */
function knownCombinations(bounds: readonly (readonly [string, LabelBound])[]): Labels[] {
  let combinations: Labels[] = [{}];
  for (const [name, { known }] of bounds) {
    if (known === undefined) return [];
    combinations = combinations.flatMap((each) =>
      known.map((value) => ({ ...each, [name]: value }))
    );
  }
  return combinations;
}
