import assert from "node:assert/strict";
import { ClockSteps } from "./clock_steps.ts";
import { HandBackOrders } from "./hand_back_orders.ts";

Deno.test("an order to hand back is known since it was first looked at, and a new one since then", () => {
  const orders = new HandBackOrders();
  assert.equal(orders.sinceMs("w1", 9_000, 1_000), 1_000);
  assert.equal(orders.sinceMs("w1", 9_000, 5_000), 1_000);
  assert.equal(orders.sinceMs("w2", 9_000, 6_000), 6_000);
  assert.equal(orders.sinceMs("w1", 12_000, 7_000), 7_000);
});

Deno.test("what the clock was put forward by while an order stands is known of it, and of no later one", () => {
  const clock = { ms: 0, aheadMs: 1_000_000 };
  const now = () => clock.ms + clock.aheadMs;
  const steps = new ClockSteps({ now, monotonic: () => clock.ms });
  const orders = new HandBackOrders();
  const untilMs = now() + 10_000;
  orders.sinceMs("w1", untilMs, now());
  clock.ms += 500;
  clock.aheadMs += 3_600_000;
  steps.look();
  assert.equal(steps.skippedSince(orders.sinceMs("w1", untilMs, now())), 3_600_000);
  assert.equal(steps.skippedSince(orders.sinceMs("w2", now() + 10_000, now())), 0);
});
