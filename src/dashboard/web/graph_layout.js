// @ts-check
/** Where the jobs of a graph go: each right of all that it depends on, each column in a calm order. */

/**
 * @typedef {object} GraphJob
 * @property {string} id
 * @property {readonly string[]} parents ids; those that are not in the graph are left aside
 */

/**
 * @typedef {object} Place
 * @property {number} column from 0
 * @property {number} row from 0
 */

/** Times that columns are put in order after their neighbours. */
const SWEEPS = 4;

/**
 * @param {readonly GraphJob[]} jobs without cycles, which the cluster refuses
 * @returns {{ places: ReadonlyMap<string, Place>, columns: number, rows: number }}
 */
export function layOut(jobs) {
  const byId = new Map(jobs.map((job) => [job.id, job]));
  const depths = depthsOf(byId);
  /** @type {string[][]} */
  const columns = [];
  for (const { id } of jobs) (columns[depths.get(id) ?? 0] ??= []).push(id);
  const filled = columns.filter((column) => column !== undefined);
  const children = childrenOf(byId);
  for (let sweep = 0; sweep < SWEEPS; sweep++) {
    const isForward = sweep % 2 === 0;
    const order = isForward ? filled.keys().toArray() : filled.keys().toArray().reverse();
    for (const index of order) {
      const beside = filled[isForward ? index - 1 : index + 1];
      const column = filled[index];
      if (beside === undefined || column === undefined) continue;
      const position = new Map(beside.map((id, row) => [id, row]));
      const near = (/** @type {string} */ id) =>
        isForward ? byId.get(id)?.parents ?? [] : children.get(id) ?? [];
      filled[index] = sortedBy(column, (id, row) => meanOf(near(id), position) ?? row);
    }
  }
  const rows = Math.max(1, ...filled.map((column) => column.length));
  /** @type {Map<string, Place>} */
  const places = new Map();
  filled.forEach((ids, column) =>
    ids.forEach((id, index) => places.set(id, { column, row: index + (rows - ids.length) / 2 }))
  );
  return { places, columns: filled.length, rows };
}

/**
 * How many dependencies at most lie before a job.
 *
 * @param {ReadonlyMap<string, GraphJob>} byId
 */
function depthsOf(byId) {
  /** @type {Map<string, number>} */
  const depths = new Map();
  const depthOf = (/** @type {string} */ id) => {
    const known = depths.get(id);
    if (known !== undefined) return known;
    depths.set(id, 0); // should there be a cycle after all, it ends here
    const parents = (byId.get(id)?.parents ?? []).filter((parent) => byId.has(parent));
    /** @type {number} */
    const depth = parents.length === 0 ? 0 : 1 + Math.max(...parents.map(depthOf));
    depths.set(id, depth);
    return depth;
  };
  for (const id of byId.keys()) depthOf(id);
  return depths;
}

/** @param {ReadonlyMap<string, GraphJob>} byId */
function childrenOf(byId) {
  /** @type {Map<string, string[]>} */
  const children = new Map();
  for (const { id, parents } of byId.values()) {
    for (const parent of parents) children.set(parent, [...children.get(parent) ?? [], id]);
  }
  return children;
}

/**
 * @param {readonly string[]} ids
 * @param {ReadonlyMap<string, number>} position
 */
function meanOf(ids, position) {
  const there = ids.flatMap((id) => position.get(id) ?? []);
  if (there.length === 0) return undefined;
  return there.reduce((sum, each) => sum + each, 0) / there.length;
}

/**
 * @param {readonly string[]} ids
 * @param {(id: string, index: number) => number} weight
 */
function sortedBy(ids, weight) {
  return ids.map((id, index) => ({ id, index, weight: weight(id, index) }))
    .sort((a, b) => a.weight - b.weight || a.index - b.index)
    .map(({ id }) => id);
}
