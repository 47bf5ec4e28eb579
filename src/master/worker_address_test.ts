import assert from "node:assert/strict";
import { callableAddress } from "./worker_address.ts";

Deno.test("a worker is called where it says, unless it says localhost and is elsewhere", () => {
  const cases: readonly (readonly [address: string, peer: string, expected: string])[] = [
    ["worker-7.internal:9001", "10.0.0.7:51234", "worker-7.internal:9001"],
    ["10.0.0.8:9001", "10.0.0.7:51234", "10.0.0.8:9001"],
    ["localhost:9001", "127.0.0.1:51234", "localhost:9001"],
    ["localhost:9001", "[::1]:51234", "localhost:9001"],
    ["localhost:9001", "10.0.0.7:51234", "10.0.0.7:9001"],
    ["127.0.0.1:9001", "10.0.0.7:51234", "10.0.0.7:9001"],
    ["0.0.0.0:9001", "10.0.0.7:51234", "10.0.0.7:9001"],
    [":9001", "10.0.0.7:51234", "10.0.0.7:9001"],
    ["[::1]:9001", "[fd00::7]:51234", "[fd00::7]:9001"],
    ["localhost:9001", "fd00::7:51234", "[fd00::7]:9001"],
  ];
  for (const [address, peer, expected] of cases) {
    assert.equal(callableAddress(address, peer), expected, `${address} from ${peer}`);
  }
});
