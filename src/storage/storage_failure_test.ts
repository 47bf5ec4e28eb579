import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { DiskFull } from "../raft/mod.ts";
import { failureOf } from "./storage_failure.ts";

/** What SQLite throws when there is no room, by way of a prepared statement or of `exec`. */
function fullDatabaseError(write: (database: DatabaseSync) => void): unknown {
  const database = new DatabaseSync(":memory:");
  try {
    database.exec("CREATE TABLE t (b BLOB); PRAGMA max_page_count = 3");
    write(database);
  } catch (failure) {
    return failure;
  } finally {
    database.close();
  }
  throw new Error("there was room");
}

const INSERT = "INSERT INTO t VALUES (zeroblob(100000))";

Deno.test("a full disk is told from other failures, whichever way SQLite was asked", () => {
  const ways = [
    (database: DatabaseSync) => void database.prepare(INSERT).run(),
    (database: DatabaseSync) => database.exec(INSERT),
  ];
  for (const way of ways) {
    assert.ok(failureOf("write", fullDatabaseError(way)) instanceof DiskFull);
  }
  const other = fullDatabaseError((database) => database.exec("INSERT INTO nowhere VALUES (1)"));
  assert.ok(!(failureOf("write", other) instanceof DiskFull));
});
