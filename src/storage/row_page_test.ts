import assert from "node:assert/strict";
import fc from "fast-check";
import { type PackedPage, PagePacker, RowPage } from "./row_page.ts";

interface Item {
  readonly seq: number;
  readonly text: string;
  readonly blob: Uint8Array | undefined;
}

/** What was put down, read again; the packer uses its buffer anew, so pages are copied. */
function packed(items: readonly Item[]): { page: PackedPage; read: RowPage }[] {
  const pages: { page: PackedPage; read: RowPage }[] = [];
  const packer = new PagePacker((page) => {
    pages.push({ page, read: new RowPage(page.bytes.slice()) });
  });
  for (const { seq, text, blob } of items) packer.add(seq, text, blob);
  packer.finish();
  packer.finish();
  return pages;
}

function itemsOf(page: RowPage): Item[] {
  return Array.from({ length: page.items }, (_, place) => ({
    seq: page.seqAt(place),
    text: page.textAt(place),
    blob: page.blobAt(place)?.slice(),
  }));
}

const steps = fc.array(
  fc.record({
    gap: fc.oneof({ weight: 9, arbitrary: fc.constant(1) }, fc.integer({ min: 1, max: 10_000 })),
    text: fc.oneof(
      fc.string({ unit: "binary" }),
      fc.nat(200_000).map((length) => "é".repeat(length)),
    ),
    blob: fc.option(fc.uint8Array({ maxLength: 2_000 }), { nil: undefined }),
  }),
  { maxLength: 60, size: "max" },
);

Deno.test("what is packed comes out again, item by item, however large and far apart", () => {
  fc.assert(
    fc.property(steps, fc.integer({ min: 1, max: 2 ** 40 }), (steps, start) => {
      let seq = start;
      // JSON has no lone surrogate.
      const items = steps.map(({ gap, text, blob }) => ({
        seq: seq += gap,
        text: text.toWellFormed(),
        blob,
      }));
      const pages = packed(items);
      assert.deepEqual(pages.flatMap(({ read }) => itemsOf(read)), items);
      for (const { page, read } of pages) {
        assert.deepEqual(
          [page.firstSeq, page.lastSeq, page.items],
          [read.firstSeq, read.lastSeq, read.items],
        );
        assert.equal(read.placeOf(read.firstSeq - 1), undefined);
        assert.equal(read.placeOf(read.lastSeq + 1), undefined);
        for (let place = 0; place < read.items; place++) {
          assert.equal(read.placeOf(read.seqAt(place)), place);
        }
        assert.ok(read.lastSeq - read.firstSeq < 4096);
        assert.ok(read.items === 1 || page.bytes.length < 300 * 1024, `${page.bytes.length}`);
      }
    }),
    { numRuns: 60 },
  );
});

Deno.test("a thousand small items are few pages", () => {
  const items = Array.from({ length: 1_000 }, (_, place) => ({
    seq: place + 1,
    text: "x".repeat(300),
    blob: new Uint8Array(200),
  }));
  const pages = packed(items);
  assert.ok(pages.length <= 9, `${pages.length}`);
});

Deno.test("what was cleared is not handed over", () => {
  const pages: number[] = [];
  const packer = new PagePacker(({ firstSeq }) => pages.push(firstSeq));
  packer.add(1, "one");
  packer.clear();
  packer.add(7, "seven");
  packer.finish();
  assert.deepEqual(pages, [7]);
});
