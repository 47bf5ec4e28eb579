/** The dashboard as people use it: a master and a worker as processes, and Debian's Chromium. */

import assert from "node:assert/strict";
import { fitsAPhone, isAccessible } from "./accessibility_steps.ts";
import { chromiumPath } from "../../scripts/browser/chromium.ts";
import * as jobs from "./job_steps.ts";
import { saysHowToBegin, scrollsThroughTenThousandJobs } from "./list_steps.ts";
import * as operators from "./operator_steps.ts";
import * as results from "./result_steps.ts";
import { comesBackByItself, logsIn, logsOut, showsViewersNoButtons } from "./session_steps.ts";
import { World } from "./world.ts";

const TRANSFERRED_BYTES_MAX = 150_000;

Deno.test({
  name: "the dashboard does in a browser what it shows",
  ignore: chromiumPath() === undefined,
  fn: async (t) => {
    const world = await World.begin();
    try {
      const pages = [
        ...[
          "",
          "jobs",
          "queues",
          "batches",
          "batches/crate",
          "schedules",
          "schedules/nightly?namespace=maps",
        ],
        ...["workers", "workers/w1", "dead-letters"],
      ];
      const step = (name: string, run: () => Promise<void>) => t.step(name, run);
      await step("a token opens it, a wrong one does not", () => logsIn(world));
      await step("where there is nothing yet, it says how to begin", () => saysHowToBegin(world));
      await step("the cluster is shown live", () => operators.showsTheCluster(world));
      await step(
        "a running job is found, followed and cancelled",
        () => jobs.followsARunningJobAndCancelsIt(world),
      );
      await step("a dead letter is explained and retried", async () => {
        pages.push(`jobs/${await jobs.explainsAndRetriesADeadLetter(world)}`);
      });
      await step("dead letters are redriven in bulk", () => jobs.redrivesDeadLettersInBulk(world));
      await step("the list follows what happens", () => jobs.followsChangesInTheList(world));
      await step("dependencies are drawn", async () => {
        pages.push(`jobs/${await jobs.drawsDependencies(world)}/graph`);
      });
      await step("a picture is shown as one", async () => {
        pages.push(`jobs/${await results.showsAPicture(world)}`);
      });
      await step("rows are shown as a table", async () => {
        pages.push(`jobs/${await results.showsATable(world)}`);
      });
      await step("nothing that a job says is taken for markup", async () => {
        pages.push(`jobs/${await results.takesNothingForMarkup(world)}`);
      });
      await step(
        "a schedule is paused, resumed and run",
        () => operators.pausesAndResumesASchedule(world),
      );
      await step("a worker is drained and undrained", () => operators.drainsAWorker(world));
      await step("a queue is paused and limited", () => operators.pausesAQueue(world));
      await step("a batch is shown and cancelled", () => operators.showsABatch(world));
      await step("the audit log is shown", () => operators.showsTheAuditLog(world));
      await step("ten thousand jobs scroll and follow", () => scrollsThroughTenThousandJobs(world));
      await step(
        "viewers see no button that would be refused",
        () => showsViewersNoButtons(world, pages),
      );
      await step(
        "axe finds nothing serious on any page, light or dark",
        () => isAccessible(world, [...pages, "audit", "nowhere"]),
      );
      await step("it fits a phone", () => fitsAPhone(world, [...pages, "audit"]));
      await step("the console stayed clean, and nothing was asked of others", () => {
        const { complaints, asked, fileBytes } = world.admin.watch;
        assert.deepEqual(complaints, []);
        const outside = asked.filter((url) =>
          !url.startsWith(`${world.host.httpUrl}/`) && !url.startsWith("blob:")
        );
        assert.deepEqual(outside, []);
        // Every view was visited, and each file came once.
        assert.ok(fileBytes > 10_000 && fileBytes < TRANSFERRED_BYTES_MAX, `${fileBytes} bytes`);
        return Promise.resolve();
      });
      await step(
        "it tells that its master is gone, and comes back by itself",
        () => comesBackByItself(world),
      );
      await step("a logout closes it", () => logsOut(world));
    } finally {
      await world.end();
    }
  },
});
