import assert from "node:assert/strict";
import { DialPatience } from "./dial_patience.ts";

Deno.test("each round in which no address was reached gives the next twice the time, up to eight times", () => {
  const patience = new DialPatience(100);
  const rounds = [1, 2, 3, 4, 5].map(() =>
    [1, 2].map(() => {
      const timeoutMs = patience.timeoutMs(2);
      patience.gaveUp();
      return timeoutMs;
    })
  );
  assert.deepEqual(rounds, [[100, 100], [200, 200], [400, 400], [800, 800], [800, 800]]);
});

Deno.test("a silent address has no more than the usual time while another one is reached", () => {
  const patience = new DialPatience(100);
  for (let round = 0; round < 5; round++) {
    assert.equal(patience.timeoutMs(2), 100);
    patience.gaveUp();
    patience.reached();
  }
});
