/**
 * TLS material that can be read anew while a node lives: a certificate is renewed, an authority is
 * rolled. Whatever was made from it (servers' and channels' credentials, verifiers) follows, and
 * connections that stand are left alone.
 */

import { loadTls, type TlsMaterial, type TlsOptions } from "./tls.ts";

/** What doors are made from: material as it was read once, or material that may change. */
export type TlsSource = TlsMaterial | LiveTls;

/** A `tls` section of a running node. */
export class LiveTls {
  #material: TlsMaterial;
  readonly #followers: ((material: TlsMaterial) => void)[] = [];

  constructor(material: TlsMaterial) {
    this.#material = material;
  }

  /**
   * {@linkcode loadTls}, for a node that lives on.
   *
   * @returns null when TLS is not enabled
   * @throws {SecurityConfigurationError} as {@linkcode loadTls} does
   */
  static async load(options: TlsOptions): Promise<LiveTls | null> {
    const material = await loadTls(options);
    return material === null ? null : new LiveTls(material);
  }

  get material(): TlsMaterial {
    return this.#material;
  }

  /** The files that it was read from. */
  get files(): readonly string[] {
    const { certFile, keyFile, caFile } = this.#material.files;
    return [certFile, keyFile, caFile].filter((file) => file !== "");
  }

  /**
   * Reads the files anew. What is there now is checked as at a start; if it is bad, what was loaded
   * before stays in use.
   *
   * @throws {SecurityConfigurationError} naming what is wrong with the new files
   */
  async reload(): Promise<TlsMaterial> {
    // Development certificates may be due; the clock is asked again, not the start's.
    const { nowMs: _startedMs, ...options } = this.#material.options;
    const material = await loadTls(options);
    if (material === null) throw new Error("invariant: a section that was on is off");
    this.#material = material;
    for (const follow of this.#followers) follow(material);
    return material;
  }

  /** Calls `follow` whenever there is new material, for as long as this lives. */
  follow(follow: (material: TlsMaterial) => void): void {
    this.#followers.push(follow);
  }
}

/** The material to use now. */
export function materialOf(source: TlsSource): TlsMaterial {
  return source instanceof LiveTls ? source.material : source;
}

/** Calls `follow` whenever the material of `source` changes, if it ever does. */
export function followTls(source: TlsSource, follow: (material: TlsMaterial) => void): void {
  if (source instanceof LiveTls) source.follow(follow);
}
