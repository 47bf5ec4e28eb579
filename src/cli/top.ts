/**
 * `conductor top`: the cluster, live.
 *
 * @module
 */

import process from "node:process";
import { MemberClient } from "../rpc/mod.ts";
import { formatOf, tell } from "./answer.ts";
import { FlagReader } from "./arguments.ts";
import { CALL_TIMEOUT_MS, clientChannel, withClient } from "./connect.ts";
import { configFrom } from "./config_flags.ts";
import { Interrupted } from "./failure.ts";
import { type Interruption, onInterruption } from "./interruption.ts";
import { onResize } from "./resize.ts";
import type { Flags } from "./router.ts";
import { printable, silentTerminal, type Sink, type Terminal } from "./terminal.ts";
import { sampleJson, takeSample, type TopSample } from "./top_sample.ts";
import { sampleText, screenLines } from "./top_screen.ts";
import { firstView, type JobChoice, keysOf, pressed, type TopView } from "./top_view.ts";
import { isPassing } from "./watching.ts";

const INTERVAL_MS = 2_000;

/** Draws the cluster until it is told to stop; once where nobody watches. */
export async function top(flags: Flags, terminal: Terminal): Promise<void> {
  const reader = new FlagReader(flags);
  const intervalMs = reader.duration("interval") ?? INTERVAL_MS;
  if (intervalMs < 100) reader.fault("interval", "give 100ms or more");
  reader.done();
  const members = new MemberClient(
    await clientChannel(configFrom(flags, "client"), CALL_TIMEOUT_MS),
  );
  try {
    const isOnce = flags.once === true || formatOf(flags) !== "table" || !terminal.out.canDraw;
    // On a screen of its own, what is wrong stands in the picture.
    const said = isOnce ? terminal : { ...terminal, err: silentTerminal().err };
    await withClient(flags, said, async ({ client }) => {
      const ask = (choice: JobChoice) => takeSample(client, members, choice);
      if (!isOnce) return await watchTop(ask, firstView(intervalMs), terminal.out, keyboard());
      const sample = await ask("newest");
      tell(flags, terminal, {
        json: sampleJson(sample),
        text: (sheet) => sampleText(sample, sheet),
      });
    });
  } finally {
    members.close();
  }
}

/** Keys as they are pressed. */
export interface Keyboard {
  /** Calls back with each key; the function that it returns ends that. */
  listen(hear: (key: string) => void): () => void;
}

/**
 * Draws samples and answers keys until one of them says to leave.
 *
 * @param ask samples the cluster
 * @throws what `ask` throws, unless the cluster may answer soon
 */
export async function watchTop(
  ask: (choice: JobChoice) => Promise<TopSample>,
  first: TopView,
  out: Sink,
  keys: Keyboard,
): Promise<void> {
  let view = first;
  let sample = await ask(view.jobs);
  let before: TopSample | undefined;
  let remark = "";
  let isOver = false;
  let wake = () => {};
  const draw = () => {
    const screen = { style: out.style, columns: out.columns(), rows: out.rows() };
    const lines = screenLines({ sample, before, view, remark }, screen);
    out.write(`\u001b[H${lines.map((line) => `${line}\u001b[K`).join("\r\n")}\u001b[J`);
  };
  const leave = () => {
    isOver = true;
    wake();
  };
  const stopKeys = keys.listen((key) => {
    const { view: next, effect } = pressed(view, key);
    view = next;
    if (effect === "quit") return leave();
    draw();
    if (effect === "sample") wake();
  });
  const stopResizing = onResize(draw);
  // Who ends the program in another way still gets the terminal back as it was.
  let endedBy = undefined as Interruption | undefined;
  const stopSignals = onInterruption((signal) => {
    endedBy = signal;
    leave();
  });
  // A screen of its own, so that what stood on the terminal stands there again at the end.
  out.write("\u001b[?1049h\u001b[?25l");
  try {
    for (;;) {
      draw();
      await new Promise<void>((resolve) => {
        const timer = view.isPaused ? undefined : setTimeout(resolve, view.intervalMs);
        wake = () => {
          clearTimeout(timer);
          resolve();
        };
        if (isOver) wake();
      });
      if (isOver) break;
      try {
        const next = await ask(view.jobs);
        [before, sample, remark] = [sample, next, ""];
      } catch (failure) {
        if (!isPassing(failure)) throw failure;
        remark = printable(failure.message);
      }
      if (isOver) break;
    }
  } finally {
    out.write("\u001b[?25h\u001b[?1049l");
    stopKeys();
    stopResizing();
    stopSignals();
  }
  if (endedBy !== undefined) throw new Interrupted("", endedBy);
}

/** The process's own, if it has one. */
function keyboard(): Keyboard {
  return {
    listen(hear) {
      const { stdin } = process;
      if (!stdin.isTTY) return () => {};
      const take = (bytes: Uint8Array) => keysOf(new TextDecoder().decode(bytes)).forEach(hear);
      stdin.setRawMode(true);
      stdin.on("data", take);
      stdin.resume();
      return () => {
        stdin.off("data", take);
        stdin.setRawMode(false);
        stdin.pause();
        stdin.unref();
      };
    },
  };
}
