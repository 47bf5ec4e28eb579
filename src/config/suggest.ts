/**
 * "Did you mean": the known name that a mistyped one is nearest to.
 *
 * @module
 */

/**
 * The candidate nearest to `name`, or undefined when none is near. A dotted candidate also counts
 * as near when its last part is right and only its section is wrong, or `name` is its beginning.
 */
export function nearest(name: string, candidates: Iterable<string>): string | undefined {
  const wanted = name.toLowerCase();
  let best: string | undefined;
  // At most a third of the name may be wrong; a longer way is another word, not a slip.
  let bestDistance = Math.max(1, Math.floor(wanted.length / 3)) + 0.5;
  for (const candidate of candidates) {
    const distance = distanceTo(wanted, candidate.toLowerCase());
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

function distanceTo(wanted: string, candidate: string): number {
  const distance = editDistance(wanted, candidate);
  const isNear = candidate.startsWith(wanted) && wanted.length >= 3 ||
    candidate.includes(".") && hasLeafOf(wanted, candidate);
  // Many sections have an `enabled`: the one whose name is nearest is meant.
  return isNear ? Math.min(distance, 1 + distance / 1000) : distance;
}

/** Whether both end in the same key, or in one section with a part of its words: `worker.worker_id`. */
function hasLeafOf(wanted: string, candidate: string): boolean {
  const [section, leaf] = parted(wanted);
  const [ownSection, ownLeaf] = parted(candidate);
  return leaf === ownLeaf || section === ownSection && ownLeaf.split("_").includes(leaf);
}

function parted(path: string): [section: string, leaf: string] {
  const dot = path.lastIndexOf(".");
  return [path.slice(0, Math.max(0, dot)), path.slice(dot + 1)];
}

/** Damerau-Levenshtein in its restricted form: insert, delete, replace, swap neighbours. */
export function editDistance(left: string, right: string): number {
  const rows: number[][] = [Array.from({ length: right.length + 1 }, (_, column) => column)];
  const at = (row: number, column: number) => rows[row]?.[column] ?? Infinity;
  for (let row = 1; row <= left.length; row++) {
    const current = [row];
    rows.push(current);
    for (let column = 1; column <= right.length; column++) {
      const same = left[row - 1] === right[column - 1];
      const swapped = left[row - 1] === right[column - 2] && left[row - 2] === right[column - 1];
      current.push(Math.min(
        at(row - 1, column) + 1,
        at(row, column - 1) + 1,
        at(row - 1, column - 1) + (same ? 0 : 1),
        swapped ? at(row - 2, column - 2) + 1 : Infinity,
      ));
    }
  }
  return at(left.length, right.length);
}
