import assert from "node:assert/strict";
import { address, collectorEndpoint, hostsAndRanges, isWildcardHost } from "./addresses.ts";
import { listenHost, members, splitAddress, splitMember } from "./addresses.ts";
import type { Kind, Raw } from "./kinds.ts";

function accepts<Value>(kind: Kind<Value>, rows: readonly (readonly [Raw, Value])[]): void {
  for (const [raw, value] of rows) {
    assert.deepEqual(kind.parse(raw), { value }, JSON.stringify(raw));
  }
}

function refuses<Value>(kind: Kind<Value>, rows: readonly (readonly [Raw, RegExp])[]): void {
  for (const [raw, problem] of rows) {
    const parsed = kind.parse(raw);
    assert.ok("problem" in parsed, `${JSON.stringify(raw)} should be refused`);
    assert.match(parsed.problem, problem, JSON.stringify(raw));
  }
}

Deno.test("an address to dial has a host that means one host, and a port", () => {
  accepts(address(), [
    ["localhost:9000", "localhost:9000"],
    ["10.0.0.1:1", "10.0.0.1:1"],
    ["[::1]:65535", "[::1]:65535"],
    ["staging-master-1.conductor.svc:9000", "staging-master-1.conductor.svc:9000"],
    ["my_container:9000", "my_container:9000"],
    [" localhost:9000 ", "localhost:9000"],
  ]);
  refuses(address(), [
    ["", /is empty/],
    ["localhost", /no port/],
    ["http://localhost:9000", /begins with http:\/\//],
    ["localhost:0", /not HOST:PORT/],
    ["localhost:65536", /not HOST:PORT/],
    ["::1:9000", /not HOST:PORT/],
    ["[::g]:9000", /not HOST:PORT/],
    ["300.0.0.1:9000", /not HOST:PORT/],
    ["a b:9000", /not HOST:PORT/],
    ["0.0.0.0:9000", /nobody can dial/],
    ["[::]:9000", /nobody can dial/],
    [":9000", /nobody can dial/],
  ]);
  accepts(address({ emptyAllowed: true }), [["", ""]]);
});

Deno.test("an address to listen on may be every interface", () => {
  accepts(address({ listening: true }), [
    ["0.0.0.0:7000", "0.0.0.0:7000"],
    ["[::]:7000", "[::]:7000"],
    [":7000", "0.0.0.0:7000"],
    ["127.0.0.1:7000", "127.0.0.1:7000"],
  ]);
});

Deno.test("a host to listen on is a host alone", () => {
  accepts(listenHost(), [["127.0.0.1", "127.0.0.1"], ["::", "::"], ["[::1]", "::1"]]);
  refuses(listenHost(), [["", /is empty/], ["0.0.0.0:9000", /has a port/], ["a b", /not a host/]]);
});

Deno.test("an address is taken apart without an IPv6 address's brackets", () => {
  assert.deepEqual(splitAddress("[::1]:7000"), { host: "::1", port: 7000 });
  assert.deepEqual(splitAddress("localhost:7000"), { host: "localhost", port: 7000 });
  assert.equal(splitAddress("localhost"), undefined);
});

Deno.test("every interface is known in each of its spellings", () => {
  for (const host of ["0.0.0.0", "::", "0:0:0:0:0:0:0:0", ""]) {
    assert.ok(isWildcardHost(host), host);
  }
  for (const host of ["127.0.0.1", "::1", "localhost"]) assert.ok(!isWildcardHost(host), host);
});

Deno.test("members of a static cluster have an id and an address each, both once", () => {
  accepts(members(), [
    ["n1=10.0.0.1:7000,n2=10.0.0.2:7000", ["n1=10.0.0.1:7000", "n2=10.0.0.2:7000"]],
    [["n1=[::1]:7000"], ["n1=[::1]:7000"]],
    ["", []],
  ]);
  refuses(members(), [
    ["10.0.0.1:7000", /no NODE_ID=/],
    ["n1=10.0.0.1", /no port/],
    ["n1=a:1,n1=b:1", /names n1 twice/],
    ["n1=a:1,n2=a:1", /names a:1 twice/],
    ["n1=0.0.0.0:7000", /nobody can dial/],
  ]);
  assert.deepEqual(splitMember("n1=a:1"), { id: "n1", address: "a:1" });
});

Deno.test("the allow-list takes hosts, patterns, ports, addresses and ranges", () => {
  const entries = [
    "intranet.example.com",
    "*.example.com",
    "localhost:8080",
    "10.0.0.1",
    "10.0.0.1:80",
    "10.1.0.0/16",
    "::1",
    "[::1]:80",
    "fd00::/8",
  ];
  accepts(hostsAndRanges(), [[entries, entries], ["", []]]);
  refuses(hostsAndRanges(), [
    ["10.0.0.0/33", /is neither/],
    ["300.0.0.1", /is neither/],
    ["http://localhost", /is neither/],
    ["*", /is neither/],
    ["a b", /is neither/],
  ]);
});

Deno.test("a collector is HOST:PORT as the original has it, or a URL as OpenTelemetry has it", () => {
  accepts(collectorEndpoint(), [
    ["localhost:4318", "localhost:4318"],
    ["http://localhost:4318", "http://localhost:4318"],
    ["https://otel.example.com/v1", "https://otel.example.com/v1"],
  ]);
  refuses(collectorEndpoint(), [
    ["localhost", /no port/],
    ["grpc://localhost:4317", /not an http or https URL/],
    ["http://", /not an http or https URL/],
    ["https://me:secret@otel.example.com", /holds a user or password/],
  ]);
});
