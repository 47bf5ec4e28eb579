/** The dashboard while things change under it: what had the focus goes, a session ends, a stream breaks. */

/// <reference lib="dom" />

import assert from "node:assert/strict";
import { chromiumPath, type Visitor, visitor } from "../../scripts/browser/chromium.ts";
import { until } from "../e2e/support.ts";
import { openAt, World } from "./world.ts";

Deno.test({
  name: "the dashboard stays in the hands of its reader while things change under it",
  ignore: chromiumPath() === undefined,
  fn: async (t) => {
    const world = await World.begin();
    try {
      await logIn(world, world.admin, world.tokens.admin);
      const step = (name: string, run: (world: World) => Promise<void>) =>
        t.step(name, () => run(world));
      await step("the log of a job that is retried is that of its new attempt", followsTheNewLog);
      await step("a log that broke off goes on", goesOnWithABrokenLog);
      await step("the keyboard goes on where an action was", keepsTheFocus);
      await step("a question has the focus in its field, and takes no nothing", asksInTheField);
      await step("a question goes with the view that it is about", callsOffWithTheView);
      await step("a question goes with the session", callsOffWithTheSession);
      await step("a role that allows less shows less, at once", followsTheRole);
      await step("a megabyte of JSON is read in parts", readsMuchJson);
      await step(
        "a payload that does not come says so, and comes when asked again",
        saysWhyNoPayload,
      );
      await step("the audit log has no gap after a rest", auditsWithoutAGap);
      await step("a list tells what happened while it rested", renewsAfterARest);
      await step("there is no graph of a job that there is not", refusesAGraphOfNothing);
      const complaints = world.admin.watch.complaints.filter((each) =>
        !/status of 40[134]|net::ERR_FAILED/.test(each)
      );
      assert.deepEqual(complaints, []);
    } finally {
      await world.end();
    }
  },
});

async function logIn(world: World, { page }: Visitor, token: string): Promise<void> {
  await page.goto(world.host.httpUrl);
  await page.getByLabel("Access token").fill(token);
  await page.getByRole("button", { name: "Log in" }).click();
  await page.getByText("Live", { exact: true }).waitFor();
}

/** Somebody else, with a session of their own. */
async function another(world: World, subject: string, role: string): Promise<Visitor> {
  const { tokens } = await world.api("tokens", { subject, roles: [role], ttl_ms: 3_600_000 });
  const them = await visitor(world.browser);
  await logIn(world, them, tokens.access_token);
  return them;
}

/** What has the focus: its text, or the name of its element. */
async function focused({ page }: Visitor, text: string): Promise<void> {
  await page.waitForFunction(
    (wanted) => document.activeElement?.textContent?.trim().startsWith(wanted),
    text,
  );
}

async function followsTheNewLog(world: World): Promise<void> {
  const { page } = world.admin;
  const payload_json = { lines: ["said in attempt"], fails: 1 };
  const id = await world.submit({ type: "chatty", payload_json, max_retries: 0 });
  await world.awaitStatus(id, "failed");
  await world.open(`jobs/${id}`);
  const log = page.getByRole("region", { name: "Log" }).first();
  await log.getByText("said in attempt 1").waitFor();
  await page.getByRole("button", { name: "Retry" }).click();
  await log.getByText("said in attempt 2").waitFor();
  assert.equal(await log.getByText("said in attempt 1").count(), 0);
}

async function goesOnWithABrokenLog(world: World): Promise<void> {
  const { page } = world.admin;
  const payload_json = { lines: ["said before it broke off"] };
  const id = await world.submit({ type: "chatty", payload_json });
  await world.awaitStatus(id, "completed");
  const end = { code: "UNAVAILABLE", message: "this node is stopping" };
  await page.route("**/logs/stream", (route) =>
    route.fulfill({
      contentType: "text/event-stream",
      body: `event: end\ndata: ${JSON.stringify(end)}\n\n`,
    }), { times: 1 });
  await world.open(`jobs/${id}`);
  await page.getByRole("region", { name: "Log" }).getByText("said before it broke off").first()
    .waitFor();
}

async function keepsTheFocus(world: World): Promise<void> {
  const { admin } = world;
  await world.api("queues/middle/configure", { running_max: 3 });
  await world.open("queues");
  await admin.page.getByRole("button", { name: "Pause middle" }).focus();
  await admin.page.keyboard.press("Enter");
  await focused(admin, "Resume middle");
  // Another row before it does not make it another one's button.
  await world.api("queues/before/configure", { running_max: 3 });
  await admin.page.getByRole("button", { name: "Pause before" }).waitFor();
  await focused(admin, "Resume middle");

  const id = await world.submit({ type: "chatty", payload_json: { seconds: 600 } });
  await world.awaitStatus(id, "running");
  await world.open(`jobs/${id}`);
  await admin.page.getByRole("button", { name: "Cancel job" }).focus();
  await admin.page.keyboard.press("Enter");
  await admin.page.getByLabel("Reason").waitFor();
  await admin.page.keyboard.press("Enter");
  await admin.page.locator(".heading .badge", { hasText: "cancelled" }).waitFor();
  // The button went with what it did.
  await focused(admin, `chatty ${id}`);
}

async function asksInTheField(world: World): Promise<void> {
  const { page } = world.admin;
  await world.open("queues");
  await page.getByRole("button", { name: "Limit middle" }).focus();
  await page.keyboard.press("Enter");
  const most = page.getByLabel("At most");
  await most.waitFor();
  assert.equal(await most.evaluate((field) => field === document.activeElement), true);
  await most.fill("");
  await page.keyboard.press("Enter");
  assert.equal(await page.getByRole("dialog").count(), 1, "nothing is no number");
  await page.keyboard.press("Escape");
  await focused(world.admin, "Limit middle");
  const { queues } = await world.api("queues");
  const { running_max } = queues.find(({ name }: { name: string }) => name === "middle");
  assert.equal(running_max, 3);
}

async function callsOffWithTheView(world: World): Promise<void> {
  const { page } = world.admin;
  await world.open("batches");
  await world.open("queues");
  await page.getByRole("button", { name: "Limit middle" }).click();
  await page.getByRole("dialog").waitFor();
  await page.goBack();
  await page.getByRole("heading", { name: "Batches" }).waitFor();
  await page.getByRole("dialog").waitFor({ state: "detached" });
}

async function callsOffWithTheSession(world: World): Promise<void> {
  const eve = await another(world, "eve", "admin");
  await openAt(eve, world.host.httpUrl, "queues");
  await eve.page.getByRole("button", { name: "Limit middle" }).click();
  await eve.page.getByRole("dialog").waitFor();
  await world.api("tokens/revoke", { subject: "eve", reason: "left" });
  const field = eve.page.getByLabel("Access token");
  await field.waitFor();
  assert.equal(await eve.page.getByRole("dialog").count(), 0);
  assert.equal(await field.evaluate((shown) => shown === document.activeElement), true);
  await eve.context.close();
}

async function followsTheRole(world: World): Promise<void> {
  const opal = await another(world, "opal", "operator");
  await openAt(opal, world.host.httpUrl, "queues");
  await opal.page.getByRole("button", { name: "Limit middle" }).waitFor();
  const { text, revision } = await world.api("policy");
  const policy = JSON.parse(text);
  const operator = policy.roles.find(({ name }: { name: string }) => name === "operator");
  operator.permissions = ["job:view", "job:list", "cluster:view"];
  await world.api("policy", { text: JSON.stringify(policy), expected_revision: revision }, "PUT");
  await opal.page.getByRole("button", { name: "Limit middle" }).click();
  await opal.page.getByRole("button", { name: "Set it" }).click();
  await opal.page.getByRole("button", { name: "Limit middle" }).waitFor({ state: "detached" });
  await opal.page.getByRole("heading", { name: "Queues" }).first().waitFor();
  await opal.context.close();
}

/** As many leaves as would keep a browser busy for minutes. */
async function readsMuchJson(world: World): Promise<void> {
  const { page } = world.admin;
  const many = (length: number, each: (index: number) => unknown) =>
    Array.from({ length }, (_, index) => each(index));
  const deep = { cube: many(100, () => many(100, () => many(30, (index) => index % 10))) };
  const wide = many(200, () => Object.fromEntries(many(300, (index) => [`c${index}`, 1]) as never));
  const [deepId, wideId] = await Promise.all(
    [deep, wide].map((result) =>
      world.submit({ type: "test_sleep", payload_json: { duration: 0, result } })
    ),
  );
  await Promise.all([deepId, wideId].map((id) => world.awaitStatus(id!, "completed")));
  await world.open(`jobs/${deepId}`);
  const result = page.getByRole("region", { name: "Result" });
  const inner = result.locator("summary", { has: page.locator(".key", { hasText: /^42$/ }) });
  await inner.waitFor();
  const elements = () => page.evaluate(() => document.querySelectorAll("*").length);
  const before = await elements();
  assert.ok(before < 3_000, `${before} elements`);
  await inner.click();
  await until("what was opened", async () => await elements() > before + 100);
  await world.open(`jobs/${wideId}`);
  await result.getByText("50 of 300 columns; the download has all.").waitFor();
}

async function saysWhyNoPayload(world: World): Promise<void> {
  const { page } = world.admin;
  const id = await world.submit({ type: "noop", payload_json: { said: "at last" } });
  await world.awaitStatus(id, "completed");
  await world.open(`jobs/${id}`);
  await page.route("**/payload", (route) => route.abort());
  const payload = page.getByRole("region", { name: "Payload" });
  await payload.getByText("Show").click();
  await payload.getByText("This master does not answer.").waitFor();
  await page.unroute("**/payload");
  await payload.getByRole("button", { name: "Try again" }).click();
  await payload.getByText("at last").waitFor();
}

/** As if another tab was looked at for a while. */
async function resting({ page }: Visitor, work: () => Promise<void>): Promise<void> {
  const hide = (hidden: boolean) =>
    page.evaluate((isHidden) => {
      Object.defineProperty(document, "hidden", { value: isHidden, configurable: true });
      document.dispatchEvent(new Event("visibilitychange"));
    }, hidden);
  await hide(true);
  await page.getByText("Resting", { exact: true }).waitFor();
  await work();
  await hide(false);
  await page.getByText("Live", { exact: true }).waitFor();
}

async function auditsWithoutAGap(world: World): Promise<void> {
  const { page } = world.admin;
  const act = (name: string) => world.api(`queues/${name}/configure`, { paused: true });
  const acts = page.locator("summary", { hasText: "Administrative act: configure a queue" });
  await world.open("audit");
  await page.getByLabel("Search in these lines").fill("pause-of-");
  await act("pause-of-one");
  await acts.nth(0).waitFor();
  await resting(world.admin, async () => {
    await act("pause-of-two");
  });
  await act("pause-of-three");
  await acts.nth(2).waitFor();
  assert.equal(await acts.count(), 3, "each once");
  await acts.first().click();
  await page.locator(".json").getByText("pause-of-three").waitFor();
}

async function renewsAfterARest(world: World): Promise<void> {
  const { page } = world.admin;
  await world.api("queues/long/configure", { paused: true });
  const jobs = Array.from({ length: 400 }, () => ({ type: "noop", options: { queue: "long" } }));
  const { results } = await world.api("jobs/submit-many", { jobs });
  await world.open("jobs?queue=long");
  await page.locator(".scroller tbody tr").first().waitFor();
  await page.locator(".scroller").focus();
  await page.keyboard.press("End");
  // The last of the list is the first that came: far behind the newest page, which is asked for anyway.
  const oldest = results.map(({ job_id }: { job_id: string }) => job_id).sort()[0];
  await until("the end of the list", async () => {
    await page.keyboard.press("End");
    return await page.getByRole("link", { name: oldest }).count() === 1;
  });
  await resting(world.admin, async () => {
    await world.api(`jobs/${oldest}/cancel`, {});
  });
  await page.locator("tr", { hasText: oldest }).locator(".badge", { hasText: "cancelled" })
    .waitFor();
}

async function refusesAGraphOfNothing(world: World): Promise<void> {
  const { page } = world.admin;
  await world.open("jobs/01a21f0e-81fe-756a-99d1-a3aafe4975dd/graph");
  await page.getByRole("alert").getByText("there is no job").waitFor();
  assert.equal(await page.locator("svg.dag").count(), 0);
  await world.open("jobs/x/constructor");
  await page.getByText("There is no view at this address").waitFor();
}
