/**
 * A line that is drawn over, for what changes while a person watches.
 *
 * @module
 */

import { cut } from "./table.ts";
import { printable, type Sink } from "./terminal.ts";

/** Places of a bar. */
const BAR_PLACES = 20;

/** The last line of a terminal. Where there is no terminal, only what stays is written. */
export class LiveLine {
  readonly sink: Sink;
  #isShown = false;

  constructor(sink: Sink) {
    this.sink = sink;
  }

  /** A line that stays. */
  say(text: string): void {
    this.clear();
    this.sink.write(`${text}\n`);
  }

  /** A line that the next one takes the place of. It is plain text: it may have to be cut. */
  show(text: string): void {
    if (!this.sink.canDraw) return;
    this.clear();
    this.sink.write(cut(printable(text), this.sink.columns() - 1));
    this.#isShown = true;
  }

  /**
   * {@linkcode show} of how far something is.
   *
   * @param fraction of all that there is to do, 0 to 1
   */
  progress(what: string, fraction: number, text: string): void {
    const whole = `${what}  ${progressBar(fraction)} ${text}`;
    const room = this.sink.columns() - 1;
    // How far it is tells more than the bar, and more than of what, which its reader has typed.
    this.show([whole, `${what}  ${text}`].find((each) => each.length <= room) ?? text);
  }

  clear(): void {
    if (this.#isShown) this.sink.write("\r\u001b[2K");
    this.#isShown = false;
  }
}

/** A bar that is filled as far as `fraction`, from 0 to 1, says. */
export function progressBar(fraction: number, places = BAR_PLACES): string {
  const filled = Math.floor(Math.min(1, Math.max(0, fraction)) * places);
  return "█".repeat(filled) + "░".repeat(places - filled);
}
