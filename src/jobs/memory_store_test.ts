import { MemoryJobStore } from "./memory_store.ts";
import { describeJobStore } from "./store_conformance_test_support.ts";

describeJobStore("memory store", () => {
  const store = new MemoryJobStore();
  return { store, reopen: () => store.copy(), close: () => {} };
});
