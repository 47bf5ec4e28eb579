import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { connect as connectHttp2 } from "node:http2";
import { HeaderBlocks } from "./header_blocks.ts";
import { startTestMaster } from "./server_test_support.ts";

const HEADERS = 1;
const CONTINUATION = 9;
const NEWEST = 0x80 + 62;

/** HPACK's integer, behind the bits that say what it is. */
function integer(kind: number, bits: number, value: number): number[] {
  const most = 2 ** bits - 1;
  if (value < most) return [kind | value];
  const bytes = [kind | most];
  let rest = value - most;
  for (; rest > 0x7f; rest >>= 7) bytes.push(rest & 0x7f | 0x80);
  return [...bytes, rest];
}

function text(length: number, isHuffman = false): number[] {
  return [...integer(isHuffman ? 0x80 : 0, 7, length), ...new Array(length).fill(0xff)];
}

/** A field that goes into the table. */
function entry(nameBytes: number, valueBytes: number): number[] {
  return [0x40, ...text(nameBytes), ...text(valueBytes)];
}

/** Whether a block is within its bounds, brought in pieces of a length. */
function isFine(blocks: HeaderBlocks, block: readonly number[], flags = 4, pieceBytes = 7) {
  assert.ok(blocks.frame(HEADERS, flags, block.length));
  for (let at = 0; at < block.length; at += pieceBytes) {
    if (!blocks.take(new Uint8Array(block.slice(at, at + pieceBytes)))) return false;
  }
  return true;
}

Deno.test("a block is as long as what it unpacks to, which may have been sent with an earlier one", () => {
  for (const pieceBytes of [1, 2, 7, 10_000]) {
    const blocks = new HeaderBlocks(10_000);
    assert.ok(isFine(blocks, [0x83, ...entry(3, 2_965)], 4, pieceBytes));
    assert.ok(isFine(blocks, [NEWEST, NEWEST, NEWEST], 4, pieceBytes), "9,000 bytes");
    assert.ok(!isFine(blocks, [NEWEST, NEWEST, NEWEST, NEWEST], 4, pieceBytes), "12,000");
  }
});

Deno.test("what was sent before makes up a part of a block alone, however long that may be", () => {
  const blocks = new HeaderBlocks(1_000_000);
  assert.ok(isFine(blocks, [0x83, ...entry(3, 2_965)]));
  assert.ok(isFine(blocks, new Array(5).fill(NEWEST)));
  assert.ok(!isFine(blocks, new Array(6).fill(NEWEST)), "18,000 bytes");
  const literal = [0x00, ...text(5), ...text(30_000)];
  assert.ok(isFine(new HeaderBlocks(1_000_000), [...literal, ...literal]));
});

Deno.test("a block has 128 fields at most, however short", () => {
  const blocks = new HeaderBlocks(1_000_000);
  assert.ok(isFine(blocks, new Array(128).fill(0x83)));
  assert.ok(!isFine(blocks, new Array(129).fill(0x83)));
});

Deno.test("fields count over all frames of a block", () => {
  const blocks = new HeaderBlocks(1_000_000);
  assert.ok(isFine(blocks, new Array(100).fill(0x83), 0));
  assert.ok(blocks.frame(CONTINUATION, 4, 100));
  assert.ok(!blocks.take(new Uint8Array(100).fill(0x83)));
});

Deno.test("a name alone that is taken from the table counts without its old value", () => {
  const blocks = new HeaderBlocks(2_000);
  assert.ok(isFine(blocks, entry(10, 1_500)));
  for (let each = 0; each < 10; each++) {
    assert.ok(isFine(blocks, [...integer(0x40, 6, 62), ...text(1_500)]));
  }
  assert.ok(!isFine(blocks, [NEWEST, NEWEST]));
});

Deno.test("a table that was emptied has nothing to refer to", () => {
  const blocks = new HeaderBlocks(2_000);
  assert.ok(isFine(blocks, entry(10, 1_500)));
  assert.ok(isFine(blocks, [...integer(0x20, 5, 0), ...integer(0x20, 5, 4096), ...entry(1, 1)]));
  assert.ok(isFine(blocks, [NEWEST, NEWEST, NEWEST]));
});

Deno.test("padding and a priority are no fields, and Huffman's code is counted as what it may say", () => {
  const blocks = new HeaderBlocks(1_000);
  const padding = new Array(200).fill(0x83);
  const priority = [0x83, 0x83, 0x83, 0x83, 0x83];
  assert.ok(isFine(blocks, [200, ...priority, 0x83, ...padding], 0x2c));
  assert.ok(isFine(blocks, [0x00, ...text(5), ...text(600)]));
  assert.ok(!isFine(blocks, [0x00, ...text(5), ...text(600, true), 0x83]));
});

Deno.test("what our table has no room for counts as all that a table can have, since the peer's may still have it", () => {
  const blocks = new HeaderBlocks(1_000_000);
  assert.ok(isFine(blocks, entry(3, 2_850)));
  // A thousand bytes of 249, of 28 bits each: 1,035 bytes of the peer's table, and 5,600 by our bound.
  const longCodes = [0x40, ...text(3), ...text(3_500, true)];
  assert.ok(isFine(blocks, longCodes));
  const older = NEWEST + 1;
  assert.ok(isFine(blocks, [older]), "once may be");
  assert.ok(!isFine(blocks, [older, older]), "again and again not");
});

Deno.test("other frames are not looked at", () => {
  const blocks = new HeaderBlocks(1);
  for (const type of [0, 3, 4, 6, 8]) assert.ok(!blocks.frame(type, 0, 1_000));
});

Deno.test("a server breaks a connection whose headers unpack to far more than they may, and says of whom", async () => {
  const told: string[] = [];
  await using master = await startTestMaster({}, {
    headerBytesMax: 16 * 1024,
    onExcess: (_of, address) => void told.push(address),
  });
  const frame = (type: number, flags: number, stream: number, payload: readonly number[]) => [
    ...[0, payload.length >> 8, payload.length & 0xff, type, flags, 0, 0, 0, stream],
    ...payload,
  ];
  const socket = connect(master.port, "127.0.0.1");
  socket.on("error", () => {}); // it is broken while we write, as it should be
  const closed = once(socket, "close");
  socket.write("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
  socket.write(
    new Uint8Array([
      ...frame(4, 0, 0, []),
      ...frame(HEADERS, 5, 1, [0x83, 0x86, ...entry(5, 3_000), ...new Array(100).fill(NEWEST)]),
    ]),
  );
  socket.resume();
  await closed;
  assert.deepEqual(told, ["127.0.0.1"]);
  const session = connectHttp2(`http://${master.address}`);
  await once(session, "remoteSettings");
  session.destroy();
});
