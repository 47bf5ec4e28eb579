/**
 * `deno task bench:profile`: where the processor time of a process goes while the cluster is under
 * load, or (`--kind allocated`, `--kind promoted`) where it allocates, and what of that outlives V8's new
 * generation. Writes a profile that Chrome's DevTools open, and prints the functions that take the most,
 * and what a job costs each process.
 *
 * @module
 */

import { parseArgs } from "node:util";
import { closedLoop, type Run } from "./suite/closed_loop.ts";
import { cycleLoad } from "./suite/cycles.ts";
import { cpuProfileOf, summaryOf } from "./suite/cpu_profile.ts";
import { heapProfileOf, heapSummaryOf } from "./suite/heap_profile.ts";
import { usageText } from "./suite/usage_text.ts";
import { Masters } from "./masters.ts";
import { UnaryClient } from "./suite/unary_client.ts";

const payload = new Uint8Array(200);
const job = { type: "nobodys", payload, priority: 5 };

interface Wish {
  readonly masters: number;
  readonly load: string;
  readonly inFlight: number;
  readonly of: string;
  readonly kind: "cpu" | "allocated" | "promoted";
  readonly measuredMs: number;
  readonly workers: number;
  readonly output: string;
  readonly top: number;
  /** Unary calls go to all masters in turn, and not to the leader alone. */
  readonly isSpread: boolean;
}

async function profile(wish: Wish): Promise<void> {
  await using masters = await Masters.start(wish.masters, [], { isInspected: wish.of !== "none" });
  const leader = await masters.leader();
  const client = masters.client();
  const leaderClient = masters.client(leader);
  const called = wish.isSpread ? masters.all : [leader];
  const unary = new UnaryClient(called.map(({ grpcAddress }) => grpcAddress));
  try {
    const isCycle = wish.load === "cycles";
    for (let number = 1; isCycle && number <= wish.workers; number++) {
      masters.startWorker(`w${number}`, "--concurrency=100");
    }
    while ((await leaderClient.clusterHealth()).activeWorkers < masters.workers.length) {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    const processes = [
      ...masters.all.map(({ name, process }) => ({
        name: name === leader.name ? "leader" : "follower",
        pid: process.pid!,
      })),
      ...masters.workers.map(({ process }) => ({ name: "worker", pid: process.pid! })),
      { name: "client", pid: Deno.pid },
    ];
    const common = { processes, warmUpMs: 2_000, measuredMs: wish.measuredMs };
    const batch = Array.from({ length: 100 }, () => job);
    const loads: Readonly<Record<string, () => Promise<Run>>> = {
      submits: () =>
        closedLoop({ ...common, lanes: wish.inFlight, call: () => client.submit(job) }),
      unary: () => closedLoop({ ...common, lanes: wish.inFlight, call: () => unary.submit(job) }),
      batches: () =>
        closedLoop({
          ...common,
          lanes: wish.inFlight,
          weight: batch.length,
          call: () => client.submitBatch(batch),
        }),
      cycles: () =>
        cycleLoad({
          ...common,
          lanes: Math.min(wish.inFlight, 64),
          window: wish.inFlight,
          submitter: client,
          leader: leaderClient,
          payload,
        }),
    };
    const run = loads[wish.load];
    if (run === undefined) throw new Error(`there is no load ${wish.load}`);
    const inspectors: Readonly<Record<string, string | undefined>> = {
      leader: leader.inspector,
      follower: masters.all.find((each) => each !== leader)?.inspector,
      worker: masters.workers[0]?.inspector,
    };
    const inspector = inspectors[wish.of];
    const running = run();
    if (inspector !== undefined) {
      const { warmUpMs } = common;
      const [found, summary] = wish.kind === "cpu"
        ? await cpuProfileOf(inspector, warmUpMs, wish.measuredMs)
          .then((each) => [each, summaryOf(each, wish.top)])
        : await heapProfileOf(inspector, warmUpMs, wish.measuredMs, wish.kind)
          .then((each) => [each, heapSummaryOf(each, wish.top)]);
      await Deno.writeTextFile(wish.output, JSON.stringify(found));
      console.log(summary);
      console.log(`\nwritten to ${wish.output}`);
    }
    const { perSecond, latency, usages, jobs } = await running;
    console.log(
      `\n${wish.load}, ${wish.inFlight} in flight, ${wish.masters} master(s): ` +
        `${perSecond.toFixed(0)} jobs/s, p50 ${latency.p50.toFixed(1)} ms, ` +
        `p99 ${latency.p99.toFixed(1)} ms (load ${Deno.loadavg()[0]?.toFixed(1)})`,
    );
    console.log(usageText(usages, jobs));
  } finally {
    client.close();
    leaderClient.close();
    unary.close();
  }
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      masters: { type: "string", default: "3" },
      load: { type: "string", default: "submits" },
      "in-flight": { type: "string", default: "64" },
      of: { type: "string", default: "leader" },
      kind: { type: "string", default: "cpu" },
      seconds: { type: "string", default: "5" },
      workers: { type: "string", default: "1" },
      output: { type: "string", default: "conductor.cpuprofile" },
      top: { type: "string", default: "40" },
      spread: { type: "boolean", default: false },
    },
  });
  const { kind } = values;
  if (kind !== "cpu" && kind !== "allocated" && kind !== "promoted") {
    throw new Error(`there is no kind ${kind}: cpu, allocated or promoted`);
  }
  await profile({
    kind,
    masters: Number(values.masters),
    load: values.load,
    inFlight: Number(values["in-flight"]),
    of: values.of,
    measuredMs: Number(values.seconds) * 1_000,
    workers: Number(values.workers),
    output: values.output,
    top: Number(values.top),
    isSpread: values.spread,
  });
}
