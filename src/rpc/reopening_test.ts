import assert from "node:assert/strict";
import { untilEnd } from "./reopening.ts";
import { Refusal } from "./status.ts";

/** A watch that no master answers at first, and then one. */
function silentAtFirst(outlasts?: (silence: Refusal) => boolean) {
  let opened = 0;
  let asked = 0;
  let isOver = false;
  return untilEnd<string>({
    async *open() {
      if (++opened < 3) throw new Refusal("unavailable", "the stream is gone");
      isOver = true;
      yield "done";
    },
    isOver: () => isOver,
    ask: () => {
      asked++;
      return Promise.reject(new Refusal("unavailable", `no master answers (${asked})`));
    },
    signal: undefined,
    outlasts,
  });
}

Deno.test("a watch that its caller wants to outlast silence goes on when a master is back", async () => {
  const told: string[] = [];
  const seen = await Array.fromAsync(silentAtFirst(({ message }) => told.push(message) > 0));
  assert.deepEqual(seen, ["done"]);
  assert.deepEqual(told, ["no master answers (1)", "no master answers (2)"]);
});

Deno.test("a watch ends with the first silence where its caller does not ask for more", async () => {
  await assert.rejects(Array.fromAsync(silentAtFirst()), /no master answers \(1\)/);
});
