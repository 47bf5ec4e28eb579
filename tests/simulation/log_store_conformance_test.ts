import { MemoryLog } from "../../src/raft/mod.ts";
import { SqliteRaftLog } from "../../src/storage/raft_log.ts";
import { SimulatedDisk } from "./disk.ts";
import { testLogStore } from "./log_store_conformance.ts";
import { Random } from "./random.ts";
import { SimulatedLog } from "./simulated_log.ts";

testLogStore("SQLite", () => {
  const directory = Deno.makeTempDirSync({ prefix: "conductor-log-" });
  const identity = { clusterId: "c", nodeId: "a", incarnation: "i" };
  let store = SqliteRaftLog.create(directory, identity);
  return {
    store,
    reopen: () => {
      store.close();
      store = SqliteRaftLog.open(directory, { nodeId: "a", clusterId: "c" });
      return store;
    },
    dispose: () => {
      store.close();
      Deno.removeSync(directory, { recursive: true });
    },
  };
});

testLogStore("simulated disk", () => {
  const disk = new SimulatedDisk(new Random(1));
  return {
    store: new SimulatedLog(disk),
    reopen: () => {
      disk.crash();
      return new SimulatedLog(disk);
    },
    dispose: () => {},
  };
});

testLogStore("memory", () => {
  // It forgets with its process, so what a restart finds is what it holds.
  const store = new MemoryLog();
  return { store, reopen: () => store, dispose: () => {} };
});
