/** What a member tells of a job by itself, and what it has its leader tell. */

import assert from "node:assert/strict";
import { ClusterChannel } from "./channel.ts";
import { follow, jobView, startMember } from "./forwarding_test_support.ts";
import { MasterService } from "./gen/scheduler_pb.ts";
import type { JobDetails, MasterApi } from "./master_api.ts";
import { channelTo } from "./server_test_support.ts";

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
