/**
 * `conductor type` and `conductor queue`.
 *
 * @module
 */

import { formatDuration } from "../config/mod.ts";
import type {
  Configuration,
  RateView,
  ScopeName,
  SettingsChangeView,
  StandingView,
} from "../rpc/mod.ts";
import { FlagReader } from "./arguments.ts";
import { type Connection, withClient } from "./connect.ts";
import { Misuse } from "./failure.ts";
import { timeText } from "./present.ts";
import type { Flags } from "./router.ts";
import { rateOf } from "./submission.ts";
import { renderPairs, renderTable } from "./table.ts";
import { printable, type Terminal } from "./terminal.ts";

export async function listStandings(
  scope: ScopeName,
  flags: Flags,
  terminal: Terminal,
): Promise<void> {
  await withClient(flags, terminal, async ({ client, format }) => {
    const standings = await client.listStandings(scope);
    if (format === "json") {
      const answer = { [`${scope}s`]: standings.map((each) => standingJson(scope, each)) };
      terminal.out.write(`${JSON.stringify(answer, null, 2)}\n`);
      return;
    }
    const heads = [scope.toUpperCase(), "PENDING", "WAITING", "RUNNING", "RATE"];
    terminal.out.write(renderTable(
      [...heads, ...(scope === "queue" ? ["WEIGHT"] : []), "PAUSED"],
      standings.map((each) => [
        printable(each.name),
        String(each.pending),
        String(each.waiting),
        runningText(each),
        rateText(each.rate),
        ...(scope === "queue" ? [String(each.weight)] : []),
        each.paused ? `by ${printable(each.pausedBy)}` : "",
      ]),
    ));
  });
}

/** A name that nobody has used stands at nothing, and is no fault: it may be set. */
export async function showStanding(
  scope: ScopeName,
  name: string,
  flags: Flags,
  terminal: Terminal,
): Promise<void> {
  await withClient(flags, terminal, async (connection) => {
    const standings = await connection.client.listStandings(scope);
    const standing = standings.find((each) => each.name === name) ?? { ...untouched, name };
    show(scope, standing, connection, terminal);
  });
}

export async function setLimits(
  scope: ScopeName,
  name: string,
  flags: Flags,
  terminal: Terminal,
): Promise<void> {
  const reader = new FlagReader(flags);
  const runningMax = reader.integer("maxRunning", { min: 0 });
  const weight = reader.integer("weight", { min: 1, max: 1000 });
  const rate = reader.text("rate") === "none"
    ? null
    : reader.parsed("rate", rateOf, "give count/duration[:burst], such as 10/1s, or none");
  reader.done();
  const change: SettingsChangeView = {
    ...(runningMax === undefined ? {} : { runningMax }),
    ...(rate === undefined ? {} : { rate }),
    ...(weight === undefined ? {} : { weight }),
  };
  if (Object.keys(change).length === 0) {
    const weightFlag = scope === "queue" ? ", --weight" : "";
    throw new Misuse(`nothing is to be set; give --max-running, --rate${weightFlag}`);
  }
  await configure({ scope, name, change }, flags, terminal);
}

export async function configure(
  configuration: Configuration,
  flags: Flags,
  terminal: Terminal,
): Promise<void> {
  await withClient(flags, terminal, async (connection) => {
    const { changed, standing } = await connection.client.configure(configuration);
    if (!changed) terminal.err.write("it was so before\n");
    show(configuration.scope, standing, connection, terminal);
  });
}

function show(
  scope: ScopeName,
  standing: StandingView,
  { format }: Connection,
  terminal: Terminal,
): void {
  if (format === "json") {
    terminal.out.write(`${JSON.stringify(standingJson(scope, standing), null, 2)}\n`);
    return;
  }
  const { name, paused, pausedBy, pausedAtMs, pending, waiting, weight } = standing;
  terminal.out.write(renderPairs([
    [scope === "type" ? "Type" : "Queue", printable(name)],
    ["Paused", paused ? `by ${printable(pausedBy)} since ${timeText(pausedAtMs)}` : "no"],
    ["Pending", String(pending)],
    ["Waiting", String(waiting)],
    ["Running", runningText(standing)],
    ["Rate", rateText(standing.rate) || "any"],
    ...(scope === "queue" ? [["Weight", String(weight)] as [string, string]] : []),
  ]));
}

function standingJson(scope: ScopeName, standing: StandingView): Record<string, unknown> {
  const { name, waiting, pending, assigned, running, paused, runningMax, rate } = standing;
  return {
    [scope]: name,
    ...{ waiting, pending, assigned, running, paused },
    paused_by: standing.pausedBy === "" ? null : standing.pausedBy,
    paused_at: paused ? timeText(standing.pausedAtMs) : null,
    max_running: runningMax === 0 ? null : runningMax,
    rate: rate && { count: rate.count, per_ms: rate.perMs, burst: rate.burst },
    ...(scope === "queue" ? { weight: standing.weight } : {}),
  };
}

/** Jobs that workers hold, of how many may be. */
function runningText({ assigned, running, runningMax }: StandingView): string {
  return `${assigned + running}${runningMax > 0 ? `/${runningMax}` : ""}`;
}

function rateText(rate: RateView | null): string {
  if (rate === null) return "";
  const burst = rate.burst === rate.count ? "" : `:${rate.burst}`;
  return `${rate.count}/${formatDuration(rate.perMs)}${burst}`;
}

const untouched: Omit<StandingView, "name"> = {
  waiting: 0,
  pending: 0,
  assigned: 0,
  running: 0,
  paused: false,
  pausedBy: "",
  pausedAtMs: 0,
  runningMax: 0,
  rate: null,
  weight: 1,
};
