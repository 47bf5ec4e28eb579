/** A page, and where the next one starts; "" on the last. */
export interface Page<Item> {
  readonly items: readonly Item[];
  readonly nextCursor: string;
}

/** One item after the other, of one page after the other. */
export async function* pagesOf<Item>(
  pageAt: (cursor: string) => Promise<Page<Item>>,
): AsyncGenerator<Item> {
  let cursor = "";
  do {
    const { items, nextCursor } = await pageAt(cursor);
    yield* items;
    cursor = nextCursor;
  } while (cursor !== "");
}
