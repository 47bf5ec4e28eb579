import assert from "node:assert/strict";
import { Pulse } from "./pulse.ts";
import { until } from "./server_test_support.ts";
import { Refusal } from "./status.ts";

const over = new Refusal("cancelled", "the test is over");

function watched(probe: () => Promise<void>) {
  let probes = 0;
  const pulse = new Pulse({
    address: "m1",
    silenceMs: 10,
    probe: () => {
      probes++;
      return probe();
    },
  });
  const gone: Refusal[] = [];
  return { pulse, gone, watch: () => pulse.watch((why) => gone.push(why)), probes: () => probes };
}

/** Keeps the process alive, which the pulse's own timers do not. */
async function alive(test: () => Promise<void>): Promise<void> {
  const timer = setInterval(() => {}, 1_000);
  try {
    await test();
  } finally {
    clearInterval(timer);
  }
}

Deno.test("a master that answers no probe is gone, and everybody who waits is told once", () =>
  alive(async () => {
    const { pulse, gone, watch } = watched(() => Promise.reject(new Error("no")));
    watch();
    watch();
    await until(() => gone.length > 0, "it is gone");
    assert.deepEqual(gone.map((each) => each.reason), ["unavailable", "unavailable"]);
    assert.match(gone[0]!.message, /m1 has fallen silent/);
    pulse.end(over);
  }));

Deno.test("a slow master that answers probes is waited for", () =>
  alive(async () => {
    const { pulse, gone, watch, probes } = watched(() => Promise.resolve());
    watch();
    await until(() => probes() >= 3, "it was asked again and again");
    assert.deepEqual(gone, []);
    pulse.end(over);
  }));

Deno.test("whoever got an answer is not told, and nobody is asked about a master none waits for", () =>
  alive(async () => {
    const answered = watched(() => Promise.reject(new Error("no")));
    answered.watch()();
    const other = watched(() => Promise.reject(new Error("no")));
    other.watch();
    await until(() => other.gone.length === 1, "as much time has passed");
    assert.deepEqual([answered.gone, answered.probes()], [[], 0]);
    answered.pulse.end(over);
    other.pulse.end(over);
  }));

Deno.test("an answer that comes during the probe is a sign of life", () =>
  alive(async () => {
    const probing = Promise.withResolvers<void>();
    const { pulse, gone, watch, probes } = watched(() => probing.promise);
    watch();
    await until(() => probes() === 1, "it is asked");
    pulse.heard();
    probing.reject(new Error("late"));
    await until(() => probes() === 2, "it is asked again, not given up");
    assert.equal(gone.length, 1, "the second probe failed too");
    pulse.end(over);
  }));
