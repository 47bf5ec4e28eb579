import assert from "node:assert/strict";
import { AddressRefusedError, PermanentJobError } from "./contract.ts";
import { createGuardedFetch, type FetchPolicy, JobUrlError } from "./guarded_fetch.ts";
import { OPEN_POLICY, serve } from "./test_server.ts";

const STRICT: FetchPolicy = { ...OPEN_POLICY, privateAddresses: "refuse" };

/** Every name leads to `addresses`; nothing is asked of the machine's own DNS. */
const everyNameIs = (...addresses: string[]) => () => Promise.resolve(addresses);
const noNames = () => Promise.reject(new Error("no name should have been looked up"));

const textOf = async (body: { bytes(): Promise<Uint8Array> }) =>
  new TextDecoder().decode(await body.bytes());

/** Spellings of places that a job must not reach; `PORT` is a server that would answer. */
const HOSTILE_URLS: readonly string[] = [
  "http://127.0.0.1:PORT/",
  "http://127.1:PORT/",
  "http://127.0.1:PORT/",
  "http://127.0.0.2:PORT/",
  "http://127.255.255.254:PORT/",
  "http://2130706433:PORT/",
  "http://0x7f000001:PORT/",
  "http://0x7f.0.0.1:PORT/",
  "http://0x7f.1:PORT/",
  "http://0177.0.0.1:PORT/",
  "http://0177.1:PORT/",
  "http://017700000001:PORT/",
  "http://127.0.0.1.:PORT/",
  "http://127.1.:PORT/",
  "http://%31%32%37.0.0.1:PORT/",
  "http://①②⑦.⓪.⓪.①:PORT/",
  "http://127。0。0。1:PORT/",
  "http://127.0.0.1:PORT",
  "http:127.0.0.1:PORT/",
  "http:/127.0.0.1:PORT/",
  "http:\\\\127.0.0.1:PORT\\",
  "HTTP://127.0.0.1:PORT/",
  " http://127.0.0.1:PORT/ ",
  "//127.0.0.1:PORT/",
  "127.0.0.1:PORT/",
  "127.0.0.1/",
  "http://0.0.0.0:PORT/",
  "http://0:PORT/",
  "http://0.1.2.3:PORT/",
  "http://[::1]:PORT/",
  "http://[0:0:0:0:0:0:0:1]:PORT/",
  "http://[0000:0000:0000:0000:0000:0000:0000:0001]:PORT/",
  "http://[::]:PORT/",
  "http://[::ffff:127.0.0.1]:PORT/",
  "http://[::ffff:7f00:1]:PORT/",
  "http://[0:0:0:0:0:ffff:127.0.0.1]:PORT/",
  "http://[::127.0.0.1]:PORT/",
  "http://[::ffff:0:127.0.0.1]:PORT/",
  "http://[64:ff9b::127.0.0.1]:PORT/",
  "http://[64:ff9b:1::127.0.0.1]:PORT/",
  "http://[2002:7f00:1::]:PORT/",
  "http://[2001:0:7f00:1::]:PORT/",
  "http://[fe80::1]:PORT/",
  "http://[fd00::1]:PORT/",
  "http://[fec0::1]:PORT/",
  "http://[ff02::1]:PORT/",
  "http://[2001:db8::1]:PORT/",
  "http://10.0.0.1/",
  "http://172.16.0.1/",
  "http://192.168.0.1/",
  "http://192.168.257/",
  "http://100.64.0.1/",
  "http://169.254.169.254/latest/meta-data/",
  "http://0xa9fea9fe/",
  "http://2852039166/",
  "http://[::ffff:169.254.169.254]/",
  "http://[fd00:ec2::254]/",
  "http://100.100.100.200/",
  "http://192.0.0.192/",
  "http://168.63.129.16/",
  "http://198.18.0.1/",
  "http://203.0.113.9/",
  "http://224.0.0.1/",
  "http://240.0.0.1/",
  "http://255.255.255.255/",
  "http://0X7F.0X0.0X0.0X1:PORT/",
  "http://127.0x0.0.01:PORT/",
  "http://127.65535:PORT/",
  "http://127.0.0.1%2E:PORT/",
  "http://127%2e0%2E0.1:PORT/",
  "http://１２７．０．０．１:PORT/",
  "http://𝟏𝟐𝟕.𝟎.𝟎.𝟏:PORT/",
  "http://127．0．0．1:PORT/",
  "http://127｡0｡0｡1:PORT/",
  "http://127.0.\u00ad0.1:PORT/",
  "http://127.0.0.1\\@example.com:PORT/",
  "http://127.0.0.1#@example.com/",
  "http://127.0.0.1?@example.com/",
  "http:///127.0.0.1:PORT/",
  "http://@127.0.0.1:PORT/%",
  "http://[::FFFF:7F00:1]:PORT/",
  "http://[::ffff:a9fe:a9fe]/",
  "http://[64:ff9b::a9fe:a9fe]/",
  "http://[64:ff9b::10.0.0.1]/",
  "http://[2002:a00:1::]/",
  "http://[2002:c0a8:101::1]/",
  "http://[2001::1]/",
  "http://[fc00::1]/",
  "http://[fe90::1]/",
  "http://[ff05::1:3]/",
  "http://[100::1]/",
  "http://[fd20:ce::254]/",
  "http://10.255.255.255/",
  "http://172.31.255.255/",
  "http://192.168.65535/",
  "http://0300.0250.1/",
  "http://3232235521/",
  "http://0xc0a80001/",
  "http://100.127.255.254/",
  "http://0xa9.254.169.254/",
  "http://0251.0376.0251.0376/",
  "http://169.254.43518/",
  "http://169.254.170.2/v2/credentials",
  "http://192.0.2.1/",
  "http://198.19.255.254/",
  "http://239.255.255.250/",
  "http://0xffffffff/",
];

/** What only looks like a place: no URL parser may make one of it, and nothing is sent. */
const NO_PLACES: readonly string[] = [
  "http://[fe80::1%25eth0]:PORT/",
  "http://[fe80::1%eth0]:PORT/",
  "http://[::1]extra:PORT/",
  "http://[::1:PORT/",
  "http://[::ffff:127.1]:PORT/",
  "http://[::ffff:0x7f.0.0.1]:PORT/",
  "http://256.0.0.1:PORT/",
  "http://127.0.0.0x100:PORT/",
  "http://4294967296:PORT/",
  "http://0x100000000:PORT/",
  "http://127.0.0.1.1:PORT/",
  "http://1.2.3.4.5/",
  "http://127.0.0.09:PORT/",
  "http://127.0.0.1 .example.com/",
  "http://127.0.0.1%00.example.com/",
  "http://127.0.0.1%0d%0a.example.com/",
  "http://127.0.0.1\u0000.example.com/",
  "http://127.0.0.1%2f@example.com/",
  "http://exa%23mple.com/",
  "http://",
  "http://:PORT/",
  "http://u@127.0.0.1:PORT/",
  "http://:p@127.0.0.1:PORT/",
  "http://example.com@127.0.0.1:PORT/",
  "http://127.0.0.1:PORT:80/",
  "http://127.0.0.1:99999/",
];

Deno.test(`${HOSTILE_URLS.length} spellings of private places are refused, and nothing is sent`, async () => {
  await using server = await serve((_, response) => response.end("reached"));
  const fetch = createGuardedFetch(STRICT, noNames);
  for (const spelling of HOSTILE_URLS) {
    const url = spelling.replace("PORT", String(server.port));
    await assert.rejects(fetch(url), AddressRefusedError, url);
  }
  assert.deepEqual(server.requests, []);
});

Deno.test("what only looks like a place is refused, and nothing is sent or looked up", async () => {
  await using server = await serve((_, response) => response.end("reached"));
  // Even where private addresses may be reached, and whatever a name would lead to.
  const fetch = createGuardedFetch(OPEN_POLICY, noNames);
  for (const spelling of NO_PLACES) {
    const url = spelling.replace("PORT", String(server.port));
    await assert.rejects(fetch(url), PermanentJobError, url);
  }
  assert.deepEqual(server.requests, []);
});

Deno.test("names that resolve to private addresses are refused, whatever the name", async () => {
  const homes = [
    "127.0.0.1",
    "::1",
    "10.1.2.3",
    "169.254.169.254",
    "::ffff:192.168.0.1",
    "0.0.0.0",
  ];
  for (const address of homes) {
    const fetch = createGuardedFetch(STRICT, everyNameIs(address));
    for (
      const name of [
        "rebind.example",
        "localhost",
        "127.0.0.1.nip.io",
        "metadata.",
        "bücher.example",
      ]
    ) {
      await assert.rejects(fetch(`http://${name}/`), AddressRefusedError, `${name} is ${address}`);
    }
  }
});

Deno.test("localhost is refused by the machine's own resolver too", async () => {
  await using server = await serve((_, response) => response.end("reached"));
  const fetch = createGuardedFetch(STRICT);
  for (const name of ["localhost", "LOCALHOST", "localhost."]) {
    await assert.rejects(fetch(`http://${name}:${server.port}/`), AddressRefusedError, name);
  }
  assert.deepEqual(server.requests, []);
});

Deno.test("a name with one public and one private address is refused", async () => {
  const fetch = createGuardedFetch(STRICT, everyNameIs("93.184.216.34", "127.0.0.1"));
  await assert.rejects(fetch("http://mixed.example/"), AddressRefusedError);
});

Deno.test("a redirect to a private address is refused, by address and by name", async () => {
  await using inner = await serve((_, response) => response.end("reached"));
  for (
    const target of [`127.0.0.1:${inner.port}`, `home.example:${inner.port}`, "169.254.169.254"]
  ) {
    await using outer = await serve((_, response) => {
      response.writeHead(302, { location: `http://${target}/` }).end();
    });
    const policy: FetchPolicy = { ...STRICT, allowList: [`outer.example:${outer.port}`] };
    const fetch = createGuardedFetch(policy, everyNameIs("127.0.0.1"));
    await assert.rejects(fetch(`http://outer.example:${outer.port}/`), AddressRefusedError, target);
    assert.deepEqual(outer.requests, ["GET /"]);
  }
  assert.deepEqual(inner.requests, []);
});

Deno.test("a redirect to another scheme, or with a password, is refused", async () => {
  for (const location of ["file:///etc/passwd", "data:text/plain,x", "ftp://h/", "http://u:p@h/"]) {
    await using server = await serve((_, response) => response.writeHead(301, { location }).end());
    await assert.rejects(
      createGuardedFetch(OPEN_POLICY)(server.origin),
      AddressRefusedError,
      location,
    );
  }
});

Deno.test("the allow-list opens an intranet host where private addresses are refused", async () => {
  await using server = await serve((_, response) => response.end("intranet"));
  for (
    const entry of [
      "intranet.example",
      `intranet.example:${server.port}`,
      "127.0.0.0/8",
      "*.example",
    ]
  ) {
    const policy: FetchPolicy = { ...STRICT, allowList: [entry] };
    const fetch = createGuardedFetch(policy, everyNameIs("127.0.0.1"));
    const response = await fetch(`http://intranet.example:${server.port}/`);
    assert.equal(await textOf(response), "intranet", entry);
  }
  const other = createGuardedFetch(
    { ...STRICT, allowList: ["other.example", "10.0.0.0/8"] },
    everyNameIs("127.0.0.1"),
  );
  await assert.rejects(other(`http://intranet.example:${server.port}/`), AddressRefusedError);
});

Deno.test("metadata services are refused in development too", async () => {
  const fetch = createGuardedFetch(OPEN_POLICY, everyNameIs("169.254.169.254"));
  await assert.rejects(fetch("http://metadata.google.internal/"), AddressRefusedError);
  await assert.rejects(fetch("http://169.254.169.254/latest/"), AddressRefusedError);
});

Deno.test("other schemes, other protocols' ports and passwords in the URL are refused with advice", async () => {
  const fetch = createGuardedFetch(OPEN_POLICY, noNames);
  await assert.rejects(fetch("file:///etc/passwd"), /only http and https/);
  await assert.rejects(fetch("data:,x"), /only http and https/);
  await assert.rejects(fetch("gopher://127.0.0.1:70/"), JobUrlError);
  await assert.rejects(fetch("http://127.0.0.1:6379@127.0.0.1/"), /authorization header instead/);
  await assert.rejects(fetch("http://user:secret@example.com/"), (error: Error) => {
    assert.doesNotMatch(error.message, /secret/);
    return error instanceof PermanentJobError;
  });
  await assert.rejects(fetch("http://127.0.0.1:25/"), /port 25/);
});

Deno.test("headers that frame the message, and line breaks in them, are refused", async () => {
  const fetch = createGuardedFetch(OPEN_POLICY, noNames);
  const refused: readonly Record<string, string>[] = [
    { Host: "internal" },
    { "Transfer-Encoding": "chunked" },
    { "content-length": "0" },
    { connection: "upgrade" },
    { "x-a": "b\r\nx-c: d" },
    { "x a": "b" },
    { "x-a\r\nb": "c" },
  ];
  for (const headers of refused) {
    await assert.rejects(fetch("http://127.0.0.1/", { headers }), PermanentJobError);
  }
});
