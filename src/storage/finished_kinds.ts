/**
 * Kinds of finished jobs: what most lists narrow by, as one small number, which is this `state.db`'s own.
 * There are as many as combinations of status, type, queue and namespace that ever came.
 */

import type { DatabaseSync, StatementSync } from "node:sqlite";
import { checksumOf, RowDamaged, verify } from "./job_store_rows.ts";

/** Status, type, queue and namespace by their numbers. */
export interface FinishedKind {
  readonly status: number;
  readonly isDeadLetter: boolean;
  readonly type: number;
  readonly queue: number;
  /** 0: the default one. */
  readonly namespace: number;
}

export class FinishedKinds {
  readonly #insert: StatementSync;
  readonly #numbers = new Map<string, number>();
  /** By their numbers, which begin with 1. */
  readonly #kinds: (FinishedKind | undefined)[] = [undefined];

  constructor(database: DatabaseSync) {
    this.#insert = database.prepare("INSERT INTO finished_kinds VALUES (?, ?, ?)");
    const rows = database.prepare("SELECT * FROM finished_kinds ORDER BY number").all();
    for (const row of rows as unknown as KindRow[]) {
      verifyKindRow(row);
      const { number, detail } = row;
      if (number !== this.#kinds.length) throw new RowDamaged("a kind of finished jobs is missing");
      const [status, dead, type, queue, namespace]: number[] = JSON.parse(detail);
      this.#add({
        status: status!,
        isDeadLetter: dead === 1,
        type: type!,
        queue: queue!,
        namespace: namespace!,
      });
    }
  }

  /** Inside a transaction. */
  numberFor(kind: FinishedKind): number {
    const known = this.#numbers.get(textOf(kind));
    if (known !== undefined) return known;
    const number = this.#kinds.length;
    const detail = textOf(kind);
    this.#insert.run(number, detail, checksumOf(`${number} ${detail}`));
    this.#add(kind);
    return number;
  }

  kindOf(number: number): FinishedKind {
    const kind = this.#kinds[number];
    if (kind === undefined) throw new RowDamaged(`kind ${number} of finished jobs is missing`);
    return kind;
  }

  /** 1 for each kind, by its number, that is looked for. */
  matching(isWanted: (kind: FinishedKind) => boolean): Uint8Array {
    return Uint8Array.from(this.#kinds, (kind) => kind !== undefined && isWanted(kind) ? 1 : 0);
  }

  #add(kind: FinishedKind): void {
    this.#numbers.set(textOf(kind), this.#kinds.length);
    this.#kinds.push(kind);
  }
}

/** @throws {RowDamaged} */
export function verifyKindRow({ number, detail, checksum }: KindRow): void {
  verify(`kind ${number} of finished jobs`, checksum, `${number} ${detail}`);
}

export interface KindRow {
  readonly number: number;
  readonly detail: string;
  readonly checksum: number;
}

function textOf({ status, isDeadLetter, type, queue, namespace }: FinishedKind): string {
  return `[${status},${isDeadLetter ? 1 : 0},${type},${queue},${namespace}]`;
}
