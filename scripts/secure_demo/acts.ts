/**
 * What users try, whom it is allowed, and the trying.
 *
 * @module
 */

import { eventually, type Program } from "./program.ts";
import { CA, configOf, type Master, type SecureCluster, type User, USERS } from "./setup.ts";
import type { Answer, Cell } from "./verdict.ts";
import { verdictOf } from "./verdict.ts";

/** Something that a user may or may not do. */
export interface Act {
  readonly title: string;
  readonly roles: readonly string[];
  /** The command, for a job that waits and that nobody else tries. */
  readonly args?: (jobId: string) => readonly string[];
}

const READERS = ["admin", "operator", "viewer"];

/** In the order of the table; `METRICS` is a page, everything else a command. */
export const METRICS: Act = { title: "GET /metrics", roles: READERS };
export const ACTS: readonly Act[] = [
  {
    title: "submit a job",
    roles: ["admin", "operator", "submitter"],
    args: () => ["submit", "--type=noop", "--payload={}"],
  },
  {
    title: "list jobs",
    roles: [...READERS, "submitter"],
    args: () => ["list"],
  },
  {
    title: "cancel a job",
    roles: ["admin", "operator"],
    args: (jobId) => ["cancel", jobId],
  },
  {
    title: "pause a queue",
    roles: ["admin", "operator"],
    args: () => ["queue", "pause", "nightly"],
  },
  { title: "list workers", roles: READERS, args: () => ["workers"] },
  {
    title: "drain a worker",
    roles: ["admin", "operator"],
    args: () => ["workers", "drain", "w2"],
  },
  {
    title: "cluster members",
    roles: READERS,
    args: () => ["cluster", "members"],
  },
  {
    title: "cluster snapshot",
    roles: ["admin"],
    args: () => ["cluster", "snapshot"],
  },
  {
    title: "set the policy",
    roles: ["admin"],
    args: () => ["rbac", "set", "policy.json"],
  },
  {
    title: "issue a token",
    roles: ["admin"],
    args: () => ["token", "issue", "--subject=guest", "--role=viewer"],
  },
  {
    title: "revoke a token",
    roles: ["admin"],
    args: () => ["token", "revoke", "--subject=guest"],
  },
  METRICS,
];

/**
 * Every user tries every act, on the leader or on a follower: half of the users begin with the one, half with
 * the other. Users try beside each other. (`tests/matrix` tries all on both.)
 */
export async function tryEverything(
  program: Program,
  { leader, follower }: SecureCluster,
): Promise<readonly Cell[]> {
  const jobs = await waitingJobs(program, USERS.length);
  const cells = await Promise.all(USERS.map(async (user, index) => {
    const mine: Cell[] = [];
    for (const [turn, act] of ACTS.entries()) {
      const node = (index + turn) % 2 === 0 ? leader : follower;
      mine.push(await cellOf(program, user, act, node, jobs[index] ?? ""));
    }
    return mine;
  }));
  await nothingChanged(program, cells.flat(), jobs);
  return cells.flat();
}

/** On a host that is busy with other things a handshake takes its time, and says nothing of who may. */
export const PATIENT = "--set=grpc.connection_wait=60s";

async function cellOf(
  program: Program,
  user: User,
  act: Act,
  node: Master,
  jobId: string,
): Promise<Cell> {
  const answer = act.args === undefined
    ? await pageFor(program, node, user.name)
    : await program.run([...act.args(jobId), PATIENT, `--addr=${node.grpc}`], configOf(user.name));
  return {
    who: user.name,
    act: act.title,
    node: node.name,
    expected: act.roles.includes(user.role) ? "done" : "role",
    seen: verdictOf(answer),
    message: answer.message,
  };
}

/** A node's metrics, asked for with a user's certificate and token, or with nothing. */
export async function pageFor(program: Program, node: Master, user?: string): Promise<Answer> {
  const read = (file: string) => Deno.readTextFile(program.at(file));
  const pair = user === undefined
    ? {}
    : { cert: await read(`nodes/${user}.crt`), key: await read(`nodes/${user}.key`) };
  using client = Deno.createHttpClient({ caCerts: [await read(CA)], ...pair });
  const token = user === undefined ? "" : (await read(`${user}.token`)).trim();
  const response = await fetch(`https://localhost:${node.metrics}/metrics`, {
    client,
    headers: token === "" ? {} : { authorization: `Bearer ${token}` },
  });
  const text = await response.text();
  return response.ok
    ? { code: 0, message: "" }
    : { code: 1, message: String(JSON.parse(text).message) };
}

/** Jobs that no worker can take, so that each is there to be cancelled. */
async function waitingJobs(program: Program, count: number): Promise<readonly string[]> {
  const line = JSON.stringify({ type: "noop", payload: {}, require: ["gpu"] });
  await Deno.writeTextFile(program.at("waiting.jsonl"), `${line}\n`.repeat(count));
  const root = configOf("root");
  await program.done(["batch", "submit", "waiting.jsonl", "--batch", "waiting"], root);
  return await eventually("jobs that wait", async () => {
    const ids = await idsOf(program, "pending");
    return ids.length === count ? ids : undefined;
  });
}

async function idsOf(program: Program, status: string): Promise<readonly string[]> {
  const args = ["list", "--batch=waiting", `--status=${status}`, "--output=json"];
  const page = JSON.parse(await program.done(args, configOf("root")));
  return page.jobs.map(({ id }: { id: string }) => id);
}

/** What was refused must have changed nothing, and what was not must have been done. */
async function nothingChanged(
  program: Program,
  cells: readonly Cell[],
  jobs: readonly string[],
): Promise<void> {
  const cancels = cells.filter(({ act }) => act === "cancel a job");
  const expected = jobs.filter((_, index) => cancels[index]?.seen === "done").sort();
  const cancelled = [...await idsOf(program, "cancelled")].sort();
  if (JSON.stringify(cancelled) !== JSON.stringify(expected)) {
    throw new Error(`cancelled are ${cancelled}, and ${expected} were said to be`);
  }
}
