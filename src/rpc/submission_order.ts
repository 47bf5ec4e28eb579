/**
 * Submissions of one call that depend on each other by `ref`.
 *
 * @module
 */

import type { Submission } from "./master_api.ts";
import { Refusal } from "./status.ts";

/**
 * Positions of the submissions, each after those that it depends on, and otherwise in their order.
 *
 * @throws Refusal `invalid` for a name that two have or none has, and for jobs that wait for each
 * other, which it names: they would wait for ever.
 */
export function parentsFirst(submissions: readonly Submission[]): number[] {
  if (!submissions.some(isNamed)) return submissions.map((_, position) => position);
  const byRef = positionsByRef(submissions);
  const order: number[] = [];
  const state = new Array<"" | "open" | "done">(submissions.length).fill("");
  submissions.forEach((_, start) => {
    if (state[start] === "done") return;
    // By hand rather than by recursion: a chain may be as long as the call.
    const path = [{ position: start, parents: parentsOf(submissions, start, byRef), next: 0 }];
    state[start] = "open";
    while (path.length > 0) {
      const step = path.at(-1)!;
      const parent = step.parents[step.next++];
      if (parent === undefined) {
        state[step.position] = "done";
        order.push(step.position);
        path.pop();
      } else if (state[parent] === "open") {
        throw cycle(submissions, [...path.map(({ position }) => position), parent]);
      } else if (state[parent] === "") {
        state[parent] = "open";
        path.push({
          position: parent,
          parents: parentsOf(submissions, parent, byRef),
          next: 0,
        });
      }
    }
  });
  return order;
}

/** Whether it has a name in its call, or names others. */
function isNamed({ ref, options }: Submission): boolean {
  return ref !== undefined ||
    options?.dependsOn?.some((parent) => parent.ref !== undefined) === true;
}

function positionsByRef(submissions: readonly Submission[]): ReadonlyMap<string, number> {
  const byRef = new Map<string, number>();
  submissions.forEach(({ ref }, position) => {
    if (ref === undefined) return;
    if (byRef.has(ref)) {
      throw new Refusal("invalid", `two jobs of the call have the ref ${quoted(ref)}`);
    }
    byRef.set(ref, position);
  });
  return byRef;
}

function parentsOf(
  submissions: readonly Submission[],
  position: number,
  byRef: ReadonlyMap<string, number>,
): number[] {
  return (submissions[position]?.options?.dependsOn ?? []).flatMap(({ ref, jobId }) => {
    if (ref === undefined) return [];
    const parent = byRef.get(ref);
    if (parent === undefined || jobId !== undefined) {
      throw new Refusal(
        "invalid",
        parent === undefined
          ? `${nameOf(submissions, position)} depends on ref ${quoted(ref)}, which no job of the ` +
            "call has"
          : `a dependency names ref ${quoted(ref)} and job ${quoted(jobId!)}; name one of them`,
      );
    }
    return [parent];
  });
}

/** `path` ends where the cycle closes. */
function cycle(submissions: readonly Submission[], path: readonly number[]): Refusal {
  const ring = path.slice(path.indexOf(path.at(-1)!));
  const names = ring.map((position) => submissions[position]?.ref?.slice(0, 80) ?? "");
  return new Refusal("invalid", `jobs wait for each other: ${names.join(" → ")}`);
}

function nameOf(submissions: readonly Submission[], position: number): string {
  const ref = submissions[position]?.ref;
  return ref === undefined ? `job ${position + 1} of the call` : `job ${quoted(ref)}`;
}

function quoted(text: string): string {
  return JSON.stringify(text.slice(0, 80));
}
