/**
 * `deno task audit`: are there published advisories about what is locked?
 *
 * Exit code 1 when there are; 0 when there are none. Where the registry's advisory service cannot be
 * asked it says so in one line and exits with 0, or with 1 under `--required`.
 *
 * @module
 */

const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
  args: ["audit", "--frozen-lockfile", ...Deno.args.filter((each) => each !== "--required")],
  env: { NO_COLOR: "1" },
}).output();
const [out, err] = [stdout, stderr].map((each) => new TextDecoder().decode(each).trim());
// Advisories are told of on stdout; a service that cannot be asked, on stderr alone.
const isUnasked = !success && out === "" &&
  /error sending request|client error|status code/.test(err!);
if (isUnasked) {
  const [, reason = err!.split("\n")[0]] = /^\s+1: (.*)$/m.exec(err!) ?? [];
  console.error(`audit: the registry's advisories could not be asked for: ${reason}`);
  Deno.exit(Deno.args.includes("--required") ? 1 : 0);
}
console.log([out, err].filter((each) => each !== "").join("\n"));
Deno.exit(success ? 0 : 1);
