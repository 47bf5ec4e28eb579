import assert from "node:assert/strict";
import { withTable } from "./docs.ts";

Deno.test("the README's table of job types is what their schemas say (else: deno task docs)", async () => {
  const readme = await Deno.readTextFile(new URL("../README.md", import.meta.url));
  assert.equal(withTable(readme), readme);
  assert.match(readme, /\| `web_scraping` \| .* \| \*\*`url`\*\*, /);
});
