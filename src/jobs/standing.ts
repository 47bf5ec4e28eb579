/**
 * How a job, a type or a queue stands, for people who ask. Costs what is shown, never a scan of jobs.
 *
 * @module
 */

import type { ParentStanding } from "./dependencies.ts";
import { type Hindrance, hindrancesOf } from "./hindrance.ts";
import { queueOf } from "./job_options.ts";
import type { JobRecord } from "./job_record.ts";
import type { LiveCounts } from "./queue_shares.ts";
import type { Settings, SettingsScope } from "./settings.ts";
import type { State } from "./state.ts";

/** What a job that is not running waits for, as far as the state knows. */
export interface JobStanding {
  /** Limits that forbid a pending job to be assigned. */
  readonly hindrances: readonly Hindrance[];
  readonly parents: readonly ParentStanding[];
  readonly queue: string;
  /** Pending jobs that come before it, of those that differ from it in nothing else. */
  readonly ahead: number;
}

/** Jobs before a job that are counted at most: every look at a pending job pays for them. */
export const AHEAD_COUNTED_MAX = 100;

export function standingOf(state: State, record: JobRecord): JobStanding {
  const { job, lane } = record;
  let ahead = 0;
  const jobs = lane?.inOrder();
  for (let step = jobs?.next(); step?.done === false; step = jobs?.next()) {
    if (step.value.id === job.id || ahead === AHEAD_COUNTED_MAX) break;
    ahead++;
  }
  return {
    hindrances: job.status === "pending" ? hindrancesOf(state.backlog, record) : [],
    parents: state.dependencies.standing(job.options.dependencies),
    queue: queueOf(job),
    ahead,
  };
}

/** How a type or a queue stands. */
export interface Standing {
  readonly name: string;
  readonly settings: Settings;
  /** Its unfinished jobs. */
  readonly counts: LiveCounts;
}

const noJobs: LiveCounts = { waiting: 0, pending: 0, assigned: 0, running: 0 };

/**
 * Every type or queue that has unfinished jobs or settings, by name. With `namespaces`: that has
 * unfinished jobs in them, and those alone are counted.
 */
export function standings(
  state: State,
  scope: SettingsScope,
  namespaces?: readonly string[],
): Standing[] {
  const { settings, shares } = state.backlog;
  const counts = new Map<string, LiveCounts>();
  if (scope === "queue") {
    for (const share of shares.live()) {
      counts.set(
        share.name,
        namespaces === undefined ? share.counts : share.countsIn(namespaces),
      );
    }
  } else {
    for (const [type, each] of state.counters.snapshot(namespaces).byType) counts.set(type, each);
  }
  const isConfined = namespaces !== undefined;
  const names = new Set(isConfined ? [] : settings.all(scope).map(({ name }) => name));
  for (const [name, { waiting, pending, assigned, running }] of counts) {
    if (waiting + pending + assigned + running > 0) names.add(name);
  }
  return [...names].sort().map((name) => {
    const { waiting, pending, assigned, running } = counts.get(name) ?? noJobs;
    const live = { waiting, pending, assigned, running };
    return { name, settings: settings.of(scope, name), counts: live };
  });
}
