import assert from "node:assert/strict";
import { loadConfig, type LoadedConfig, type Profile, type Source } from "../config/mod.ts";
import {
  createLogger,
  createMetricsRegistry,
  createWorkerMetrics,
  silentTracer,
} from "../observability/mod.ts";
import { PortError, type WorkerApi } from "../rpc/mod.ts";
import { openNodeTls } from "./node_tls.ts";
import { openWorkerDoor } from "./worker_door.ts";

const WORKER: WorkerApi = {
  workerId: "w1",
  assign: () => ({ done: false, message: "" }),
  cancel: () => ({ done: false, message: "" }),
};

/** A configuration whose worker port came from `source`. */
function loadedWith(port: number, source: Source | undefined, profile: Profile): LoadedConfig {
  const loaded = loadConfig({
    flags: { profile: "development", "security.tls.enabled": false },
    env: {},
    readTextFile: () => {
      throw new Error("no file is read");
    },
    role: "worker",
  });
  const grpc = { ...loaded.config.grpc, workerPort: port };
  const sources = { ...loaded.sources, ...(source && { "grpc.worker_port": source }) };
  return { ...loaded, profile, config: { ...loaded.config, grpc }, sources };
}

async function open(port: number, source: Source | undefined, profile: Profile = "development") {
  const log = await createLogger({
    level: "error",
    format: "json",
    output: "stderr",
    name: "worker",
    nodeId: "w1",
  });
  const metrics = createWorkerMetrics(await createMetricsRegistry({ enabled: false }));
  const loaded = loadedWith(port, source, profile);
  return await openWorkerDoor(loaded, WORKER, {
    tls: await openNodeTls(loaded, "worker", { log, metrics }),
    log,
    tracer: silentTracer,
    metrics,
  });
}

Deno.test("grpc.worker_port 0 opens no door, another one is told to masters", async () => {
  assert.equal(await open(0, undefined), undefined);
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  const door = await open(port, undefined);
  assert.equal(door?.address, `127.0.0.1:${port}`);
  await door?.close();
});

Deno.test("a taken port is done without where nobody chose it, and a fault where somebody did", async () => {
  const taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  try {
    const { port } = taken.addr;
    const shipped: Source = { kind: "file", file: "dev.yaml", line: 1, shipped: true, unset: [] };
    for (const source of [undefined, { kind: "default" } as const, shipped]) {
      assert.equal(await open(port, source), undefined);
    }
    for (
      const source of [
        { kind: "flag", name: "--grpc-port" } as const,
        { kind: "environment", name: "GRPC_WORKER_PORT" } as const,
        { ...shipped, shipped: false },
      ]
    ) {
      await assert.rejects(open(port, source), PortError);
    }
  } finally {
    taken.close();
  }
});
