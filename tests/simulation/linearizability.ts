/**
 * Judges what clients saw of append-only lists. Every operation has a version of its list: an append
 * that made the list n long has n, a read that saw n values comes after append n and before n + 1.
 * So a history is linearizable exactly if versions agree with real time, pair by pair, which a sweep
 * decides; for histories without versions see `wing_gong.ts`.
 */

/** One operation of a client. */
export interface Operation {
  readonly client: string;
  readonly kind: "append" | "read";
  readonly key: string;
  /** Appended value. */
  readonly value: string;
  readonly invokedAtMs: number;
  /** `Infinity`: never answered, so it may have happened at any time since, or not at all. */
  returnedAtMs: number;
  /** What a read saw, or the list's length after an append. */
  seen: readonly string[];
  position: number;
}

/**
 * What is wrong with `operations`, given the final list of every key.
 *
 * @returns a sentence, or `undefined`
 */
export function faultOfHistory(
  operations: readonly Operation[],
  finalLists: ReadonlyMap<string, readonly string[]>,
): string | undefined {
  const keys = new Set(operations.map((each) => each.key));
  for (const key of keys) {
    const list = finalLists.get(key) ?? [];
    const fault = faultOfList(operations.filter((each) => each.key === key), key, list);
    if (fault !== undefined) return fault;
  }
  return undefined;
}

interface Versioned {
  readonly operation: Operation;
  /** Appends at odd places, reads between them. */
  readonly place: number;
}

function faultOfList(
  operations: readonly Operation[],
  key: string,
  list: readonly string[],
): string | undefined {
  const positions = new Map<string, number>();
  for (const [at, value] of list.entries()) {
    if (positions.has(value)) return `Linearizability: ${value} is in list ${key} twice`;
    positions.set(value, at + 1);
  }
  const versioned: Versioned[] = [];
  for (const operation of operations) {
    const { kind, value, returnedAtMs, seen } = operation;
    if (kind === "append") {
      const position = positions.get(value);
      if (position === undefined) {
        if (returnedAtMs < Infinity) {
          return `Durability: ${value} was acknowledged, but is not in list ${key}`;
        }
        continue;
      }
      const told = operation.position;
      if (returnedAtMs < Infinity && told !== position) {
        return `Linearizability: ${value} is at ${position} of list ${key}, its client was told ${told}`;
      }
      versioned.push({ operation, place: 2 * position - 1 });
    } else if (returnedAtMs < Infinity) {
      const differs = seen.findIndex((each, at) => each !== list[at]);
      if (differs >= 0) {
        return `Linearizability: ${operation.client} saw ${seen[differs]} at ${
          differs + 1
        } of list ${key}, where ` +
          `${list[differs]} is`;
      }
      versioned.push({ operation, place: 2 * seen.length });
    }
  }
  return faultInTime(versioned, key);
}

/** No operation may have a lower place than one that had returned before it was invoked. */
function faultInTime(versioned: readonly Versioned[], key: string): string | undefined {
  const byInvocation = [...versioned].sort((a, b) =>
    a.operation.invokedAtMs - b.operation.invokedAtMs
  );
  const byReturn = [...versioned].sort((a, b) =>
    a.operation.returnedAtMs - b.operation.returnedAtMs
  );
  let highest: Versioned | undefined;
  let at = 0;
  for (const each of byInvocation) {
    for (; at < byReturn.length; at++) {
      const returned = byReturn[at];
      if (returned === undefined) break;
      if (returned.operation.returnedAtMs >= each.operation.invokedAtMs) break;
      if (highest === undefined || returned.place > highest.place) highest = returned;
    }
    if (highest !== undefined && each.place < highest.place) {
      return `Linearizability: in list ${key} ${describe(each)} was invoked after ` +
        `${describe(highest)} had returned`;
    }
  }
  return undefined;
}

function describe({ operation, place }: Versioned): string {
  const { client, kind, value, invokedAtMs, returnedAtMs } = operation;
  const what = kind === "append"
    ? `append of ${value} at ${(place + 1) / 2}`
    : `read of ${place / 2}`;
  return `${client}'s ${what} (${invokedAtMs.toFixed(1)} to ${returnedAtMs.toFixed(1)} ms)`;
}
