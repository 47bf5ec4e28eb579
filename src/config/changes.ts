/**
 * What differs between two configurations of one node, the one that it runs by and the one that its
 * file would make now.
 *
 * @module
 */

import type { LoadedConfig } from "./load.ts";
import { KEYS, valueAt } from "./schema.ts";

/** Paths of the keys whose values differ, of those that the node's role reads. */
export interface ChangedKeys {
  /** A node that runs takes these over. */
  readonly live: readonly string[];
  /** These it reads at its start alone. */
  readonly atStart: readonly string[];
}

/** What a node that runs by `before` would have to change to run by `after`. */
export function changedKeys(before: LoadedConfig, after: LoadedConfig): ChangedKeys {
  const changed = KEYS.filter(({ fields, key }) =>
    key.about.usedBy.includes(after.role) &&
    // Both are in canonical form, maps in the order in which they are written.
    JSON.stringify(valueAt(before.config, fields)) !== JSON.stringify(valueAt(after.config, fields))
  );
  const paths = (live: boolean) =>
    changed.filter(({ key }) => (key.about.live ?? false) === live).map(({ path }) => path);
  return { live: paths(true), atStart: paths(false) };
}
