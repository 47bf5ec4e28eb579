/** Scenarios about leases and clocks, with workers, submitters and the duties of leaders. */

import type { Command } from "../../src/jobs/mod.ts";
import { JobWorld, LEASE_MS } from "./job_actors.ts";
import { healed, scenario } from "./scenario_steps.ts";
import type { Scenario } from "./scenario_steps.ts";
import { PLAIN, Script, TIMEOUT_MS } from "./script.ts";
import { encodeProposal } from "./simulated_machine.ts";

const DAY_MS = 86_400_000;

export const SCENARIOS_OF_JOBS: readonly Scenario[] = [
  scenario(
    "S19",
    "clocks of other rates, and jumps of a day, end no job twice and keep none",
    async (seed) => {
      const script = new Script(3, PLAIN, seed);
      const jobs = withJobs(script);
      script.node("n1").clockRate = 0.95;
      script.node("n3").clockRate = 1.05;
      await script.elect("n1");
      for (const [round, days] of [1, -1, 2, -3, 1].entries()) {
        await script.wait(4 * TIMEOUT_MS);
        // The next leader's clock is off by days, in either direction.
        const next = ["n2", "n3", "n1"][round % 3] ?? "n1";
        script.node(next).clockSkewMs = days * DAY_MS;
        await script.elect(next);
      }
      await script.wait(2 * LEASE_MS);
      const { oracle, jobOracle } = script.cluster;
      script.expect(jobOracle.expiredSessions === 0, "no worker that was heard of lost its lease");
      await ended(script, jobs);
      const machine = script.cluster.leader?.machine;
      if (machine !== undefined) jobOracle.judge((id) => machine.jobs.get(id)?.status);
      const fault = jobs.history.fault();
      oracle.check(fault === undefined, () => fault ?? "");
      return await healed(script);
    },
  ),
  scenario(
    "S20",
    "a leader that stalls for three leases and wakes ends nobody's lease (etcd-15247)",
    async (seed) => {
      const script = new Script(3, PLAIN, seed);
      const jobs = withJobs(script);
      await script.elect("n1");
      await script.wait(6 * TIMEOUT_MS);
      const { jobOracle } = script.cluster;
      const old = script.cluster.statusOf("n1")?.term ?? 0;
      const workers = () => script.cluster.leader?.machine?.jobs.workers() ?? [];
      script.expect(workers().length === 3, "three workers have registered");
      script.node("n1").pause();
      await script.until("another leads", () => ["n2", "n3"].some((id) => script.leads(id)));
      await script.wait(3 * LEASE_MS);
      const before = jobOracle.expiredSessions;
      script.node("n1").resume();
      // What it decides when it wakes reaches the log of the new leader, as a proposer forwards it.
      for (const { id: workerId, sessionId } of workers()) {
        const expiry: Command = {
          kind: "expire_worker",
          workerId,
          sessionId,
          reason: "silent",
          leaderTerm: old,
          atMs: 0,
        };
        script.cluster.leader?.call((raft) => {
          raft.propose(encodeProposal({ kind: "job", command: expiry })).catch(() => {});
        });
      }
      await script.wait(2 * LEASE_MS);
      script.expect(jobOracle.lateExpiries >= 3, "its expiries were looked at");
      script.expect(jobOracle.expiredSessions === before, "and none took effect");
      await ended(script, jobs);
      return await healed(script);
    },
  ),
];

/** Three workers that neither die nor stall, and two submitters. */
function withJobs(script: Script): JobWorld {
  const jobs = new JobWorld(script.cluster, 3, 2);
  for (const worker of jobs.workers) worker.troubled = false;
  return jobs;
}

/** Nothing new is submitted; all that was must end. */
async function ended(script: Script, jobs: JobWorld): Promise<void> {
  for (const each of jobs.submitters) each.stop();
  const { jobOracle } = script.cluster;
  await script.until(
    "every job has ended",
    () => jobOracle.open === 0 && jobs.submitters.every(({ busy }) => busy === 0),
    100 * TIMEOUT_MS,
  );
  script.expect(jobOracle.completions >= 10, `${jobOracle.completions} jobs were completed`);
}
