/** Jobs: found, followed, cancelled, retried, explained; live. */

import assert from "node:assert/strict";
import type { World } from "./world.ts";

export async function followsARunningJobAndCancelsIt(world: World): Promise<void> {
  const { page } = world.admin;
  const id = await world.submit({
    type: "chatty",
    payload_json: { lines: ["first line", "second line"], fraction: 0.4, seconds: 600 },
    labels: { team: "maps" },
  });
  await world.awaitStatus(id, "running");
  await world.open("jobs");
  const type = page.getByRole("form", { name: "Filter" }).getByLabel("Type");
  await type.fill("chatty");
  await type.press("Enter");
  await page.getByText("1 job", { exact: true }).waitFor();
  assert.match(page.url(), /#\/jobs\?type=chatty$/, "the filter is in the address");
  await page.getByRole("link", { name: id }).click();
  await page.getByRole("heading", { name: `chatty ${id}` }).waitFor();
  await page.getByRole("region", { name: "Log" }).getByText("second line").waitFor();
  await page.getByText("40%").waitFor();
  await page.getByRole("region", { name: "Why it is where it is" }).getByText(/w1/).waitFor();
  await page.getByRole("button", { name: "Cancel job" }).click();
  await page.getByLabel("Reason").fill("no longer wanted");
  await page.getByRole("button", { name: "Cancel it" }).click();
  // The page is told by the job's own events.
  await page.locator(".heading .badge", { hasText: "cancelled" }).waitFor();
  assert.equal(await page.getByRole("button", { name: "Cancel job" }).count(), 0);
  assert.equal((await world.api(`jobs/${id}`)).job.status, "cancelled");
}

export async function explainsAndRetriesADeadLetter(world: World): Promise<string> {
  const { page } = world.admin;
  const id = await world.submit({
    type: "test_sleep",
    payload_json: { duration: 0, fail: "the disk is full" },
    max_retries: 1,
    retry_delay_ms: 1,
  });
  await world.awaitStatus(id, "failed");
  await world.open(`jobs/${id}`);
  await page.locator(".heading .badge", { hasText: "dead letter" }).waitFor();
  await page.getByRole("region", { name: "Why it is where it is" }).getByText("the disk is full")
    .first().waitFor();
  const attempts = page.getByRole("region", { name: "Attempts" });
  await attempts.getByText("Attempt 2", { exact: true }).waitFor();
  assert.equal(await page.getByRole("region", { name: "Result" }).count(), 0, "it left none");
  assert.equal(await attempts.locator(".attempts > li").count(), 2);
  await page.getByRole("button", { name: "Retry" }).click();
  await attempts.getByText("Attempt 3", { exact: true }).waitFor();
  await world.awaitStatus(id, "failed");
  return id;
}

export async function redrivesDeadLettersInBulk(world: World): Promise<void> {
  const { page } = world.admin;
  await Promise.all(["a", "b", "c"].map(async (name) => {
    const payload_json = { duration: 0, fail: "not yet", permanent: true };
    const labels = { bulk: "yes", name };
    const id = await world.submit({ type: "test_sleep", payload_json, labels });
    await world.awaitStatus(id, "failed");
  }));
  await world.open("dead-letters");
  await page.getByLabel("Label").fill("bulk=yes");
  await page.getByLabel("Label").press("Enter");
  await page.getByText("3 jobs that failed for good").waitFor();
  await page.getByRole("button", { name: "Retry these" }).click();
  await page.getByRole("heading", { name: "Put 3 jobs back into the queue?" }).waitFor();
  await page.getByRole("button", { name: "Retry them" }).click();
  await page.locator(".toast", { hasText: "3 jobs back in the queue." }).waitFor();
  const { jobs } = await world.api("jobs?labels=bulk%3Dyes");
  for (const { id } of jobs) {
    const { history } = await world.api(`jobs/${id}/history`);
    assert.ok(history.some(({ cause }: { cause: string }) => cause === "redrive"), id);
  }
}

export async function followsChangesInTheList(world: World): Promise<void> {
  const { page } = world.admin;
  await world.open("jobs");
  const rows = page.locator("virtual-rows tbody tr:not(.space)");
  await rows.first().waitFor();
  const id = await world.submit({ type: "chatty", payload_json: { seconds: 600 } });
  const row = page.locator("tr", { hasText: id });
  await row.locator(".badge", { hasText: "running" }).waitFor();
  await world.api(`jobs/${id}/cancel`, {});
  await row.locator(".badge", { hasText: "cancelled" }).waitFor();
}

export async function drawsDependencies(world: World): Promise<string> {
  const { page } = world.admin;
  const job = (ref: string, ...parents: string[]) => ({
    ref,
    type: "noop",
    options: { depends_on: parents.map((parent) => ({ ref: parent })) },
  });
  const { results } = await world.api("jobs/submit-many", {
    jobs: [
      { ...job("fetch"), delay_ms: 3_600_000 },
      job("left", "fetch"),
      job("right", "fetch"),
      job("join", "left", "right"),
    ],
    all_or_nothing: true,
  });
  const ids: string[] = results.map(({ job_id }: { job_id: string }) => job_id);
  await world.open(`jobs/${ids[1]}/graph`);
  const graph = page.getByRole("region", { name: "Graph", exact: true });
  await graph.locator(`a[href*="${ids[3]}"]`).waitFor();
  assert.equal(await graph.locator("a").count(), 4);
  assert.equal(await graph.locator(".edge").count(), 4);
  const columns = await Promise.all(ids.map(async (id) => {
    const box = graph.locator(`a[href*="${id}"] rect`).first();
    return Number(await box.getAttribute("x"));
  }));
  assert.ok(columns[0]! < columns[1]! && columns[1] === columns[2] && columns[2]! < columns[3]!);
  await graph.locator(`a[href*="${ids[3]}"]`).click();
  await page.getByRole("heading", { name: `noop ${ids[3]}` }).waitFor();
  return ids[1]!;
}
