/** The named scenarios: the known ways to lose data that a simulation can play. */

import type { Scenario } from "./scenario_steps.ts";
import { SCENARIOS_OF_ELECTIONS } from "./scenarios_elections.ts";
import { SCENARIOS_OF_JOBS } from "./scenarios_jobs.ts";
import { SCENARIOS_OF_LOGS } from "./scenarios_logs.ts";
import { SCENARIOS_OF_MEMBERSHIP } from "./scenarios_membership.ts";
import { SCENARIOS_OF_READS } from "./scenarios_reads.ts";

/** In the numbering of those notes; a letter behind the number is a variant. */
export const SCENARIOS: readonly Scenario[] = [
  ...SCENARIOS_OF_ELECTIONS,
  ...SCENARIOS_OF_LOGS,
  ...SCENARIOS_OF_MEMBERSHIP,
  ...SCENARIOS_OF_READS,
  ...SCENARIOS_OF_JOBS,
].sort((a, b) => Number.parseInt(a.id.slice(1)) - Number.parseInt(b.id.slice(1)));
