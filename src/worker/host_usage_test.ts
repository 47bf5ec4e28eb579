import assert from "node:assert/strict";
import { hostResources, type HostSystem, hostUsageMeter } from "./host_usage.ts";

const GIBIBYTE = 2 ** 30;

/** A host of four processors and 16 GiB, of which 4 are free, with these files. */
class FakeHost implements HostSystem {
  readonly files: Record<string, string>;
  times = [0, 1, 2, 3].map(() => ({ total: 0, idle: 0 }));
  clockMs = 0;

  constructor(files: Record<string, string>) {
    this.files = files;
  }

  readonly read = (path: string) => this.files[path];
  readonly processors = () => this.times;
  readonly memory = () => ({ totalBytes: 16 * GIBIBYTE, availableBytes: 4 * GIBIBYTE });
  readonly nowMs = () => this.clockMs;
}

const CONTAINER = {
  "/proc/self/cgroup": "0::/\n",
  "/sys/fs/cgroup/cpu.max": "150000 100000\n",
  "/sys/fs/cgroup/cpu.stat": "usage_usec 5000000\nuser_usec 1\nsystem_usec 1\n",
  "/sys/fs/cgroup/memory.max": `${2 * GIBIBYTE}\n`,
  "/sys/fs/cgroup/memory.current": `${GIBIBYTE + GIBIBYTE / 2}\n`,
  "/sys/fs/cgroup/memory.stat": `anon 5\ninactive_file ${GIBIBYTE / 2}\nactive_file 7\n`,
};

Deno.test("in a container its bounds are what there is, and what it uses of them is in use", () => {
  const host = new FakeHost({ ...CONTAINER });
  assert.deepEqual(hostResources(host), { cpuMillis: 1500, memoryBytes: 2 * GIBIBYTE });
  const usage = hostUsageMeter(host);
  // Of one and a half processors over two seconds, 0.75 s were used.
  host.clockMs = 2_000;
  host.files["/sys/fs/cgroup/cpu.stat"] = "usage_usec 5750000\n";
  assert.deepEqual(usage(), { cpuUsage: 0.25, memoryUsage: 0.5 });
});

Deno.test("the tightest bound of all groups above counts", () => {
  const host = new FakeHost({
    "/proc/self/cgroup": "12:cpuset:/old\n0::/system.slice/conductor.service\n",
    "/sys/fs/cgroup/system.slice/conductor.service/cpu.max": "max 100000\n",
    "/sys/fs/cgroup/system.slice/conductor.service/memory.max": `${8 * GIBIBYTE}\n`,
    "/sys/fs/cgroup/system.slice/cpu.max": "50000 100000\n",
    "/sys/fs/cgroup/system.slice/memory.max": `${GIBIBYTE}\n`,
  });
  assert.deepEqual(hostResources(host), { cpuMillis: 500, memoryBytes: GIBIBYTE });
});

Deno.test("without bounds, with other groups and with bounds above the host's it is the host that counts", () => {
  const cases: Record<string, string>[] = [
    {},
    { "/proc/self/cgroup": "4:memory:/old\n1:cpu:/old\n" },
    { ...CONTAINER, "/sys/fs/cgroup/cpu.max": "max 100000", "/sys/fs/cgroup/memory.max": "max" },
    {
      ...CONTAINER,
      "/sys/fs/cgroup/cpu.max": "900000 100000",
      "/sys/fs/cgroup/memory.max": `${64 * GIBIBYTE}`,
    },
    { ...CONTAINER, "/sys/fs/cgroup/cpu.max": "", "/sys/fs/cgroup/memory.max": "garbage" },
  ];
  for (const files of cases) {
    const host = new FakeHost(files);
    assert.deepEqual(hostResources(host), { cpuMillis: 4000, memoryBytes: 16 * GIBIBYTE });
    const usage = hostUsageMeter(host);
    host.times = host.times.map((_, at) => ({ total: 100, idle: at === 0 ? 0 : 100 }));
    assert.deepEqual(usage(), { cpuUsage: 0.25, memoryUsage: 0.75 });
  }
});

Deno.test("processors that this process may not use are none of its", () => {
  const host = new FakeHost({ "/proc/self/status": "Name:\tx\nCpus_allowed_list:\t0,2-3\n" });
  assert.equal(hostResources(host).cpuMillis, 3000);
  const usage = hostUsageMeter(host);
  host.times = host.times.map((_, at) => ({ total: 100, idle: at === 1 ? 0 : 100 }));
  assert.equal(usage().cpuUsage, 0);
});
