/**
 * Calls that only look. A disk that fails them ends the process; until it has ended they are sent on to
 * other masters, which have all that this one had.
 *
 * @module
 */

import { Refusal } from "../rpc/mod.ts";
import { StorageFailed } from "../storage/mod.ts";

/**
 * What `look` finds.
 *
 * @throws Refusal `unavailable` where the disk fails
 */
export async function looking<Found>(look: () => Promise<Found>): Promise<Found> {
  try {
    return await look();
  } catch (cause) {
    if (!(cause instanceof StorageFailed)) throw cause;
    throw new Refusal("unavailable", "this master's disk has failed, and it ends: ask another", {
      cause,
    });
  }
}
