import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import type { Socket } from "node:net";
import { type ConnectionBounds, ConnectionLimits } from "./connection_limits.ts";

const BOUNDS: ConnectionBounds = {
  connectionsMax: 4,
  connectionsOfAddressMax: 2,
  handshakeTimeoutMs: 1_000,
  idleTimeoutMs: 10_000,
};

let lastPort = 0;

/** As much of a socket as is looked at. */
class FakeSocket extends EventEmitter {
  readonly remotePort = ++lastPort;
  destroyed = false;

  constructor(readonly remoteAddress: string) {
    super();
  }

  destroy() {
    if (this.destroyed) return;
    this.destroyed = true;
    this.emit("close");
  }
}

function listener(bounds: Partial<ConnectionBounds> = {}) {
  const struck: string[] = [];
  const clock = { nowMs: 0 };
  const limits = new ConnectionLimits(
    { ...BOUNDS, ...bounds },
    (limit, address) => struck.push(`${limit} ${address}`),
    () => clock.nowMs,
  );
  const connect = (address: string) => {
    const socket = new FakeSocket(address);
    limits.admit(socket as unknown as Socket);
    return socket;
  };
  return { limits, struck, clock, connect };
}

Deno.test("connections of one address are bounded, an IPv6 network counting as one", () => {
  const { limits, struck, connect } = listener();
  const [first] = [connect("10.0.0.1"), connect("10.0.0.1")];
  assert.ok(connect("10.0.0.1").destroyed);
  assert.equal(connect("10.0.0.2").destroyed, false);
  first?.destroy();
  assert.equal(connect("10.0.0.1").destroyed, false, "one that ends makes room");
  assert.equal(limits.size, 3);
  const other = listener();
  other.connect("2001:db8::1");
  other.connect("2001:db8::2");
  assert.ok(other.connect("2001:db8::3:4567").destroyed);
  assert.deepEqual([...struck, ...other.struck], [
    "too_many_of_address 10.0.0.1",
    "too_many_of_address 2001:db8:0:0::/64",
  ]);
  for (const each of [limits, other.limits]) assert.ok(each.size > 0);
});

Deno.test("all connections are bounded together", () => {
  const { struck, connect } = listener();
  for (const address of ["10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4"]) {
    assert.equal(connect(address).destroyed, false);
  }
  assert.ok(connect("10.0.0.5").destroyed);
  assert.deepEqual(struck, ["too_many 10.0.0.5"]);
});

Deno.test("where there is no room for one more, the oldest that asks for nothing gives way", () => {
  const { limits, struck, clock, connect } = listener();
  const asking = connect("10.0.0.1");
  limits.requested(asking);
  const [idle, younger] = [connect("10.0.0.2"), connect("10.0.0.3")];
  clock.nowMs = 600;
  limits.requested(idle)();
  limits.requested(younger)();
  const last = connect("10.0.0.4");
  clock.nowMs = 1_599;
  assert.ok(connect("10.0.0.5").destroyed, "all were heard of just now");
  clock.nowMs = 1_600;
  assert.equal(connect("10.0.0.5").destroyed, false);
  assert.ok(idle.destroyed);
  assert.ok([asking, younger, last].every(({ destroyed }) => !destroyed));
  assert.deepEqual(struck, ["too_many 10.0.0.5", "too_many 10.0.0.2"]);
  assert.equal(limits.size, 4);
});

Deno.test("whoever has too many of its own makes nobody give way", () => {
  const { struck, clock, connect } = listener({ connectionsMax: 3 });
  const idle = connect("10.0.0.2");
  const [first] = [connect("10.0.0.1"), connect("10.0.0.1")];
  clock.nowMs = 5_000;
  assert.ok(connect("10.0.0.1").destroyed);
  assert.ok(!idle.destroyed && first?.destroyed === false);
  assert.deepEqual(struck, ["too_many_of_address 10.0.0.1"]);
});

Deno.test("a connection that asks for nothing is ended, one that asks may take its time", () => {
  const { limits, struck, clock, connect } = listener();
  const silent = connect("10.0.0.1");
  const asking = connect("10.0.0.2");
  const over = limits.requested(asking);
  clock.nowMs = 999;
  limits.look();
  assert.equal(silent.destroyed, false);
  clock.nowMs = 1_000;
  limits.look();
  assert.ok(silent.destroyed);
  clock.nowMs = 60_000;
  limits.look();
  assert.equal(asking.destroyed, false, "its request is under way");
  over();
  over();
  clock.nowMs += 9_999;
  limits.look();
  assert.equal(asking.destroyed, false);
  clock.nowMs += 1;
  limits.look();
  assert.ok(asking.destroyed);
  assert.deepEqual(struck, ["handshake_timeout 10.0.0.1", "idle 10.0.0.2"]);
  assert.equal(limits.size, 0);
});

Deno.test("with an idle timeout of 0 a connection that has proven itself may stay", () => {
  const { limits, clock, connect } = listener({ idleTimeoutMs: 0 });
  const socket = connect("10.0.0.1");
  limits.requested(socket)();
  clock.nowMs = 1e9;
  limits.look();
  assert.equal(socket.destroyed, false);
  socket.destroy();
});
