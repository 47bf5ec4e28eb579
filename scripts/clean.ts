/**
 * `deno task clean`: removes what builds, tests and the cluster scripts made inside the checkout.
 *
 * @module
 */

for (const name of ["dist", "coverage", ".conductor"]) {
  try {
    await Deno.remove(new URL(`../${name}`, import.meta.url), { recursive: true });
    console.log(`removed ${name}/`);
  } catch (failure) {
    if (!(failure instanceof Deno.errors.NotFound)) throw failure;
  }
}
