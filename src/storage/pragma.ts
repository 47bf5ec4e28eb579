/**
 * Settings of an open SQLite file, as SQLite has them.
 *
 * @module
 */

import type { DatabaseSync } from "node:sqlite";

/** The value of a setting; undefined where there is none of that name. */
export function pragma(database: DatabaseSync, name: string): unknown {
  return database.prepare(`PRAGMA ${name}`).get()?.[name];
}

/**
 * Makes sure that SQLite took the settings on which the durability of a file rests: some file systems
 * make it fall back to others in silence.
 *
 * @throws Refused, with what is to be done
 */
export function assertDurable(
  database: DatabaseSync,
  path: string,
  Refused: new (message: string) => Error,
): void {
  for (const [name, wanted] of [["journal_mode", "wal"], ["synchronous", 1]] as const) {
    const found = pragma(database, name);
    if (found === wanted) continue;
    throw new Refused(
      `Cannot open "${path}": ${name} is ${found}, but must be ${wanted}; does the file system ` +
        "support shared memory and locks? Use a local disk",
    );
  }
}
