/**
 * `docs/reference/metrics.md`: every metric of every node, from what declares it.
 *
 * @module
 */

import { describeMetrics } from "../../src/observability/mod.ts";
import { opening, table } from "./markdown.ts";

const INTRODUCTION =
  `What nodes declare. Masters show it on \`metrics.port\`, workers on \`worker.http_port\`, both under
\`metrics.path\`. Times are seconds. Each event is counted once, by the node where it happened; where the leader
tells, other masters show no series. \`deploy/\` has rules, alerts and a dashboard for it.`;

/** The page. */
export function metricsPage(): string {
  const rows = describeMetrics().map(({ name, type, labels, roles, help }) => [
    `\`${name}\``,
    type,
    labels.map((label) => `\`${label}\``).join(", "),
    roles.length === 2 ? "both" : roles[0] ?? "",
    help,
  ]);
  return `${opening("Metrics", INTRODUCTION)}

${table(["metric", "type", "labels", "of", "what it says"], rows)}
`;
}
