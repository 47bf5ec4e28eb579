/**
 * A custom job type for the tour: a report of what its parent found. Run by
 * `conductor worker --handlers scripts/demo/report_handler.js`.
 */
export default {
  name: "report",
  summary: "Writes a report of its parents' results.",
  isolation: "inline",
  async run(_payload, context) {
    const lines = [];
    for (const { jobId } of context.parents) {
      const { output } = await context.parentResult(jobId);
      const analysis = JSON.parse(new TextDecoder().decode(output));
      for (const row of analysis.results[0].rows) {
        lines.push(
          `${row.products} products, from ${row.cheapest} to ${row.dearest}, ${row.mean} on average`,
        );
      }
    }
    return new TextEncoder().encode(`${lines.join("\n")}\n`);
  },
};
