import assert from "node:assert/strict";
import {
  CAUSES,
  isTerminal,
  isTransition,
  JOB_STATUSES,
  type JobStatus,
  TRANSITIONS,
} from "./job.ts";
import { Scene, specOf } from "./scene_test_support.ts";

/** How a job named "job" comes to stand where the table wants it; worker w1 holds it if any does. */
const reach: Record<JobStatus, (scene: Scene) => void> = {
  waiting: (scene) => scene.submit("job", { notBeforeMs: scene.nowMs + 60_000 }),
  pending: (scene) => scene.submit("job"),
  assigned: (scene) => {
    reach.pending(scene);
    scene.assign("job");
  },
  running: (scene) => {
    reach.assigned(scene);
    scene.start("job");
  },
  completed: (scene) => {
    reach.running(scene);
    scene.complete("job");
  },
  failed: (scene) => {
    reach.running(scene);
    scene.fail("job", { permanent: true });
  },
  cancelled: (scene) => {
    reach.running(scene);
    scene.cancel("job");
  },
};

/** What is asked of the job; answers the outcome in a word or two. */
const commands: Record<string, (scene: Scene) => string> = {
  "submit with the same id": (scene) =>
    said(scene.apply({ kind: "submit", jobs: [specOf("job")] })),
  "assign": (scene) =>
    said(scene.apply({
      kind: "assign",
      assignments: [{ jobId: "job", workerId: "w2", sessionId: "w2-session" }],
    })),
  "report started": (scene) => word(scene.start("job")),
  "report completed": (scene) => word(scene.complete("job")),
  "report failed": (scene) => word(scene.fail("job")),
  "report failed, permanent": (scene) => word(scene.fail("job", { permanent: true })),
  "report timed out": (scene) => word(scene.fail("job", { timedOut: true })),
  "report released": (scene) => word(scene.release("job")),
  "report completed by another worker": (scene) => word(scene.complete("job", { workerId: "w2" })),
  "report completed under an old token": (scene) => word(scene.complete("job", { token: 1 })),
  "cancel": (scene) => word(scene.cancel("job")),
  "redrive": (scene) => word(scene.redrive("job")),
  "time limit passed": (scene) => word(scene.expireAttempt("job", "timeout")),
  "not started in time": (scene) => word(scene.expireAttempt("job", "not_started")),
  "worker lost": (scene) => scene.expireWorker("w1").status,
  "worker left": (scene) =>
    scene.apply({ kind: "deregister_worker", workerId: "w1", sessionId: "w1-session" }).status,
  "worker restarted": (scene) => scene.register("w1", { sessionId: "another" }).status,
  "worker reconnected with nothing": (scene) => scene.register("w1", {}, []).status,
  "an hour passes": (scene) => {
    scene.sleep(3_600_000);
    return "done";
  },
};

type Row = readonly [command: string, ...cells: string[]];

/** In the order of JOB_STATUSES: what is answered, and the status after it. */
// deno-fmt-ignore
const table: readonly Row[] = [
  ["submit with the same id",             "id_taken waiting",    "id_taken pending",    "id_taken assigned",    "id_taken running",        "id_taken completed",    "id_taken failed",    "id_taken cancelled"],
  ["assign",                              "not_pending waiting", "assigned assigned",   "not_pending assigned", "not_pending running",     "not_pending completed", "not_pending failed", "not_pending cancelled"],
  ["report started",                      "stale_token waiting", "stale_token pending", "accepted running",     "repeated running",        "repeated completed",    "repeated failed",    "finished cancelled"],
  ["report completed",                    "stale_token waiting", "stale_token pending", "accepted completed",   "accepted completed",      "repeated completed",    "finished failed",    "finished cancelled"],
  ["report failed",                       "stale_token waiting", "stale_token pending", "accepted waiting",     "accepted waiting",        "finished completed",    "repeated failed",    "finished cancelled"],
  ["report failed, permanent",            "stale_token waiting", "stale_token pending", "accepted failed",      "accepted failed",         "finished completed",    "repeated failed",    "finished cancelled"],
  ["report timed out",                    "stale_token waiting", "stale_token pending", "accepted waiting",     "accepted waiting",        "finished completed",    "finished failed",    "finished cancelled"],
  ["report released",                     "stale_token waiting", "stale_token pending", "accepted pending",     "accepted pending",        "finished completed",    "finished failed",    "finished cancelled"],
  ["report completed by another worker",  "stale_token waiting", "stale_token pending", "stale_token assigned", "stale_token running",     "finished completed",    "finished failed",    "finished cancelled"],
  ["report completed under an old token", "stale_token waiting", "stale_token pending", "stale_token assigned", "stale_token running",     "finished completed",    "finished failed",    "finished cancelled"],
  ["cancel",                              "cancelled cancelled", "cancelled cancelled", "cancelled cancelled",  "cancelled cancelled",     "finished completed",    "finished failed",    "finished cancelled"],
  ["redrive",                             "not_dead waiting",    "not_dead pending",    "not_dead assigned",    "not_dead running",        "not_dead completed",    "redriven pending",   "not_dead cancelled"],
  ["time limit passed",                   "stale_token waiting", "stale_token pending", "ended waiting",        "ended waiting",           "stale_token completed", "stale_token failed", "stale_token cancelled"],
  ["not started in time",                 "stale_token waiting", "stale_token pending", "ended pending",        "already_started running", "stale_token completed", "stale_token failed", "stale_token cancelled"],
  ["worker lost",                         "ended waiting",       "ended pending",       "ended pending",        "ended pending",           "ended completed",       "ended failed",       "ended cancelled"],
  ["worker left",                         "ended waiting",       "ended pending",       "ended pending",        "ended pending",           "ended completed",       "ended failed",       "ended cancelled"],
  ["worker restarted",                    "registered waiting",  "registered pending",  "registered pending",   "registered pending",      "registered completed",  "registered failed",  "registered cancelled"],
  ["worker reconnected with nothing",     "registered waiting",  "registered pending",  "registered pending",   "registered pending",      "registered completed",  "registered failed",  "registered cancelled"],
  ["an hour passes",                      "done pending",        "done pending",        "done assigned",        "done running",            "done completed",        "done failed",        "done cancelled"],
];

for (const [name, ...cells] of table) {
  JOB_STATUSES.forEach((status, column) => {
    const [answer, after] = cells[column]!.split(" ");
    for (const when of ["before", "after"]) {
      Deno.test(`${name}: a ${status} job answers ${answer} and is ${after}, ${when} a flush`, () => {
        const scene = new Scene();
        scene.register("w1");
        scene.register("w2");
        reach[status](scene);
        if (when === "after") scene.machine.flush();
        assert.equal(commands[name]!(scene), answer);
        assert.equal(scene.job("job").status, after);
        scene.machine.flush();
        assert.equal(scene.job("job").status, after);
      });
    }
  });
}

Deno.test("the table has a row for every command and a cell for every status", () => {
  assert.deepEqual(table.map(([name]) => name).sort(), Object.keys(commands).sort());
  for (const [name, ...cells] of table) assert.equal(cells.length, JOB_STATUSES.length, name);
});

Deno.test("nothing leads out of completed and cancelled, and only a redrive out of failed", () => {
  const found = JOB_STATUSES.filter(isTerminal).flatMap((from) =>
    JOB_STATUSES.flatMap((to) =>
      CAUSES.filter((cause) => isTransition(from, to, cause)).map((cause) => [from, to, cause])
    )
  );
  assert.deepEqual(found, [["failed", "waiting", "redrive"], ["failed", "pending", "redrive"]]);
});

Deno.test("DESIGN.md tells every change of status that there is, and no other", async () => {
  const text = await Deno.readTextFile(new URL("DESIGN.md", import.meta.url));
  const section = text.split("## Every change of status\n")[1]!.split("\n## ")[0]!;
  const told = section.split("\n").filter((line) => line.startsWith("|")).slice(2)
    .map((line) => line.replace(/ +/g, " ").trim());
  const held = TRANSITIONS.map(({ from, to, causes }) =>
    `| ${from === "" ? "(new)" : from} | ${to} | ${causes.join(", ")} |`
  );
  assert.deepEqual(told, held);
});

/** The word that tells one outcome from another. */
function word(outcome: { status: string; reason?: string; repeated?: boolean }): string {
  if (outcome.repeated === true) return "repeated";
  if (outcome.status !== "refused") return outcome.status;
  const short: Record<string, string> = { unknown_job: "unknown", not_dead_letter: "not_dead" };
  return short[outcome.reason!] ?? outcome.reason!;
}

function said(outcome: { results: readonly { status: string; reason?: string }[] }): string {
  return word(outcome.results[0]!);
}
