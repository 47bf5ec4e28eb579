import type { DatabaseSync, StatementSync } from "node:sqlite";

/** Names of types and workers as small numbers, which are this `state.db`'s own. */
export class JobNames {
  readonly #insert: StatementSync;
  readonly #numbers = new Map<string, number>();
  #unwritten: string[] = [];
  #last = 0;

  constructor(database: DatabaseSync) {
    this.#insert = database.prepare("INSERT INTO names VALUES (?, ?)");
    for (const { id, name } of database.prepare("SELECT id, name FROM names").all()) {
      this.#numbers.set(JSON.parse(String(name)), Number(id));
      this.#last = Math.max(this.#last, Number(id));
    }
  }

  numberOf(name: string): number | undefined {
    return this.#numbers.get(name);
  }

  /** Inside a transaction. */
  numberFor(name: string): number {
    const known = this.#numbers.get(name);
    if (known !== undefined) return known;
    this.#insert.run(++this.#last, JSON.stringify(name));
    this.#numbers.set(name, this.#last);
    this.#unwritten.push(name);
    return this.#last;
  }

  /** The transaction is committed. */
  keep(): void {
    this.#unwritten = [];
  }

  /** The transaction is undone. */
  forgetUnwritten(): void {
    for (const name of this.#unwritten) this.#numbers.delete(name);
    this.#unwritten = [];
  }
}
