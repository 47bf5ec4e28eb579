import assert from "node:assert/strict";
import { typeDefaults } from "./type_defaults.ts";

const kind = typeDefaults();

Deno.test("settings of a type are read from a mapping and from the environment's form alike", () => {
  const text = "max_retries=7 timeout=1m30s backoff=fixed retry_delay=250ms retry_delay_max=1h";
  const value = {
    crawl: {
      maxRetries: 7,
      timeoutMs: 90_000,
      backoff: "fixed",
      retryDelayMs: 250,
      retryDelayMaxMs: 3_600_000,
    },
    resize: { maxRetries: 0 },
  };
  assert.deepEqual(kind.parse({ crawl: text, resize: " max_retries=0 " }), { value });
  assert.deepEqual(kind.parse(`crawl=${text},resize=max_retries=0`), { value });
});

Deno.test("what is written is read back", () => {
  const parsed = kind.parse({
    crawl: "backoff=exponential timeout=10m",
    "a/b": "",
    "acme:resize": "",
  });
  assert.ok("value" in parsed);
  assert.deepEqual(kind.parse(kind.write(parsed.value)), parsed);
});

Deno.test("a setting that there is not, a value that it cannot have, and one said twice are named", () => {
  for (
    const [text, problem] of [
      ["retries=3", /crawl with the setting "retries"; there are max_retries, timeout/],
      ["max_retries=many", /crawl whose max_retries is not a whole number/],
      ["timeout", /crawl whose timeout/],
      ["timeout=1s timeout=2s", /crawl that names timeout twice/],
    ] as const
  ) {
    const parsed = kind.parse({ crawl: text });
    assert.match("problem" in parsed ? parsed.problem : "", problem);
  }
});
