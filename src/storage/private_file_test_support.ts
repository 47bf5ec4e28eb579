import assert from "node:assert/strict";
import { chmodSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/**
 * Whatever `open` makes in the directory is for its owner alone, while it is open and afterwards, and
 * whatever the umask lets others do; and what was open to others before is closed to them.
 */
export function assertPrivate(directory: string, open: () => { close(): void }): void {
  const check = (when: string) => {
    for (const name of readdirSync(directory)) {
      assert.equal(statSync(join(directory, name)).mode & 0o777, 0o600, `${name}, ${when}`);
    }
  };
  const umask = Deno.umask(0o022);
  try {
    const first = open();
    check("made and open");
    // As an older program leaves them that is killed, write-ahead log and all.
    const left = readdirSync(directory).map((name) => join(directory, name))
      .map((path) => ({ path, bytes: readFileSync(path) }));
    first.close();
    for (const { path, bytes } of left) {
      writeFileSync(path, bytes);
      chmodSync(path, 0o644);
    }
    const again = open();
    check("opened again");
    again.close();
    check("closed");
  } finally {
    Deno.umask(umask);
  }
}
