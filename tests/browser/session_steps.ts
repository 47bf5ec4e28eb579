/** Logging in and out, and what a viewer does not see. */

/// <reference lib="dom" />

import assert from "node:assert/strict";
import { visitor } from "../../scripts/browser/chromium.ts";
import { openAt, type World } from "./world.ts";

/** Buttons that change nothing. */
const HARMLESS = /^(Theme: |More filters|Log out|Apply|Show )/;

export async function logsIn(world: World): Promise<void> {
  const { page, watch } = world.admin;
  await page.goto(world.host.httpUrl);
  const field = page.getByLabel("Access token");
  await field.fill("nonsense");
  await page.getByRole("button", { name: "Log in" }).click();
  await page.getByRole("alert").waitFor();
  assert.equal(await page.locator("nav").count(), 0, "nothing is shown to strangers");
  // What the browser itself says of an answer with 401 is what was asked for.
  const refusals = watch.complaints.splice(0);
  for (const each of refusals) assert.match(each, /status of 401/);
  await field.fill(world.tokens.admin);
  await page.getByRole("button", { name: "Log in" }).click();
  await page.getByRole("heading", { name: "Overview" }).waitFor();
  await page.getByText("Live", { exact: true }).waitFor();
  assert.equal(await page.evaluate(() => document.cookie), "", "scripts can't read the session");
}

export async function logsOut(world: World): Promise<void> {
  const { page, watch } = world.admin;
  await page.getByRole("button", { name: "Log out" }).click();
  await page.getByLabel("Access token").waitFor();
  await page.reload();
  await page.getByLabel("Access token").waitFor();
  for (const each of watch.complaints.splice(0)) assert.match(each, /status of 401/);
}

/** What is shown is of before, and a view whose files are not there yet comes with the master. */
export async function comesBackByItself(world: World): Promise<void> {
  const { context, page } = await visitor(world.browser);
  try {
    await page.goto(world.host.httpUrl);
    await page.getByLabel("Access token").fill(world.tokens.admin);
    await page.getByRole("button", { name: "Log in" }).click();
    await page.getByText("Live", { exact: true }).waitFor();
    world.master.kill("SIGKILL");
    await world.master.status;
    await page.getByText(/does not answer: what is shown here is of \d\d:\d\d:\d\d/).waitFor();
    await page.getByRole("link", { name: "Queues" }).first().click();
    await page.getByText("This master does not answer.").waitFor();
    world.master = await world.startMaster();
    await page.getByRole("heading", { name: "Queues" }).first().waitFor();
    assert.equal(await page.getByText("does not answer").count(), 0);
    // Of the other page, which lost its master as well.
    for (const each of world.admin.watch.complaints.splice(0)) assert.match(each, /net::ERR_/);
  } finally {
    await context.close();
  }
}

export async function showsViewersNoButtons(
  world: World,
  addresses: readonly string[],
): Promise<void> {
  const viewer = await visitor(world.browser);
  const { page, context, watch } = viewer;
  await page.goto(world.host.httpUrl);
  await page.getByLabel("Access token").fill(world.tokens.viewer);
  await page.getByRole("button", { name: "Log in" }).click();
  await page.getByRole("heading", { name: "Overview" }).waitFor();
  for (const each of watch.complaints.splice(0)) assert.match(each, /status of 401/);
  assert.equal(await page.getByRole("link", { name: "Audit" }).count(), 0);
  for (const address of addresses) {
    await openAt(viewer, world.host.httpUrl, address);
    await page.waitForFunction(() => document.querySelector(".loading") === null);
    const buttons = await page.getByRole("button").allInnerTexts();
    const labels = await page.locator("button[aria-label]").evaluateAll((all) =>
      all.map((each) => each.getAttribute("aria-label") ?? "")
    );
    const named = [...buttons.map((text) => text.trim()), ...labels].filter((name) => name !== "");
    const others = named.filter((name) => !HARMLESS.test(name));
    assert.deepEqual(others, [], `#/${address} shows a viewer what would be refused`);
  }
  assert.deepEqual(watch.complaints, []);
  // A session that ends elsewhere ends here, too: the overview asks nothing by itself but its stream.
  await openAt(viewer, world.host.httpUrl, "");
  await world.api("tokens/revoke", { subject: "vera", reason: "left" });
  await page.getByLabel("Access token").waitFor();
  await context.close();
}
