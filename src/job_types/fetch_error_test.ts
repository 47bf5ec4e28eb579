import assert from "node:assert/strict";
import { PermanentJobError } from "./contract.ts";
import { FetchStatusError, requireSuccess, retryAfterOf } from "./fetch_error.ts";
import { createGuardedFetch } from "./guarded_fetch.ts";
import { OPEN_POLICY, serve, serveSite } from "./test_server.ts";

Deno.test("a status that may change is retried, one that lasts is not", async () => {
  for (
    const [status, permanent] of [[404, true], [410, true], [403, false], [429, false], [
      503,
      false,
    ]] as const
  ) {
    await using server = await serveSite({
      "/": (_, response) => void response.writeHead(status).end(),
    });
    const response = await createGuardedFetch(OPEN_POLICY)(server.origin);
    await assert.rejects(requireSuccess(response), (error: Error) => {
      assert.equal(error instanceof PermanentJobError, permanent, String(status));
      assert.equal(error instanceof FetchStatusError, !permanent, String(status));
      assert.match(error.message, new RegExp(`answered with status ${status}`));
      return true;
    });
  }
});

Deno.test("what retry-after asks for is told and kept, in seconds or as a date", async () => {
  const nowMs = Date.parse("2026-11-26T02:00:00Z");
  const cases: readonly (readonly [string | undefined, number | undefined])[] = [
    ["120", 120_000],
    [" 0 ", 0],
    ["Thu, 26 Nov 2026 02:00:30 GMT", 30_000],
    ["Thu, 26 Nov 2026 01:00:00 GMT", 0],
    ["99999999999", 86_400_000],
    ["soon", undefined],
    ["", undefined],
    [undefined, undefined],
  ];
  for (const [header, ms] of cases) assert.equal(retryAfterOf(header, nowMs), ms, String(header));

  await using server = await serve((_, response) =>
    void response.writeHead(503, { "retry-after": "7" }).end()
  );
  await assert.rejects(
    requireSuccess(await createGuardedFetch(OPEN_POLICY)(server.origin)),
    (error: Error) =>
      error instanceof FetchStatusError && error.retryAfterMs === 7_000 &&
      /status 503 and asks to be left alone for 7 s\.$/.test(error.message),
  );
});
