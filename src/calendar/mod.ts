/**
 * When schedules are due: cron expressions in time zones, periods, single times. It knows no clock: the
 * time to go on from is an argument. The leader asks it what comes next, and the command line asks it
 * without a cluster, for `schedule next`.
 *
 * @module
 */

export { cronFault, timeZoneFault } from "./cron.ts";
export { parsePointInTime } from "./local_time.ts";
export { firstOf, tickAfter, ticksThrough, timingFaults } from "./ticks.ts";
