/**
 * Prometheus itself, as Debian packages it, over nodes of this program.
 *
 * @module
 */

import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { unusedPorts } from "../ha/ports.ts";
import { eventually } from "../ha/wait.ts";

const RULES = fileURLToPath(new URL("../../deploy/prometheus/", import.meta.url));
const SCRAPE_INTERVAL = "500ms";

/** What is scraped, by the name of its job. */
export type Targets = Readonly<Record<string, readonly string[]>>;

/** A series and its latest value. */
export interface Sample {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

export class Prometheus {
  readonly #url: string;
  readonly #process: Deno.ChildProcess;
  readonly #said: Promise<string>;

  private constructor(url: string, process: Deno.ChildProcess) {
    this.#url = url;
    this.#process = process;
    this.#said = new Response(process.stderr).text();
  }

  /** Scrapes `targets` and evaluates our rules; resolves once it answers. Its files lie in `directory`. */
  static async start(directory: string, targets: Targets): Promise<Prometheus> {
    const [port] = unusedPorts(1);
    const config = join(directory, "prometheus.json");
    await Deno.writeTextFile(config, JSON.stringify(configuration(targets)));
    const process = new Deno.Command("prometheus", {
      args: [
        `--config.file=${config}`,
        `--storage.tsdb.path=${join(directory, "prometheus")}`,
        `--web.listen-address=127.0.0.1:${port}`,
        "--log.level=error",
      ],
      stdout: "null",
      stderr: "piped",
    }).spawn();
    const prometheus = new Prometheus(`http://127.0.0.1:${port}`, process);
    await eventually("Prometheus is ready", () => prometheus.#answers("/-/ready"));
    return prometheus;
  }

  /** The series that a query gives now. */
  async query(expr: string): Promise<Sample[]> {
    const { data } = await this.#json(`/api/v1/query?query=${encodeURIComponent(expr)}`) as {
      data: { result: { metric: Record<string, string>; value: [number, string] }[] };
    };
    return data.result.map(({ metric, value }) => ({ labels: metric, value: Number(value[1]) }));
  }

  /** Our rules, and whether each could be evaluated. */
  async rules(): Promise<{ readonly name: string; readonly health: string }[]> {
    const { data } = await this.#json("/api/v1/rules") as {
      data: { groups: { rules: { name: string; health: string; lastError?: string }[] }[] };
    };
    return data.groups.flatMap(({ rules }) => rules);
  }

  async stop(): Promise<void> {
    this.#process.kill("SIGKILL");
    await this.#process.status;
    await this.#said;
  }

  async #answers(path: string): Promise<true | undefined> {
    try {
      const response = await fetch(this.#url + path);
      await response.body?.cancel();
      return response.ok ? true : undefined;
    } catch (failure) {
      if (failure instanceof TypeError) return undefined; // it does not listen yet
      throw failure;
    }
  }

  async #json(path: string): Promise<unknown> {
    const response = await fetch(this.#url + path);
    const text = await response.text();
    if (!response.ok) throw new Error(`Prometheus answers ${response.status}: ${text}`);
    return JSON.parse(text);
  }
}

/** JSON is YAML. */
function configuration(targets: Targets) {
  return {
    global: { scrape_interval: SCRAPE_INTERVAL, evaluation_interval: SCRAPE_INTERVAL },
    rule_files: [`${RULES}recording_rules.yml`, `${RULES}alert_rules.yml`],
    scrape_configs: Object.entries(targets).map(([job_name, addresses]) => ({
      job_name,
      static_configs: [{ targets: addresses }],
    })),
  };
}
