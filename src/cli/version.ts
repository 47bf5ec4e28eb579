import manifest from "../../deno.json" with { type: "json" };

/** Version of this program, as deno.json has it. */
export const VERSION: string = manifest.version;

/** What `deno task build` replaces by the commit (scripts/build/stamp.ts). */
export const COMMIT_PLACEHOLDER = "@conductor-commit@";

/** The commit that this program was built from; "" when it runs from source. */
export const COMMIT: string = COMMIT_PLACEHOLDER.startsWith("@") ? "" : COMMIT_PLACEHOLDER;

/** What a report names this program and its runtime by. */
export function programFacts() {
  const { deno, v8, typescript } = Deno.version;
  return { version: VERSION, commit: COMMIT, deno, v8, typescript, target: Deno.build.target };
}
