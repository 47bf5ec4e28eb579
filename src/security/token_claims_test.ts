import assert from "node:assert/strict";
import { isPlainName } from "./token_claims.ts";

Deno.test("no name looks like another by marks that are not seen", () => {
  const plain = [
    "admin",
    "ci@example.com",
    "Zoë Müller",
    "团队",
    "علی\u200cرضا",
    "क्\u200dष",
    "a b",
  ];
  for (const name of plain) assert.equal(isPlainName(name), true, JSON.stringify(name));
  const unseen =
    "00ad 034f 061c 115f 180e 200b 200c 200d 200e 202e 2028 2060 2064 2066 206f 3164 fe0f feff " +
    "ffa0 1d173 e0001 e0061 0 a 7f 85 d800";
  for (const code of unseen.split(" ")) {
    const mark = String.fromCodePoint(parseInt(code, 16));
    for (const name of [`admin${mark}`, `${mark}admin`, `ad${mark}min`]) {
      assert.equal(isPlainName(name), false, `U+${code}`);
    }
  }
  assert.equal(isPlainName(""), false);
  assert.equal(isPlainName("a".repeat(257)), false);
});
