/**
 * When schedules are due: cron expressions in time zones, periods, single times. Knows no clock: the
 * time to go on from is an argument. The leader asks it, and the command line without a cluster.
 *
 * @module
 */

export { cronFault, timeZoneFault } from "./cron.ts";
export { parsePointInTime } from "./local_time.ts";
export { firstOf, tickAfter, ticksThrough, timingFaults } from "./ticks.ts";
