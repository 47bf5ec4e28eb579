/** Ten thousand jobs. */

/// <reference lib="dom" />

import assert from "node:assert/strict";
import type { World } from "./world.ts";

const JOBS = 10_000;
const CHUNK = 1_000;
/** Elements of the whole page, whatever the list's length. */
const ELEMENTS_MAX = 1_500;
/** For all pages of the list to come, on a busy machine. */
const PATIENCE_MS = 120_000;
/** Nodes below the table that one step of scrolling brings or takes away. */
const CHANGES_MAX = 600;

/** Before there is any job. */
export async function saysHowToBegin(world: World): Promise<void> {
  const { page } = world.admin;
  await world.open("jobs");
  await page.getByText("There is no job yet.").waitFor();
  await page.getByText("conductor submit --type test_sleep").waitFor();
  await world.open("jobs?type=nothing");
  await page.getByText("No job is like this.").waitFor();
  await world.open("dead-letters");
  await page.getByText("No job has failed for good.").waitFor();
  assert.equal(await page.getByRole("button", { name: /^(Retry|Purge) all$/ }).count(), 0);
}

export async function scrollsThroughTenThousandJobs(world: World): Promise<void> {
  const { page } = world.admin;
  await world.api("queues/heap/configure", { paused: true });
  for (let sent = 0; sent < JOBS; sent += CHUNK) {
    const jobs = Array.from(
      { length: CHUNK },
      () => ({ type: "noop", options: { queue: "heap" } }),
    );
    await world.api("jobs/submit-many", { jobs });
  }
  const many = await measured(world, "jobs?queue=heap");
  assert.equal(many.total, JOBS);
  assert.ok(many.elements < ELEMENTS_MAX, `${many.elements} elements`);
  assert.ok(many.rows < 100, `${many.rows} rows in the document`);
  // What the dearest step cost is the rows that came into sight, wherever in the list it was.
  assert.ok(many.changesMax < CHANGES_MAX, `${many.changesMax} nodes changed in one step`);

  // At the very end, the keys lead back to the beginning, and the list goes on following.
  await page.locator(".scroller").focus();
  await page.keyboard.press("Home");
  await page.keyboard.press("ArrowDown");
  const { jobs: [, second] } = await world.api("jobs?queue=heap&limit=2");
  await page.waitForFunction(
    (id) => document.activeElement?.textContent === id,
    second.id,
  );
  await world.api(`jobs/${second.id}/cancel`, {});
  await page.locator("tr", { hasText: second.id }).locator(".badge", { hasText: "cancelled" })
    .waitFor();

  // Who is far down is told of newer jobs, and stays where they are.
  await page.keyboard.press("End");
  await page.waitForFunction(() => document.querySelector(".scroller")!.scrollTop > 100_000);
  const id = await world.submit({ type: "noop", options: { queue: "heap" } });
  await page.getByRole("button", { name: "Show 1 newer job" }).click();
  await page.getByRole("link", { name: id }).waitFor();
}

/** Scrolls from the top of a list to its end, with all its pages loaded, and tells what that cost. */
async function measured(world: World, address: string) {
  const { page } = world.admin;
  await world.open(address);
  await page.locator(".scroller tbody tr").first().waitFor();
  return await page.evaluate(async (patienceMs) => {
    const scroller = document.querySelector(".scroller")!;
    const table = scroller.querySelector("table")!;
    // A browser that is starved may draw nothing for a while; the loop below has its own patience.
    const frame = () =>
      new Promise<unknown>((resolve) => {
        requestAnimationFrame(resolve);
        setTimeout(resolve, 1_000);
      });
    const lastShown = () =>
      [...scroller.querySelectorAll("tr[aria-rowindex]")].at(-1)?.getAttribute("aria-rowindex");
    // Pages come while it scrolls: it is at its end when the last row of all is shown.
    let changes = 0;
    const steps: number[] = [];
    const observer = new MutationObserver((records) => {
      for (const { addedNodes, removedNodes } of records) {
        changes += addedNodes.length + removedNodes.length;
      }
    });
    observer.observe(table, { childList: true, subtree: true });
    const endMs = performance.now() + patienceMs;
    while (lastShown() !== table.getAttribute("aria-rowcount")) {
      if (performance.now() > endMs) {
        const fault = document.querySelector(".fault")?.textContent ?? "no fault is shown";
        throw new Error(
          `row ${lastShown()} of ${table.getAttribute("aria-rowcount")} is the last, ` +
            `at ${scroller.scrollTop} of ${scroller.scrollHeight}; connected: ${table.isConnected}; ` +
            `${location.hash}: ${fault}`,
        );
      }
      scroller.scrollTop += scroller.clientHeight * 10;
      changes = 0;
      await frame();
      await frame();
      steps.push(changes);
    }
    await frame();
    observer.disconnect();
    return {
      total: Number(table.getAttribute("aria-rowcount")) - 1,
      rows: scroller.querySelectorAll("tbody tr").length,
      elements: document.querySelectorAll("*").length,
      changesMax: Math.max(0, ...steps),
    };
  }, PATIENCE_MS);
}
