/** A job type for the pictures: long enough to be seen at work, with a log and progress. */
export default {
  name: "render_tiles",
  summary: "Renders map tiles.",
  isolation: "inline",
  async run({ tiles = 48, pause_ms = 0, fail_at }, context) {
    context.log(`reading the style and ${tiles} tiles of zoom 12`);
    for (let tile = 1; tile <= tiles; tile++) {
      if (tile === fail_at) throw new Error(`tile 12/2139/${1430 + tile}: the source has no data`);
      context.log(
        `12/2139/${1430 + tile}  ${18 + (tile * 37) % 41} features  ${4 + (tile * 7) % 9} ms`,
      );
      context.progress(tile / tiles, `tile ${tile} of ${tiles}`);
      await new Promise((resolve, reject) => {
        const timer = setTimeout(resolve, pause_ms);
        context.signal.addEventListener("abort", () => {
          clearTimeout(timer);
          reject(context.signal.reason);
        });
      });
    }
    return { tiles, bytes: tiles * 18_211 };
  },
};
