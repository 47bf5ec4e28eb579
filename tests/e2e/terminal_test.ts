import assert from "node:assert/strict";
import { stripVTControlCharacters } from "node:util";
import { type Host, onHost, until } from "./support.ts";
import { MAIN, RUNTIME_ENVIRONMENT } from "../program.ts";

/** `script` of util-linux gives a process a terminal. */
async function hasScript(): Promise<boolean> {
  if (Deno.build.os !== "linux") return false;
  try {
    return (await new Deno.Command("script", { args: ["--version"] }).output()).success;
  } catch (failure) {
    if (failure instanceof Deno.errors.NotFound) return false;
    throw failure;
  }
}

/** Starts a command on a terminal of its own. */
function onTerminal(
  args: readonly string[],
  environment: Record<string, string> = {},
  stdin: "null" | "piped" = "null",
) {
  const words = [Deno.execPath(), "run", "--quiet", "--no-check", "-A", MAIN, ...args];
  const quoted = words.map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(" ");
  return new Deno.Command("script", {
    args: ["--quiet", "--return", "--flush", "--command", `exec ${quoted}`, "/dev/null"],
    stdin,
    stdout: "piped",
    stderr: "null",
    // Whoever runs the tests may have asked for none; empty is as if it were not set.
    env: { ...RUNTIME_ENVIRONMENT, TERM: "xterm", NO_COLOR: "", ...environment },
  }).spawn();
}

/** What stands on the terminal, as far as it was read. */
class Screen {
  text = "";
  readonly ended: Promise<void>;

  constructor(process: Deno.ChildProcess) {
    this.ended = this.#read(process.stdout);
  }

  async #read(stream: ReadableStream<Uint8Array<ArrayBuffer>>): Promise<void> {
    for await (const part of stream.pipeThrough(new TextDecoderStream())) this.text += part;
  }

  shows(pattern: RegExp): Promise<void> {
    return until(String(pattern), () => Promise.resolve(pattern.test(this.text)));
  }
}

async function waited(host: Host, environment?: Record<string, string>): Promise<string> {
  const process = onTerminal([
    "submit",
    "--type=test_sleep",
    '--payload={"duration":"1s"}',
    "--wait",
    `--addr=${host.grpcAddress}`,
  ], environment);
  const screen = new Screen(process);
  const { code } = await process.status;
  await screen.ended;
  assert.equal(code, 0, screen.text);
  return screen.text;
}

Deno.test({
  name:
    "at a terminal --wait draws progress over itself in colour; NO_COLOR takes the colour away, a dumb one gets neither",
  ignore: !await hasScript(),
  fn: () =>
    onHost(async (host) => {
      await host.startMaster();
      host.startWorker("w1");
      const colored = await waited(host);
      assert.match(colored, /\d+% slept \d\.\d s\r/);
      assert.ok(colored.includes("s\r\u001b[2K"), "progress is not drawn over");
      assert.ok(colored.includes("\u001b[32mcompleted\u001b[39m on w1"), colored);
      const plain = await waited(host, { NO_COLOR: "1" });
      assert.ok(!plain.includes("\u001b[3"), plain);
      assert.match(plain, /completed on w1/);
      const dumb = await waited(host, { TERM: "dumb" });
      assert.ok(!dumb.includes("\u001b"), dumb);
      assert.match(dumb, /completed on w1/);
    }),
});

Deno.test({
  name:
    "top draws the cluster on a screen of its own, heeds keys, and leaves the terminal as it was",
  ignore: !await hasScript(),
  fn: () =>
    onHost(async (host) => {
      await host.startMaster();
      const args = ["top", "--interval=100ms", `--addr=${host.grpcAddress}`];
      const process = onTerminal(args, {}, "piped");
      const screen = new Screen(process);
      const keys = process.stdin.getWriter();
      const press = (text: string) => keys.write(new TextEncoder().encode(text));
      await screen.shows(/\[\?1049h/);
      await screen.shows(/\[1\] members[\s\S]*dev-node-1[\s\S]*\[4\] jobs/);
      await press("h");
      await screen.shows(/members, queues, workers, jobs alone on the screen/);
      await press("xq");
      assert.equal((await process.status).code, 0);
      await keys.close();
      await screen.ended;
      assert.ok(
        screen.text.trimEnd().endsWith("\u001b[?25h\u001b[?1049l"),
        screen.text.slice(-200),
      );
    }),
});

Deno.test({
  name: "whoever starts a master at a terminal is told where it listens and what to do next",
  ignore: !await hasScript(),
  fn: () =>
    onHost(async (host) => {
      const flags = host.masterFlags().filter((flag) => !flag.startsWith("--log-output"));
      const process = onTerminal(["master", ...flags, "--log-level=info"]);
      const screen = new Screen(process);
      await screen.shows(/Its log follows/);
      await screen.shows(/this master leads/);
      const text = stripVTControlCharacters(screen.text).replaceAll("\r", "");
      assert.match(text, /^Conductor \S+: master dev-node-1, profile development$/m);
      assert.ok(text.includes(`  gRPC       ${host.grpcAddress}, for clients and workers\n`), text);
      assert.ok(text.includes(`  Dashboard  ${host.httpUrl}/\n`), text);
      assert.ok(text.includes(`worker --join ${host.grpcAddress}\n`), text);
      // Pretty lines for people; JSON is for pipes.
      assert.match(text, /^\d\d:\d\d:\d\d\.\d{3} +INFO +master +master started/m);
      process.kill("SIGTERM");
      await process.status;
      await screen.ended;
      await until("the master has ended", async () => {
        try {
          await fetch(`${host.httpUrl}/health`).then((response) => response.body?.cancel());
          return false;
        } catch (failure) {
          if (failure instanceof TypeError) return true;
          throw failure;
        }
      });
    }),
});
