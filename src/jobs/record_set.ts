import type { RecordValue, StoredRecord } from "./store.ts";

/**
 * Which of the small records ({@linkcode StoredRecord}) differ from the store. Whoever keeps a kind
 * of them in memory puts here what changed, and the flush takes it from here.
 */
export class RecordSet {
  readonly #all = new Map<string, StoredRecord>();
  readonly #dirty = new Map<string, Omit<StoredRecord, "value">>();

  load(records: readonly StoredRecord[]): void {
    for (const record of records) this.#all.set(nameOf(record.kind, record.key), record);
  }

  /** Of one kind, in the order in which they came. */
  *ofKind(kind: string): Generator<StoredRecord> {
    for (const record of this.#all.values()) if (record.kind === kind) yield record;
  }

  put(kind: string, key: string, value: RecordValue): void {
    this.#all.set(nameOf(kind, key), { kind, key, value });
    this.#dirty.set(nameOf(kind, key), { kind, key });
  }

  remove(kind: string, key: string): void {
    if (this.#all.delete(nameOf(kind, key))) this.#dirty.set(nameOf(kind, key), { kind, key });
  }

  get dirtyCount(): number {
    return this.#dirty.size;
  }

  /** For the flush: what is to be written, and what removed. */
  changes(): { records: StoredRecord[]; recordsRemoved: Omit<StoredRecord, "value">[] } {
    const records: StoredRecord[] = [];
    const recordsRemoved: Omit<StoredRecord, "value">[] = [];
    for (const [name, gone] of this.#dirty) {
      const record = this.#all.get(name);
      if (record === undefined) recordsRemoved.push(gone);
      else records.push(record);
    }
    return { records, recordsRemoved };
  }

  markFlushed(): void {
    this.#dirty.clear();
  }

  /** Every record, by kind and key. */
  sorted(): StoredRecord[] {
    return [...this.#all].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, record]) => record);
  }
}

function nameOf(kind: string, key: string): string {
  return `${kind}\n${key}`;
}
