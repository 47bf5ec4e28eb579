/** What a member tells of a job by itself, and what it has its leader tell. */

import assert from "node:assert/strict";
import { ClusterChannel } from "./channel.ts";
import { JobClient } from "./client.ts";
import { follow, jobView, startMember } from "./forwarding_test_support.ts";
import { MasterService } from "./gen/scheduler_pb.ts";
import type { JobDetails, MasterApi } from "./master_api.ts";
import { channelTo, startTestMaster } from "./server_test_support.ts";
import type { WorkerView } from "./worker_calls.ts";

/** Says that each job is so, and that it waits for what `who` believes. */
function telling(status: string, who: string): Partial<MasterApi> {
  return {
    getJob: (id) =>
      Promise.resolve(
        {
          job: { ...jobView(id, status), payload: new Uint8Array() },
          reasons: [],
          waitingReasons: status === "pending" ? [who] : [],
          attempts: [],
          progress: 0,
          progressMessage: who,
          logTail: [],
          history: [],
        } satisfies JobDetails,
      ),
  };
}

Deno.test("why a job waits, as how far one is that runs, the leader tells, at a follower too", async () => {
  for (const status of ["pending", "running", "completed"]) {
    const leader = await startMember(telling(status, "leader"), { name: "b" });
    await using follower = await startMember(telling(status, "follower"));
    follow(follower, leader);
    const channel = new ClusterChannel(channelTo([follower.address]));
    const asked = async (stale: boolean) =>
      (await channel.call(MasterService.method.getJobStatus, { jobId: "j", stale }))
        .progressMessage;
    assert.equal(await asked(false), status === "completed" ? "follower" : "leader", status);
    assert.equal(await asked(true), "follower");
    await leader.die();
    assert.equal(await asked(false), "follower", "what it knows itself is better than nothing");
    channel.close();
  }
});

Deno.test("workers are the leader's to list, and a member's that is asked for what it knows itself", async () => {
  const listing = (total: number): Partial<MasterApi> => ({
    listWorkers: () => Promise.resolve({ workers: [], total, nextCursor: "" }),
  });
  const leader = await startMember(listing(2), { name: "b" });
  await using follower = await startMember(listing(1));
  follow(follower, leader);
  const channel = new ClusterChannel(
    channelTo([follower.address], { callTimeoutMs: 2_000, followsLeader: false }),
  );
  const asked = async (stale: boolean) =>
    (await channel.call(MasterService.method.listWorkers, { stale })).total;
  assert.equal(await asked(false), 2);
  assert.equal(await asked(true), 1);
  await leader.die();
  follower.router.turn(undefined);
  follower.router.setCutOff(true);
  await assert.rejects(asked(false), {
    reason: "unavailable",
    message: /^this master hears of no leader .*; a stale answer \(stale\) needs no leader \(/,
  });
  assert.equal(await asked(true), 1);
  channel.close();
});

Deno.test("a client lists all workers page by page, also of a master that knows no pages", async () => {
  const names = Array.from({ length: 600 }, (_, at) => `w${String(at).padStart(3, "0")}`);
  const cursors: string[] = [];
  const listWorkers: MasterApi["listWorkers"] = ({ limit, cursor }) => {
    cursors.push(cursor);
    const rest = names.filter((name) => name > cursor);
    const page = rest.slice(0, limit);
    const workers = page.map((id) => ({ ...WORKER, id }));
    const nextCursor = page.length < rest.length ? page.at(-1)! : "";
    return Promise.resolve({ workers, total: names.length, nextCursor });
  };
  await using paging = await startTestMaster({ listWorkers });
  await using older = await startTestMaster({
    listWorkers: () => listWorkers({ status: "", limit: 10_000, cursor: "", stale: false }, CALL),
  });
  for (const { address } of [paging, older]) {
    const client = new JobClient(channelTo([address]));
    assert.deepEqual((await client.listWorkers()).map(({ id }) => id), names);
    client.close();
  }
  assert.deepEqual(cursors, ["", "w249", "w499", ""]);
});

const CALL = { caller: { userId: "ann", roles: [] } };
const WORKER: WorkerView = {
  ...{ id: "", address: "", slots: 1, activeJobs: 0, status: "active", lastHeartbeatMs: 1 },
  ...{ tags: {}, jobTypes: [], version: "", cpuMillis: 0, memoryBytes: 0, cpuMillisHeld: 0 },
  ...{ memoryBytesHeld: 0, typeSlots: {}, namespaces: [], incarnation: "", registeredAtMs: 1 },
  ...{ drainedBy: "", road: "stream", completedJobs: 0, failedJobs: 0 },
};
