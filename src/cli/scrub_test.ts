import assert from "node:assert/strict";
import { SCRUBBED, scrubber } from "./scrub.ts";

Deno.test("a secret that is known is taken out wherever it stands, as JSON and URLs write it too", () => {
  const secret = 'pa"ss/wörd&1';
  const scrub = scrubber([secret, "short", ""]);
  const text = [secret, JSON.stringify({ a: secret }), `?x=${encodeURIComponent(secret)}`, "short"]
    .join("\n");
  assert.equal(
    scrub(text),
    `${SCRUBBED}\n{"a":"${SCRUBBED}"}\n?x=${SCRUBBED}\nshort`,
  );
});

Deno.test("of a secret that holds another nothing is left", () => {
  assert.equal(scrubber(["abcdef", "abcdefghij"])("x abcdefghij y"), `x ${SCRUBBED} y`);
});

Deno.test("what looks like a secret is taken out, whoever it belongs to", () => {
  const scrub = scrubber([]);
  const canary = "c4n4ry9";
  const jwt = `eyJhbGciOiJIUzI1NiJ9.${canary}${canary}.${canary}`;
  const table = [
    `-----BEGIN EC PRIVATE KEY-----\n${canary}\n-----END EC PRIVATE KEY-----`,
    `-----BEGIN PRIVATE KEY-----\n${canary}`,
    `got ${jwt} from`,
    `Authorization: Bearer ${canary}${canary}`,
    `{"password":"${canary}","a":1}`,
    `{"api_key": "${canary}"}`,
    `secret_key: ${canary}`,
    `GET /?token=${canary}&b=2`,
    `postgres://ann:${canary}@db/x`,
  ];
  for (const text of table) {
    const clean = scrub(text);
    assert.ok(!clean.includes(canary), clean);
    assert.ok(clean.includes(SCRUBBED), clean);
  }
});

Deno.test("what is no secret stays as it is", () => {
  const text = [
    "the token has expired",
    '{"job_id":"01a21482-6c70-72fc-ad4d-d0d22408ab20","fencing_token":12}',
    "http://127.0.0.1:9090/metrics",
    'conductor_jobs_total{type="noop"} 3',
    "certificate sha256:0a1b",
  ].join("\n");
  assert.equal(scrubber(["unused-secret"])(text), text);
});
