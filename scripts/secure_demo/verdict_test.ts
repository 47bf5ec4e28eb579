import assert from "node:assert/strict";
import { whyUnconnected } from "../../src/rpc/unconnected.ts";
import { type Cell, isRight, tableOf, verdictOf } from "./verdict.ts";

Deno.test("an answer means what its exit code and its words say", () => {
  const answers: readonly (readonly [number, string, string])[] = [
    [0, "", "done"],
    [1, 'conductor: "vera" (viewer) may not call /proto.X/Y: it needs job:submit', "role"],
    [1, "conductor: a token is required: pass --token", "unknown"],
    [1, "conductor: the token has been revoked", "unknown"],
    [1, "conductor: the token's signature is not by a key of this cluster", "unknown"],
    [1, "conductor: this is a refresh token: exchange it for an access token", "unknown"],
    [
      1,
      "conductor: no master could be reached at 127.0.0.1:1 within 5 ms (last: 127.0.0.1:1 cannot " +
      "be connected to: it ended the connection after the TLS handshake)",
      "door",
    ],
    [2, "conductor: x.token can be read by others", "here"],
    [1, "conductor: there is no worker w9", "failed"],
    [1, "conductor: no master could be reached at 127.0.0.1:1 within 5 ms", "failed"],
  ];
  for (const [code, message, verdict] of answers) {
    assert.equal(verdictOf({ code, message }), verdict, message);
  }
});

Deno.test("whoever comes to a door of TLS without it meets the door, in the program's own words", async () => {
  const alert = Uint8Array.of(0x15, 3, 3, 0, 2, 2, 10);
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const serving = (async () => {
    for await (const connection of listener) await connection.write(alert);
  })();
  const address = `127.0.0.1:${listener.addr.port}`;
  const why = await whyUnconnected(address);
  listener.close();
  await serving;
  const message =
    `conductor: no master could be reached at ${address} within 5 ms (last: ${address} ${why}); is ` +
    "one running there?";
  assert.equal(verdictOf({ code: 1, message }), "door", message);
});

Deno.test("the table has one word where all nodes did as expected, and both where one did not", () => {
  const cell = (who: string, node: string, seen: Cell["seen"]): Cell => ({
    who,
    act: "submit",
    node,
    expected: "role",
    seen,
    message: "",
  });
  const cells = [
    cell("vera", "m1", "role"),
    cell("vera", "m2", "role"),
    cell("walt", "m1", "role"),
    cell("walt", "m2", "done"),
  ];
  assert.deepEqual(cells.map(isRight), [true, true, true, false]);
  assert.deepEqual(tableOf(cells, ["submit", "list"], ["vera", "walt"]), [
    "        vera  walt",
    "submit  no    ✗ yes on m2, not no",
    "list",
  ]);
});
