/** The pages of documentation as files: links, alerts, and that every command is run or says why not. */

import assert from "node:assert/strict";
import { parse } from "yaml";
import { anchorsOf, linksOf } from "./links.ts";
import { readPage } from "./page.ts";
import { allPages, prosePages, ROOT, textOf } from "./pages.ts";

interface Alert {
  readonly alert: string;
  readonly labels: { readonly severity: string };
  readonly annotations: { readonly runbook_url?: string };
}

/** What is wrong with a page's links. */
async function brokenLinks(page: string, text: string): Promise<string[]> {
  const broken: string[] = [];
  for (const { path, anchor } of linksOf(text)) {
    const url = path === "" ? new URL(page, ROOT) : new URL(path, new URL(page, ROOT));
    try {
      const { isDirectory } = await Deno.stat(url);
      if (anchor === "" || isDirectory) continue;
      if (anchorsOf(await Deno.readTextFile(url)).has(anchor)) continue;
      broken.push(`${page}: ${path} has no #${anchor}`);
    } catch (failure) {
      if (!(failure instanceof Deno.errors.NotFound)) throw failure;
      broken.push(`${page}: there is no ${path}`);
    }
  }
  return broken;
}

Deno.test("every link between the pages leads to a file, and to a heading of it", async () => {
  const pages = await allPages();
  const broken = await Promise.all(
    pages.map(async (page) => await brokenLinks(page, await textOf(page))),
  );
  assert.deepEqual(broken.flat(), []);
});

Deno.test("a link to nowhere would be found", async () => {
  const text =
    "[a](nowhere.md), [b](README.md#no-such-heading), [c](#here), `[d](code.md)`\n# Here";
  assert.deepEqual(await brokenLinks("CHANGELOG.md", text), [
    "CHANGELOG.md: there is no nowhere.md",
    "CHANGELOG.md: README.md has no #no-such-heading",
    "CHANGELOG.md:  has no #here",
  ]);
});

Deno.test("every block of commands is run by test:docs, or says why not", async () => {
  for (const path of await prosePages()) {
    const { faults } = readPage(await textOf(path));
    assert.deepEqual(faults, [], path);
  }
});

Deno.test("each alert has its section in the runbook, its address in the alert, and no other has one", async () => {
  const rules = parse(await textOf("deploy/prometheus/alert_rules.yml")) as {
    groups: { rules: Alert[] }[];
  };
  const alerts = rules.groups.flatMap((group) => group.rules);
  const runbook = await textOf("docs/runbook.md");
  const sections = runbook.split(/^## /m).slice(1);
  assert.deepEqual(
    sections.map((section) => section.split("\n")[0]).toSorted(),
    alerts.map(({ alert }) => alert).toSorted(),
  );
  for (const section of sections) {
    assert.match(
      section,
      /^\w+\n\n\*\*(page|ticket)\.\*\* [^]+\n\*\*Look\.\*\* [^]+\n\*\*Do\.\*\* /,
    );
  }
  for (const { alert, labels, annotations } of alerts) {
    const section = sections.find((each) => each.startsWith(`${alert}\n`)) ?? "";
    assert.ok(section.includes(`**${labels.severity}.**`), `${alert} is a ${labels.severity}`);
    assert.equal(annotations.runbook_url?.split("/docs/")[1], `runbook.md#${alert.toLowerCase()}`);
  }
});
