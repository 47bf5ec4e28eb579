/**
 * Did you mean: the nearest of some known names to one that is not known.
 *
 * @module
 */

/** The name of `known` that `written` most likely meant, when it is near enough to say so. */
export function closestTo(written: string, known: Iterable<string>): string | undefined {
  const wanted = folded(written);
  let best: string | undefined;
  // Two slips, but not half of a short word.
  let bestDistance = Math.min(2, Math.floor((wanted.length + 1) / 3)) + 1;
  for (const name of known) {
    const distance = editDistance(wanted, folded(name), bestDistance);
    if (distance < bestDistance) [best, bestDistance] = [name, distance];
  }
  return best;
}

function folded(name: string): string {
  return name.toLowerCase().replaceAll(/[-_.\s]/g, "");
}

/** Optimal string alignment: insertions, deletions, replacements and swaps of neighbours. */
function editDistance(a: string, b: string, giveUpAt: number): number {
  if (Math.abs(a.length - b.length) >= giveUpAt) return giveUpAt;
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row++) {
    const current = [row];
    for (let column = 1; column <= b.length; column++) {
      const same = a[row - 1] === b[column - 1];
      let cost = Math.min(
        last[column]! + 1,
        current[column - 1]! + 1,
        last[column - 1]! + (same ? 0 : 1),
      );
      const swapped = row > 1 && column > 1 && a[row - 1] === b[column - 2] &&
        a[row - 2] === b[column - 1];
      if (swapped) cost = Math.min(cost, beforeLast[column - 2]! + 1);
      current.push(cost);
    }
    [beforeLast, last] = [last, current];
  }
  return last[b.length]!;
}
