/**
 * One run of the fuzzer: everything hostile at one live master, which has to serve afterwards.
 *
 * @module
 */

import { Client, credentials } from "@grpc/grpc-js";
import { MasterService } from "../../src/rpc/mod.ts";
import { end, onHost } from "../e2e/support.ts";
import { Random } from "../simulation/random.ts";
import { CLIENT_METHODS, fuzzCalls } from "./calls.ts";
import { abuse, ABUSES } from "./http2.ts";
import { commandBadly, readBadConfig } from "./offline.ts";
import { askBadly } from "./pages.ts";

/** A node of these tests may grow by so many bytes: it holds the jobs that it was given, too. */
export const GROWTH_BYTES_MAX = 400 * 1024 * 1024;

const NOOP = { type: "noop", payload: new TextEncoder().encode("{}"), priority: 0 };

const PAGES_AT_ONCE = 20;

/** What a run found, and what it did. */
export interface FuzzReport {
  readonly findings: readonly string[];
  /** Answers to calls, by the name of their status. */
  readonly answers: ReadonlyMap<string, number>;
  readonly growthMebibytes: number;
}

/** @param iterations calls; pages, configurations and command lines are a part of as many */
export async function fuzz(seed: number, iterations: number): Promise<FuzzReport> {
  const findings: string[] = [];
  const note = (finding: string | undefined) => {
    if (finding !== undefined) findings.push(finding);
  };
  let answers: ReadonlyMap<string, number> = new Map();
  let growthMebibytes = 0;
  await onHost(async (host) => {
    const master = await host.startMaster("--log-level=error");
    const portOf = (address: string) => Number(new URL(address).port);
    const [grpcPort, httpPort] = [`http://${host.grpcAddress}`, host.httpUrl].map(portOf);
    const before = residentBytes(master.pid);

    const client = new Client(host.grpcAddress, credentials.createInsecure());
    const targets = CLIENT_METHODS.map((method) => ({ method, client }));
    const calls = await fuzzCalls(targets, iterations, new Random(seed));
    client.close();
    answers = calls.answers;
    calls.findings.forEach(note);
    note(await stillServes(host, "fuzzed messages"));

    for (const name of Object.keys(ABUSES)) {
      await abuse(() => plain(grpcPort!), name, new Random(seed));
      note(await stillServes(host, name));
    }
    const random = new Random(seed);
    for (let each = 0; each < iterations / 20; each += PAGES_AT_ONCE) {
      const asked = Array.from({ length: PAGES_AT_ONCE }, () => askBadly(httpPort!, random));
      (await Promise.all(asked)).forEach(note);
    }
    note(await stillServes(host, "bad requests for pages"));
    const growth = residentBytes(master.pid) - before;
    growthMebibytes = Math.round(growth / 1024 / 1024);
    if (growth > GROWTH_BYTES_MAX) note(`the master grew by ${growthMebibytes} MiB`);
    const code = await end(master, "SIGTERM");
    if (code !== 0) note(`the master ended with exit code ${code}`);
    const log = await Deno.readTextFile(`${host.directory}/master.log`);
    if (/invariant|uncaught|unhandled/i.test(log)) note(`the master's log: ${log.slice(0, 2_000)}`);
  });
  const random = new Random(seed);
  for (let each = 0; each < iterations / 10; each++) note(readBadConfig(random));
  for (let each = 0; each < iterations / 20; each++) note(await commandBadly(random));
  return { findings, answers, growthMebibytes };
}

type Host = Parameters<Parameters<typeof onHost>[0]>[0];

/** A job is taken, and the pages answer. */
async function stillServes(host: Host, after: string): Promise<string | undefined> {
  const library = host.library();
  try {
    await library.clusterHealth();
    await library.submit(NOOP);
    const response = await fetch(`${host.httpUrl}/health`);
    await response.body?.cancel();
    return response.ok ? undefined : `after ${after}, /health answers ${response.status}`;
  } catch (failure) {
    return `after ${after}, ${MasterService.typeName} does not serve: ${failure}`;
  } finally {
    library.close();
  }
}

function plain(port: number): Promise<Deno.Conn> {
  return Deno.connect({ hostname: "127.0.0.1", port });
}

/** Memory that a process has, in bytes. */
export function residentBytes(pid: number): number {
  const status = Deno.readTextFileSync(`/proc/${pid}/status`);
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024;
}
