// @ts-check
/** When a schedule is due, in words. */

import { durationText } from "./format.js";

/** @param {import("./wire.js").ScheduleTiming} timing */
export function timingText({ cron, every_ms, at, time_zone: zone }) {
  if (cron !== undefined && cron !== "") return zone === "" ? `${cron} (UTC)` : `${cron} (${zone})`;
  if (every_ms !== undefined && every_ms > 0) return `every ${durationText(every_ms)}`;
  return at === undefined ? "" : "once";
}
