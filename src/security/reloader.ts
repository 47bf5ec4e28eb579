/**
 * Reads files anew when they change: those that the configuration names, which a person, an agent or
 * an orchestrator replaces while a node runs.
 *
 * Files are looked at, not subscribed to: notifications do not come from network file systems, nor
 * through the symbolic links that Kubernetes swaps. A look costs one `stat` a file; only if that
 * differs (time, size, inode) is the content compared.
 */

import { hash } from "node:crypto";

/** Something that is read from files. */
export interface Reloadable {
  /** What it is, for the log: `security.tls`. */
  readonly name: string;
  files(): readonly string[];
  /** Reads them anew, or throws and goes on with what it had. */
  reload(): unknown;
}

export interface ReloaderOptions {
  readonly intervalMs: number;
  /** Called after every look at the files, and told which have been read anew. */
  readonly onLooked?: (reloaded: readonly string[]) => void;
  readonly onReloaded: (name: string) => void;
  /** The new content is bad, and the old one stays in use. Told once for each content. */
  readonly onFailed: (name: string, failure: unknown) => void;
}

interface Watched {
  readonly reloadable: Reloadable;
  /** By path. */
  readonly seen: Map<string, FileState>;
}

interface FileState {
  readonly stat: string;
  readonly digest: string;
}

/** Watches over files. */
export class Reloader {
  readonly #options: ReloaderOptions;
  readonly #watched: Watched[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;
  #looking: Promise<void> = Promise.resolve();
  #isStopped = false;

  constructor(options: ReloaderOptions) {
    this.#options = options;
  }

  /** Adds what was just read; changes count from now. */
  async add(reloadable: Reloadable): Promise<void> {
    const watched = { reloadable, seen: new Map<string, FileState>() };
    await changesOf(watched);
    this.#watched.push(watched);
  }

  /** Looks every `intervalMs`, until stopped. */
  start(): void {
    this.#timer = setTimeout(() => {
      this.look().finally(() => {
        if (!this.#isStopped) this.start();
      });
    }, this.#options.intervalMs);
    // A start that fails shall not be kept alive by what looks after its files.
    Deno.unrefTimer(this.#timer);
  }

  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
  }

  /**
   * Looks now.
   *
   * @param isForced read everything, as for SIGHUP, whether it has changed or not
   */
  look(isForced = false): Promise<void> {
    this.#looking = this.#looking.then(() => this.#look(isForced));
    return this.#looking;
  }

  async #look(isForced: boolean): Promise<void> {
    const reloaded: string[] = [];
    for (const watched of this.#watched) {
      const { name } = watched.reloadable;
      // The state is taken before the content is read: what changes in between is seen next time.
      if (!(await changesOf(watched)) && !isForced) continue;
      try {
        await watched.reloadable.reload();
        reloaded.push(name);
        this.#options.onReloaded(name);
      } catch (failure) {
        this.#options.onFailed(name, failure);
      }
    }
    this.#options.onLooked?.(reloaded);
  }
}

/** Whether any file differs from what was seen of it; remembers what is there now. */
async function changesOf({ reloadable, seen }: Watched): Promise<boolean> {
  let hasChanged = false;
  for (const path of reloadable.files()) {
    const before = seen.get(path);
    const now = await stateOf(path, before);
    if (now.digest !== before?.digest) hasChanged = true;
    seen.set(path, now);
  }
  return hasChanged;
}

async function stateOf(path: string, before: FileState | undefined): Promise<FileState> {
  try {
    const { mtime, size, ino, dev } = await Deno.stat(path);
    const stat = [mtime?.getTime(), size, ino, dev].join(" ");
    if (stat === before?.stat) return before;
    return { stat, digest: hash("sha256", await Deno.readFile(path), "hex") };
  } catch (thrown) {
    // It may come back; reading it will tell what is wrong.
    const reason = thrown instanceof Error ? thrown.name : String(thrown);
    return { stat: reason, digest: `unreadable: ${reason}` };
  }
}
