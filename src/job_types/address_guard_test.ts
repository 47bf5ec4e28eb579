import assert from "node:assert/strict";
import fc from "fast-check";
import { addressKind, createAddressGuard } from "./address_guard.ts";
import { AddressRefusedError } from "./contract.ts";

const KINDS: Readonly<Record<string, string>> = {
  "8.8.8.8": "public",
  "1.1.1.1": "public",
  "2606:4700:4700::1111": "public",
  "127.0.0.1": "loopback",
  "127.255.255.254": "loopback",
  "::1": "loopback",
  "0.0.0.0": "unspecified",
  "0.1.2.3": "unspecified",
  "::": "unspecified",
  "10.0.0.1": "private",
  "172.16.0.1": "private",
  "172.31.255.255": "private",
  "172.32.0.1": "public",
  "192.168.1.1": "private",
  "fd12:3456::1": "private",
  "fc00::1": "private",
  "fec0::1": "private",
  "169.254.1.1": "link-local",
  "fe80::1": "link-local",
  "fe80::1%eth0": "link-local",
  "100.64.0.1": "carrier-grade NAT",
  "100.127.255.255": "carrier-grade NAT",
  "100.128.0.1": "public",
  "169.254.169.254": "cloud metadata",
  "169.254.170.2": "cloud metadata",
  "168.63.129.16": "cloud metadata",
  "100.100.100.200": "cloud metadata",
  "169.254.0.23": "cloud metadata",
  "169.254.42.42": "cloud metadata",
  "100.96.0.96": "cloud metadata",
  "100.80.80.80": "cloud metadata",
  "::ffff:100.80.80.80": "cloud metadata",
  "192.0.0.192": "cloud metadata",
  "fd00:ec2::254": "cloud metadata",
  "::ffff:169.254.169.254": "cloud metadata",
  "64:ff9b::a9fe:a9fe": "cloud metadata",
  "2002:a9fe:a9fe::1": "cloud metadata",
  "224.0.0.1": "multicast",
  "239.255.255.250": "multicast",
  "ff02::1": "multicast",
  "255.255.255.255": "broadcast",
  "192.0.2.1": "reserved",
  "192.0.0.8": "reserved",
  "192.88.99.1": "reserved",
  "198.18.0.1": "reserved",
  "198.51.100.1": "reserved",
  "203.0.113.1": "reserved",
  "240.0.0.1": "reserved",
  "2001:db8::1": "reserved",
  "100::1": "reserved",
  "5f00::1": "reserved",
  "4000::1": "reserved",
  "3fff::1": "reserved",
  "2001:2::1": "reserved",
  "2001:20::1": "reserved",
  "::ffff:127.0.0.1": "loopback",
  "::ffff:10.0.0.1": "private",
  "::ffff:8.8.8.8": "public",
  "::7f00:1": "reserved",
  "::ffff:0:127.0.0.1": "NAT64",
  "64:ff9b::7f00:1": "NAT64",
  "64:ff9b::8.8.8.8": "public",
  "64:ff9b:1::8.8.8.8": "NAT64",
  "2002:7f00:1::": "6to4",
  "2002:808:808::": "6to4",
  "2001:0:4136:e378:8000:63bf:3fff:fdd2": "Teredo",
  "2a00:1450:4001:81b:0:5efe:7f00:1": "reserved",
};

Deno.test("each kind of address is known for what it is", () => {
  for (const [address, kind] of Object.entries(KINDS)) {
    assert.equal(addressKind(address), kind, address);
  }
});

Deno.test("where private addresses are refused, only public ones pass", () => {
  const guard = createAddressGuard({ privateAddresses: "refuse", allowList: [] });
  for (const [address, kind] of Object.entries(KINDS)) {
    const check = () => guard.check("some.example", 80, [address]);
    if (kind === "public") check();
    else assert.throws(check, AddressRefusedError, address);
  }
});

Deno.test("where private addresses are allowed, metadata services and multicast are not", () => {
  const guard = createAddressGuard({ privateAddresses: "allow", allowList: [] });
  for (const [address, kind] of Object.entries(KINDS)) {
    const check = () => guard.check("some.example", 80, [address]);
    if (["cloud metadata", "multicast", "broadcast"].includes(kind)) {
      assert.throws(check, AddressRefusedError, address);
    } else check();
  }
});

Deno.test("one private address among public ones refuses the host", () => {
  const guard = createAddressGuard({ privateAddresses: "refuse", allowList: [] });
  assert.throws(() => guard.check("a.example", 80, ["8.8.8.8", "10.0.0.1"]), AddressRefusedError);
});

Deno.test("a refusal names the host and the kind, not the address behind the name", () => {
  const guard = createAddressGuard({ privateAddresses: "refuse", allowList: [] });
  assert.throws(() => guard.check("db.internal", 80, ["10.1.2.3"]), (error: Error) => {
    assert.match(
      error.message,
      /"db\.internal" leads to a private address.*jobs\.address_allow_list/,
    );
    assert.doesNotMatch(error.message, /10\.1\.2\.3/);
    return true;
  });
});

Deno.test("every IPv4 address that is refused is refused inside IPv6 too", () => {
  const byte = fc.nat(255);
  fc.assert(fc.property(byte, byte, byte, byte, (a, b, c, d) => {
    const plain = `${a}.${b}.${c}.${d}`;
    if (addressKind(plain) === "public") return;
    for (const prefix of ["::ffff:", "64:ff9b::", "::ffff:0:", "::"]) {
      assert.notEqual(addressKind(prefix + plain), "public", prefix + plain);
    }
  }));
});

Deno.test("the allow-list opens hosts, domains, ports, addresses and ranges, and no more", () => {
  const guard = createAddressGuard({
    privateAddresses: "refuse",
    allowList: [
      "intranet.example",
      "*.corp.example",
      "ported.example:8080",
      "10.1.0.0/16",
      "192.168.1.1",
      "192.168.1.2:8080",
      "fd12::/16",
      "[fd34::1]:443",
      "localhost",
    ],
  });
  const cases: readonly (readonly [host: string, port: number, address: string, ok: boolean])[] = [
    ["intranet.example", 80, "10.9.9.9", true],
    ["INTRANET.example.", 80, "10.9.9.9", true],
    ["other.intranet.example", 80, "10.9.9.9", false],
    ["a.corp.example", 80, "10.9.9.9", true],
    ["a.b.corp.example", 80, "10.9.9.9", true],
    ["corp.example", 80, "10.9.9.9", false],
    ["evilcorp.example", 80, "10.9.9.9", false],
    ["ported.example", 8080, "10.9.9.9", true],
    ["ported.example", 80, "10.9.9.9", false],
    ["x.example", 80, "10.1.255.1", true],
    ["x.example", 80, "::ffff:10.1.255.1", true],
    ["x.example", 80, "10.2.0.1", false],
    ["192.168.1.1", 80, "192.168.1.1", true],
    ["192.168.1.2", 8080, "192.168.1.2", true],
    ["192.168.1.2", 80, "192.168.1.2", false],
    ["[fd12::5]", 80, "fd12::5", true],
    ["[fd34::1]", 443, "fd34::1", true],
    ["[fd34::1]", 80, "fd34::1", false],
    ["localhost", 1234, "127.0.0.1", true],
    ["intranet.example", 80, "169.254.169.254", false],
  ];
  for (const [host, port, address, ok] of cases) {
    const check = () => guard.check(host, port, [address]);
    if (ok) assert.doesNotThrow(check, `${host}:${port} at ${address}`);
    else assert.throws(check, AddressRefusedError, `${host}:${port} at ${address}`);
  }
});

Deno.test("a metadata service is opened by its own address alone", () => {
  const byRange = createAddressGuard({ privateAddresses: "refuse", allowList: ["169.254.0.0/16"] });
  assert.throws(() => byRange.check("x", 80, ["169.254.169.254"]), AddressRefusedError);
  const byAddress = createAddressGuard({
    privateAddresses: "refuse",
    allowList: ["169.254.169.254"],
  });
  byAddress.check("x", 80, ["169.254.169.254"]);
});

Deno.test("an allow-list entry that cannot be read is named", () => {
  for (const entry of ["http://x", "10.0.0.0/33", "", "a b", "10.1", "::1::2", "x:port"]) {
    assert.throws(
      () => createAddressGuard({ privateAddresses: "refuse", allowList: [entry] }),
      (error: Error) =>
        error instanceof RangeError && error.message.includes(JSON.stringify(entry)),
      entry,
    );
  }
});
