/** What axe finds on each page, in light and in dark, wide and on a phone. */

/// <reference lib="dom" />

import assert from "node:assert/strict";
import axe from "axe-core";
import type { World } from "./world.ts";

interface Finding {
  readonly id: string;
  readonly impact: string | null;
  readonly nodes: readonly { readonly html: string; readonly failureSummary?: string }[];
}

export async function isAccessible(world: World, addresses: readonly string[]): Promise<void> {
  const { page } = world.admin;
  for (const address of addresses) {
    await world.open(address);
    await page.waitForFunction(() => document.querySelector(".loading, .toast") === null);
    // It comes from the debugger, past the security policy of the page.
    await page.evaluate(`${axe.source}; undefined`);
    for (const colorScheme of ["light", "dark"] as const) {
      await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
      // Colours are all that differs.
      const rules = colorScheme === "dark" ? ["color-contrast"] : undefined;
      const findings = await page.evaluate(async (only) => {
        const { axe } = globalThis as unknown as {
          axe: { run(options: unknown): Promise<{ violations: Finding[] }> };
        };
        const options = { resultTypes: ["violations"], preload: false };
        return (await axe.run(only === undefined ? options : { ...options, runOnly: only }))
          .violations;
      }, rules);
      const grave = findings.filter(({ impact }) => impact === "serious" || impact === "critical");
      const told = grave.map(({ id, nodes }) =>
        `${id}: ${
          nodes.slice(0, 3).map((node) => `${node.html}\n${node.failureSummary}`).join("\n")
        }`
      );
      assert.deepEqual(told, [], `#/${address} in ${colorScheme}`);
    }
    await page.emulateMedia({ colorScheme: "light" });
  }
}

export async function fitsAPhone(world: World, addresses: readonly string[]): Promise<void> {
  const { page } = world.admin;
  await page.setViewportSize({ width: 360, height: 740 });
  for (const address of addresses) {
    await world.open(address);
    await page.waitForFunction(() => document.querySelector(".loading") === null);
    const width = await page.evaluate(() => document.documentElement.scrollWidth);
    assert.ok(width <= 360, `#/${address} is ${width} px wide`);
  }
  await page.setViewportSize({ width: 1280, height: 800 });
}
