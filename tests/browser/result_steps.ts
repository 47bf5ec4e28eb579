/** Results as they are best read; and nothing that a job says becomes a part of the page. */

/// <reference lib="dom" />

import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { World } from "./world.ts";

const SAMPLES = fileURLToPath(new URL("../../scripts/samples", import.meta.url));

export async function showsAPicture(world: World): Promise<string> {
  const { page } = world.admin;
  const data = (await Deno.readFile(join(SAMPLES, "photo.webp"))).toBase64();
  const id = await world.submit({
    type: "image_processing",
    payload_json: {
      data,
      operations: [{ type: "resize", width: 160 }],
      output: { format: "png" },
    },
  });
  await world.awaitStatus(id, "completed");
  await world.open(`jobs/${id}`);
  const picture = page.getByRole("region", { name: "Result" }).locator("img");
  await picture.waitFor();
  await page.waitForFunction(() => {
    const image = document.querySelector("figure img") as HTMLImageElement | null;
    return image !== null && image.complete && image.naturalWidth === 160;
  });
  assert.match(await picture.getAttribute("src") ?? "", /^blob:/);
  return id;
}

export async function showsATable(world: World): Promise<string> {
  const { page } = world.admin;
  const id = await world.submit({
    type: "data_analysis",
    payload_json: {
      data: "name,price\nbread,3\nmilk,1.5\n",
      operations: [{ type: "describe" }],
    },
  });
  await world.awaitStatus(id, "completed");
  await world.open(`jobs/${id}`);
  const table = page.getByRole("region", { name: "Result" }).getByRole("table");
  await table.getByRole("cell", { name: "price" }).waitFor();
  assert.equal(await table.getByRole("columnheader", { name: "mean" }).count(), 1);
  assert.equal(await table.getByRole("cell", { name: "2.25" }).count() > 0, true);
  return id;
}

/** Runs if it ever gets into the page as markup or script. */
const HOSTILE = `"><img src=x onerror="window.hacked=1"><script>window.hacked=2</script>`;

export async function takesNothingForMarkup(world: World): Promise<string> {
  const { page, watch } = world.admin;
  const labels = { hostile: HOSTILE, [`n${"x".repeat(40)}`]: "javascript:window.hacked=3" };
  const id = await world.submit({
    type: "chatty",
    payload_json: { lines: [HOSTILE, "\x1b[31mred\x1b[0m", "‮reversed"], more: HOSTILE },
    labels,
  });
  const failed = await world.submit({
    type: "test_sleep",
    payload_json: { duration: 0, fail: HOSTILE, permanent: true },
    labels,
  });
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" onload="window.hacked=4"/>`;
  const answered = await world.submit({
    type: "test_sleep",
    payload_json: { duration: 0, result: { [HOSTILE]: [HOSTILE, { svg }] } },
  });
  const missing = `${HOSTILE}/%2e%2e/`;
  await Promise.all([
    world.awaitStatus(id, "completed"),
    world.awaitStatus(failed, "failed"),
    world.awaitStatus(answered, "completed"),
  ]);
  await world.open(`jobs/${id}`);
  await page.getByRole("region", { name: "Log" }).getByText(HOSTILE).waitFor();
  await page.getByRole("region", { name: "Facts" }).getByText(HOSTILE).waitFor();
  await page.getByRole("region", { name: "Result" }).getByText(HOSTILE).first().waitFor();
  await page.getByRole("region", { name: "Payload" }).getByText("Show").click();
  await page.getByRole("region", { name: "Payload" }).getByText(HOSTILE).first().waitFor();
  await world.open(`jobs/${failed}`);
  await page.getByRole("region", { name: "Attempts" }).getByText(HOSTILE).first().waitFor();
  await world.open(`jobs/${answered}`);
  await page.getByRole("region", { name: "Result" }).getByText(HOSTILE).first().waitFor();
  await world.open("dead-letters");
  await page.getByText(HOSTILE).first().waitFor();
  assert.deepEqual(watch.complaints, []);
  await page.goto(`${world.host.httpUrl}/#/jobs/${encodeURIComponent(missing)}`);
  await page.getByRole("alert").getByText(/onerror/).waitFor();
  await world.open("jobs");
  // That there is no such job is what was to be seen.
  for (const each of watch.complaints.splice(0)) assert.match(each, /status of 40[04]/);
  const traces = await page.evaluate(() => [
    (globalThis as { hacked?: number }).hacked,
    document.querySelectorAll('img[src="x"], script:not([src])').length,
  ]);
  assert.deepEqual(traces, [undefined, 0]);
  return failed;
}
