/**
 * From the replicated truth, which job goes to which worker.
 *
 * Queues take turns (`jobs/queue_shares.ts`), in each the job comes first that is worth most
 * (`jobs/queue_order.ts`), and jobs that a limit holds back are not there. Jobs that the same workers
 * may run form one shape, and workers that may run the same jobs one pool, so the work is that of the
 * assignments made, plus one look for each shape.
 *
 * @module
 */

import { type Assignment, IndexedHeap, type SchedulingView } from "../jobs/mod.ts";
import { OpenShape } from "./open_jobs.ts";
import type { Policy, Random, TypePolicy } from "./policy.ts";
import { Pools } from "./pools.ts";
import { Tally } from "./tally.ts";

/** How workers are chosen. */
export interface Choice {
  readonly policy: Policy;
  /** For jobs of these types, instead of `policy`. */
  readonly typePolicies?: ReadonlyMap<string, TypePolicy>;
  readonly random: Random;
}

/** What one call of {@linkcode plan} may do, and what is already on its way. */
export interface PlanLimits {
  /** Assignments in one plan. Default 1,000. */
  readonly assignmentsMax?: number;
  /** Assignments proposed and not yet applied: their jobs, slots, turns and limits are taken. */
  readonly inFlight?: readonly Assignment[];
}

const assignmentsMaxDefault = 1000;

/**
 * The next assignments. Each job goes to the worker that the policy names among those that offer its
 * type, have its tags, do not drain, have a slot free and as much cpu and memory as it asks for. A
 * job for which nobody has room does not hold up those that somebody has room for. Depends on its
 * arguments alone.
 */
export function plan(view: SchedulingView, choice: Choice, limits: PlanLimits = {}): Assignment[] {
  const inFlight = limits.inFlight ?? [];
  const assignmentsMax = limits.assignmentsMax ?? assignmentsMaxDefault;
  const tally = new Tally(view, inFlight);
  const pools = new Pools(tally.candidates(), choice.random);
  if (pools.freeSlots === 0) return [];

  const shapes = new IndexedHeap<OpenShape>((a, b) => a.comesBefore(b));
  for (const shape of view.shapes) {
    const able = pools.ablePools(shape);
    if (able.length === 0) continue;
    const open = new OpenShape(shape, able, tally);
    if (open.advance()) shapes.push(open);
  }

  const assignments: Assignment[] = [];
  while (assignments.length < assignmentsMax && pools.freeSlots > 0) {
    const shape = shapes.peek();
    if (shape === undefined) break;
    // What was assigned since it came here may have put others before it, or closed it.
    if (shape.isStale) {
      if (shape.advance()) shapes.reposition(shape);
      else shapes.remove(shape);
      continue;
    }
    const policy = choice.typePolicies?.get(shape.requirements.type) ?? choice.policy;
    const candidate = pools.choose(shape.pools, shape.requirements, policy);
    if (candidate === undefined) {
      shapes.remove(shape);
      continue;
    }
    const { job } = shape.next;
    const { id: workerId, sessionId } = candidate.worker;
    assignments.push({ jobId: job.id, workerId, sessionId });
    pools.assign(candidate, shape.requirements, tally.nextAssignment());
    tally.take(shape.next);
  }
  return assignments;
}
