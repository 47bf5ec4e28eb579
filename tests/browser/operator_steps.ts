/** What operators do to schedules, workers, queues and batches. */

/// <reference lib="dom" />

import assert from "node:assert/strict";
import { until } from "../e2e/support.ts";
import type { World } from "./world.ts";

export async function pausesAndResumesASchedule(world: World): Promise<void> {
  const { page } = world.admin;
  await world.api("schedules", {
    schedule: {
      name: "nightly",
      timing: { cron: "0 3 * * *", time_zone: "Europe/Berlin" },
      job: { type: "noop", namespace: "maps" },
    },
  });
  await world.open("schedules");
  await page.getByRole("cell", { name: "0 3 * * * (Europe/Berlin)" }).waitFor();
  await page.getByRole("button", { name: "Pause nightly" }).click();
  await page.getByRole("button", { name: "Resume nightly" }).waitFor();
  assert.equal((await world.api("schedules/nightly?namespace=maps")).schedule.paused, true);
  await page.getByRole("link", { name: "nightly" }).click();
  await page.getByRole("region", { name: "Next runs" }).getByRole("listitem").nth(9).waitFor();
  await page.getByRole("button", { name: "Resume" }).click();
  await page.getByRole("button", { name: "Pause" }).waitFor();
  await page.getByRole("button", { name: "Run now" }).click();
  await page.getByRole("region", { name: "Facts" }).locator("a.id").waitFor();
  const { schedule } = await world.api("schedules/nightly?namespace=maps");
  assert.deepEqual([schedule.paused, schedule.runs], [false, 1]);
}

export async function drainsAWorker(world: World): Promise<void> {
  const { page } = world.admin;
  await world.open("workers");
  await page.getByRole("button", { name: "Drain w1" }).click();
  await page.getByRole("button", { name: "Drain it" }).click();
  await page.getByRole("button", { name: "Undrain w1" }).waitFor();
  assert.equal((await world.api("workers/w1")).worker.status, "draining");
  await page.getByRole("link", { name: "w1", exact: true }).click();
  await page.getByRole("button", { name: "Undrain" }).click();
  await page.locator(".heading .badge", { hasText: "active" }).waitFor();
  assert.equal((await world.api("workers/w1")).worker.status, "active");
}

export async function pausesAQueue(world: World): Promise<void> {
  const { page } = world.admin;
  await world.submit({ type: "noop", delay_ms: 3_600_000, options: { queue: "later" } });
  await world.open("queues");
  const queues = page.getByRole("region", { name: "Queues", exact: true }).first();
  await queues.getByRole("button", { name: "Pause later" }).click();
  await queues.getByRole("button", { name: "Resume later" }).waitFor();
  await queues.getByRole("button", { name: "Limit later" }).click();
  await page.getByLabel("At most").fill("3");
  await page.getByRole("button", { name: "Set it" }).click();
  await queues.getByRole("cell", { name: "3 at once" }).waitFor();
  const found = (await world.api("queues")).queues
    .find(({ name }: { name: string }) => name === "later");
  assert.deepEqual([found.paused, found.running_max], [true, 3]);
}

export async function showsABatch(world: World): Promise<void> {
  const { page } = world.admin;
  const jobs = Array.from({ length: 4 }, () => ({ type: "noop", options: { batch_id: "crate" } }));
  jobs.push(
    { type: "noop", options: { batch_id: "crate" }, delay_ms: 3_600_000 } as typeof jobs[0],
  );
  await world.api("jobs/submit-many", { jobs });
  await world.open("batches");
  await page.getByRole("link", { name: "crate" }).click();
  await page.getByText("80% finished").waitFor();
  await page.getByRole("button", { name: "Cancel batch" }).click();
  await page.getByRole("button", { name: "Cancel it" }).click();
  await page.locator(".heading .note", { hasText: /^finished$/ }).waitFor();
}

export async function showsTheAuditLog(world: World): Promise<void> {
  const { page } = world.admin;
  await world.open("audit");
  const lines = page.getByRole("region", { name: "Lines" });
  await lines.locator("summary", { hasText: "DrainWorker" }).first().waitFor();
  await page.getByLabel("Search in these lines").fill("CancelBatch");
  await lines.locator("summary", { hasText: "CancelBatch" }).first().waitFor();
  await lines.locator("summary").first().click();
  await lines.locator(".json").getByText("seq").waitFor();
  assert.equal(await lines.locator("summary", { hasText: "DrainWorker" }).count(), 0);
}

export async function showsTheCluster(world: World): Promise<void> {
  const { page } = world.admin;
  await world.open("");
  const members = page.getByRole("region", { name: "Members" }).first();
  await members.getByRole("rowheader").first().waitFor();
  await members.getByText("leader").waitFor();
  const chart = page.locator("line-chart").first();
  await chart.waitFor();
  // Points come with the events, and more of them as time goes on.
  const points = () =>
    chart.evaluate((shown: HTMLElement & { data: { atMs: number[] } }) => shown.data.atMs.length);
  const first = await points();
  await until("two points more", async () => await points() >= first + 2);
  await page.locator("line-chart .line[d*=L]").first().waitFor({ state: "attached" });
  // The arrow keys tell the numbers of one of them.
  await chart.focus();
  await page.keyboard.press("ArrowLeft");
  await chart.locator(".at", { hasText: /^\d\d:\d\d:\d\d$/ }).waitFor();
  assert.match(await chart.getAttribute("aria-label") ?? "", /^Throughput\. Now: submitted /);
}
