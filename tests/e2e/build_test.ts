/**
 * What `deno task build` makes, copied alone into an empty directory and put to work as processes of
 * its own. `BUILT_CONDUCTOR=PATH` tests a file that was made before instead of making one.
 *
 * @module
 */

import { create } from "@bufbuild/protobuf";
import { Client, credentials } from "@grpc/grpc-js";
import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import {
  OtlpGrpcReceiver,
  OtlpReceiver,
} from "../../src/observability/otlp_receiver_test_support.ts";
import { demoJobs } from "../../scripts/demo/jobs.ts";
import { serveDirectory } from "../../scripts/demo/site.ts";
import {
  ServerReflection,
  ServerReflectionRequestSchema,
  type ServerReflectionResponse,
} from "../../src/rpc/gen/grpc/reflection/v1/reflection_pb.ts";
import { methodDefinition } from "../../src/rpc/wire.ts";
import { BareRoot, bareRootObstacle, DATA } from "./bare_root.ts";
import { type CommandResult, end, Host, type Program, run, until } from "./support.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const SAMPLES = join(ROOT, "scripts", "samples");
const OBSTACLE = await bareRootObstacle();
const HANDLERS = `
export const greet = ({ name }) => "Hello, " + name + "!";
const isGranted = (name) => Deno.permissions.querySync({ name }).state === "granted";
export const may = () => ["read", "write", "net", "env", "run", "sys", "ffi"].filter(isGranted);
`;

Deno.test({
  name: "what the build makes does everything, alone in an empty directory",
  ignore: Deno.build.os === "windows",
  fn: async (context) => {
    const directory = await Deno.makeTempDir({ prefix: "conductor-built-" });
    const program: Program = {
      command: [join(directory, "conductor")],
      directory,
      environment: { HOME: directory, XDG_CACHE_HOME: "" },
    };
    const host = new Host(program);
    const site = serveDirectory(SAMPLES);
    try {
      await build(join(directory, "conductor"));
      await context.step("it answers at once what needs no master", () => checkAnswers(program));
      const master = await host.startMaster();
      await Deno.writeTextFile(join(directory, "handlers.js"), HANDLERS);
      const worker = host.startWorker(
        "w1",
        "--handlers=handlers.js",
        `--set=jobs.file_write_roots=${directory}`,
        "--set=worker.handler_permissions=net",
        "--allow-exec=echo=/bin/echo",
      );
      await context.step("it runs every type of job", async () => {
        await checkEveryType(host, site.url, directory);
      });
      await context.step("it has its page with it, and the API behind that", async () => {
        const page = await fetch(host.httpUrl);
        assert.match(page.headers.get("content-type") ?? "", /^text\/html/);
        const [, script] = /<script type="module" src="\/?([^"]+)"/.exec(await page.text()) ?? [];
        const loaded = await fetch(`${host.httpUrl}/${script}`);
        assert.match(loaded.headers.get("content-type") ?? "", /^text\/javascript/);
        assert.ok((await loaded.text()).length > 100);
        const { jobs } = await (await fetch(`${host.httpUrl}/api/v1/jobs`)).json();
        assert.ok(jobs.length > 0);
      });
      await context.step("it sends spans by every road of OTLP", () => checkTracing(host));
      await context.step("it describes its services to gRPC clients", async () => {
        const names = await servicesOf(host.grpcAddress);
        assert.ok(names.includes("proto.MasterService"), names.join());
        assert.ok(names.includes("grpc.health.v1.Health"), names.join());
      });
      await context.step("jobs outlive a kill -9 of the master", () => checkCrash(host, master));
      await context.step("a signal ends a worker in order", async () => {
        assert.equal(await end(worker, "SIGTERM"), 0);
      });
      await context.step({
        name: "it is a service on a bare read-only root, with one directory and a user of its own" +
          (OBSTACLE === undefined ? "" : ` (left out: ${OBSTACLE})`),
        ignore: OBSTACLE !== undefined,
        fn: () => checkBareRoot(join(directory, "conductor")),
      });
    } finally {
      await site.stop();
      await host.stop();
      await Deno.remove(directory, { recursive: true });
    }
  },
});

async function build(output: string): Promise<void> {
  const made = Deno.env.get("BUILT_CONDUCTOR");
  if (made !== undefined) return await Deno.copyFile(made, output);
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", join(ROOT, "scripts", "build.ts"), `--output=${output}`],
    stdout: "null",
  }).output();
  assert.ok(success, new TextDecoder().decode(stderr));
  const sbom = JSON.parse(await Deno.readTextFile(`${output}.cdx.json`));
  assert.equal(sbom.bomFormat, "CycloneDX");
  assert.ok(sbom.components.length > 100, "what it is made of is told of beside it");
  assert.match(await Deno.readTextFile(`${output}.licenses.txt`), /^zod@[\d.]+: MIT$/m);
}

async function checkAnswers(program: Program): Promise<void> {
  const version = await run(["--version"], program);
  assert.match(version.stdout, /^conductor \d+\.\d+\.\d+\n$/);
  const production = await run(["config", "show", "--profile=production"], program);
  assert.match(production.stdout + production.stderr, /rbac|tls/i, "the profiles are embedded");
  assert.match((await run(["completion", "zsh"], program)).stdout, /compdef/);
  const misused = await run(["sumbit"], program);
  assert.equal(misused.code, 2);
  assert.match(misused.stderr, /submit/);
}

async function checkTracing(host: Host): Promise<void> {
  await using http = new OtlpReceiver();
  await using grpc = await OtlpGrpcReceiver.start();
  for (const protocol of ["http/protobuf", "grpc"]) {
    const { port, spans } = protocol === "grpc" ? grpc : http;
    const before = spans.length;
    const { code, stderr } = await host.clientGiven({
      environment: {
        OTEL_TRACE_ENABLED: "true",
        OTEL_EXPORTER_OTLP_PROTOCOL: protocol,
        OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}`,
      },
    }, "list");
    assert.equal(code, 0, stderr);
    assert.equal(spans.length, before + 1, protocol);
  }
}

async function checkEveryType(host: Host, url: string, directory: string): Promise<void> {
  for (const { title, type, payload, describe } of demoJobs(url, directory)) {
    const done = await submit(host, type, payload);
    const { result } = JSON.parse(done.stdout);
    assert.notEqual(describe(JSON.stringify(result.output)).length, 0, title);
  }
  const greeted = await submit(host, "greet", '{"name":"Ada"}');
  assert.equal(JSON.parse(greeted.stdout).result.output, "Hello, Ada!");
  const may = JSON.parse((await submit(host, "may", "{}")).stdout).result.output;
  assert.deepEqual(may, ["net"], "a handler may do what worker.handler_permissions grants");
  const fetched = await submit(host, "http", JSON.stringify({ url, expect: { status: "2xx" } }));
  assert.equal(JSON.parse(fetched.stdout).result.output.status, 200);
  const echoed = await submit(host, "exec", '{"command":"echo","args":["$HOME"]}');
  assert.equal(JSON.parse(echoed.stdout).result.output.stdout, "$HOME\n");
}

async function submit(host: Host, type: string, payload: string): Promise<CommandResult> {
  const done = await host.client(
    ...["submit", `--type=${type}`, `--payload=${payload}`, "--wait", "--output=json"],
  );
  assert.equal(done.code, 0, `${type}: ${done.stderr}`);
  return done;
}

async function servicesOf(address: string): Promise<string[]> {
  const client = new Client(address, credentials.createInsecure());
  try {
    const { path, requestSerialize, responseDeserialize } = methodDefinition(
      ServerReflection.method.serverReflectionInfo,
    );
    const stream = client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize);
    const answer = new Promise<unknown>((resolve, reject) => {
      stream.once("data", resolve);
      stream.once("error", reject);
    });
    stream.write(create(ServerReflectionRequestSchema, {
      messageRequest: { case: "listServices", value: "" },
    }));
    const { messageResponse } = await answer as ServerReflectionResponse;
    stream.end();
    assert.equal(messageResponse.case, "listServicesResponse");
    return messageResponse.value.service.map(({ name }) => name);
  } finally {
    client.close();
  }
}

async function checkCrash(host: Host, master: Deno.ChildProcess): Promise<void> {
  const submitted = await host.client("submit", "--type=later", "--payload={}");
  const id = submitted.stdout.trim();
  await end(master, "SIGKILL");
  await host.startMaster();
  const status = await host.client("status", id, "--output=json");
  assert.equal(JSON.parse(status.stdout).status, "pending");
  await until("the worker is back", async () => {
    return (await host.client("workers")).stdout.includes("w1");
  });
}

/** Nothing is there but the program, its data directory and loopback: no home, no /tmp, no /etc. */
async function checkBareRoot(program: string): Promise<void> {
  await using root = await BareRoot.make(program);
  const homeless = await root.run(["--version"]);
  if (homeless.code !== 0) {
    // It unpacks itself, and has nowhere to.
    assert.match(homeless.stderr, /^conductor: cannot unpack itself: .*CONDUCTOR_CACHE_DIR\n$/);
  }
  const own = { CONDUCTOR_CACHE_DIR: `${DATA}/cache` };
  const ask = (...args: string[]) => root.run([...args, "--addr=127.0.0.1:9000"], own);
  const startMaster = async () => {
    const master = root.start(["master", "--bootstrap", `--data-dir=${DATA}/master`], {
      ...own,
      CONDUCTOR_LOG_OUTPUT: `${DATA}/master.log`,
    });
    await until("the master is ready", async () => (await root.run(["health"], own)).code === 0);
    return master;
  };
  const master = await startMaster();
  const worker = root.start(["worker", "--join=127.0.0.1:9000", `--data-dir=${DATA}/worker`], {
    ...own,
    CONDUCTOR_LOG_OUTPUT: `${DATA}/worker.log`,
  });
  // One that runs in a process of its own: that has no other place to write to either.
  const payload = '{"data":"a\\n1\\n2\\n","format":"csv","operations":[{"type":"describe"}]}';
  const done = await ask("submit", "--type=data_analysis", `--payload=${payload}`, "--wait");
  assert.equal(done.code, 0, done.stderr + await root.written("worker.log"));
  // Told to stop, a worker finishes what it runs: longer than a busy machine takes to ask whether it does.
  const { stdout } = await ask("submit", "--type=test_sleep", '--payload={"duration":"5s"}');
  await until("it runs", async () => {
    const status = await ask("status", stdout.trim(), "--output=json");
    return JSON.parse(status.stdout).status === "running";
  });
  assert.equal(await end(worker, "SIGTERM"), 0);
  assert.equal(await end(master, "SIGTERM"), 0);
  assert.match(await root.written("master.log"), /"msg":"master stopped"\}\n$/);
  const again = await startMaster();
  const listed = await ask("list", "--status=completed", "--output=json");
  assert.equal(JSON.parse(listed.stdout).total, 2, listed.stdout);
  assert.equal(await end(again, "SIGTERM"), 0);
}
