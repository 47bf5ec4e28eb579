/**
 * A reader of Prometheus' text format that shares nothing with the library that writes it, for
 * tests (https://prometheus.io/docs/instrumenting/exposition_formats/). Strict: what a scraper could
 * refuse throws.
 */

export interface ReadMetric {
  readonly type: string;
  readonly help: string;
  readonly samples: ReadSample[];
}

export interface ReadSample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

const NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;

export function readExposition(text: string): Map<string, ReadMetric> {
  if (!text.endsWith("\n")) throw new Error("the last line has no end");
  const metrics = new Map<string, ReadMetric>();
  const seen = new Set<string>();
  let help: { name: string; text: string } | undefined;
  let current: { name: string; metric: ReadMetric } | undefined;
  for (const line of text.split("\n")) {
    if (line === "") continue;
    const [, kind, name = "", rest = ""] = /^# (HELP|TYPE) (\S+) (.*)$/.exec(line) ?? [];
    if (kind === "HELP") {
      help = { name, text: rest };
    } else if (kind === "TYPE") {
      if (metrics.has(name)) throw new Error(`${name} is declared twice`);
      if (!/^(counter|gauge|histogram)$/.test(rest)) throw new Error(`${name} is a ${rest}`);
      if (help?.name !== name || help.text === "") throw new Error(`${name} has no help`);
      if (!NAME.test(name)) throw new Error(`${name} is no name`);
      current = { name, metric: { type: rest, help: help.text, samples: [] } };
      metrics.set(name, current.metric);
    } else {
      if (seen.has(line.slice(0, line.lastIndexOf(" ")))) throw new Error(`twice: ${line}`);
      seen.add(line.slice(0, line.lastIndexOf(" ")));
      const sample = readSample(line);
      const suffix = current === undefined ? undefined : sample.name.slice(current.name.length);
      const suffixes = current?.metric.type === "histogram" ? ["_bucket", "_sum", "_count"] : [""];
      if (!sample.name.startsWith(current?.name ?? "?") || !suffixes.includes(suffix ?? "?")) {
        throw new Error(`out of place: ${line}`);
      }
      current?.metric.samples.push(sample);
    }
  }
  for (const [name, metric] of metrics) {
    if (metric.type === "histogram") checkHistogram(name, metric);
  }
  return metrics;
}

function readSample(line: string): ReadSample {
  const [, name = "", labelText, valueText = ""] =
    /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$/s.exec(line) ?? [];
  if (name === "") throw new Error(`not a sample: ${line}`);
  const value = { "+Inf": Infinity, "-Inf": -Infinity }[valueText] ?? Number(valueText);
  if (Number.isNaN(value)) throw new Error(`not a number: ${line}`);
  return { name, labels: readLabels(labelText ?? ""), value };
}

function readLabels(text: string): Record<string, string> {
  const labels: Record<string, string> = {};
  let rest = text;
  while (rest !== "") {
    const [whole, name, value] = /^([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\"n])*)"(?:,|$)/
      .exec(rest) ?? [];
    if (whole === undefined || name === undefined || value === undefined) {
      throw new Error(`not labels: ${rest}`);
    }
    labels[name] = value.replace(/\\(.)/g, (_, escaped) => escaped === "n" ? "\n" : escaped);
    rest = rest.slice(whole.length);
  }
  return labels;
}

/** Buckets rise, end with +Inf, and that is the count. */
function checkHistogram(name: string, metric: ReadMetric): void {
  const groups = new Map<string, { bounds: number[]; counts: number[]; count?: number }>();
  for (const { name: sampleName, labels, value } of metric.samples) {
    const { le, ...others } = labels;
    const key = JSON.stringify(others);
    const group: { bounds: number[]; counts: number[]; count?: number } = groups.get(key) ??
      { bounds: [], counts: [] };
    groups.set(key, group);
    if (sampleName === `${name}_count`) group.count = value;
    if (le === undefined) continue;
    group.bounds.push(le === "+Inf" ? Infinity : Number(le));
    group.counts.push(value);
  }
  for (const [key, { bounds, counts, count }] of groups) {
    const rises = (values: number[]) =>
      values.every((value, index) => index === 0 || value >= (values[index - 1] ?? 0));
    if (!rises(bounds) || !rises(counts) || bounds.at(-1) !== Infinity || counts.at(-1) !== count) {
      throw new Error(`${name}${key} is no histogram`);
    }
  }
}
