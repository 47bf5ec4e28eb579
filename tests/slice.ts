/**
 * What a landing does not wait for. `.ci/run` sets `TEST_SLICE`, so that its tests fit into a quarter of an hour
 * on two processors; `deno task test` by itself leaves nothing out, and neither does the nightly run of
 * .github/workflows/ci.yml.
 *
 * @module
 */

/** Whether the longest tests, whose subject others touch as well, are to be left out. */
export const isSlice: boolean = (Deno.env.get("TEST_SLICE") ?? "") !== "";
