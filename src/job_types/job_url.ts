/**
 * The addresses that payloads name: what they may look like, and how they are shown.
 *
 * @module
 */

import { PermanentJobError } from "./contract.ts";

const SCHEMES: ReadonlySet<string> = new Set(["http:", "https:", "data:", "file:"]);

/** A URL of a payload cannot be used as it is written. */
export class JobUrlError extends PermanentJobError {
  override name = "JobUrlError";
}

/**
 * Reads the URL of a payload: http, https, data or file. A bare `host/path`, as in the seed's
 * `{"url": "example.com/image.jpg"}`, means https.
 *
 * @throws {JobUrlError} that says what is wrong and what to write instead.
 */
export function parseJobUrl(text: string): URL {
  const written = text.trim();
  if (written === "") throw new JobUrlError("The URL is empty.");
  if (hasControlCharacter(written)) {
    throw new JobUrlError(`The URL ${quoted(written)} holds a line break or control character.`);
  }
  const url = /^\.+$/.test(written) ? null : URL.parse(withScheme(written));
  if (url === null) {
    throw new JobUrlError(
      `${quoted(written)} is not a URL; write it such as https://example.com/page.`,
    );
  }
  if (!SCHEMES.has(url.protocol)) {
    throw new JobUrlError(
      `The URL ${quoted(written)} has the scheme ${url.protocol.slice(0, -1)}; ` +
        "use http, https, data or file.",
    );
  }
  refuseCredentials(url);
  return url;
}

/**
 * A name or password in a URL ends up in logs and in `Referer`.
 *
 * @throws {JobUrlError} when the URL holds either.
 */
export function refuseCredentials(url: URL): void {
  if (url.username === "" && url.password === "") return;
  throw new JobUrlError(
    `The URL ${describeUrl(url)} is written with a user name or password before the @; ` +
      "leave them out and send an authorization header instead.",
  );
}

/**
 * The URL as messages show it: without user name, password, query and fragment, which may be
 * secrets (a presigned URL's signature), and not longer than a line.
 */
export function describeUrl(url: URL | string): string {
  const parsed = typeof url === "string" ? URL.parse(url) : url;
  if (parsed === null) return quoted(String(url));
  if (parsed.protocol === "data:") return shortened(parsed.href, 32);
  const query = parsed.search === "" ? "" : "?…";
  return shortened(`${parsed.protocol}//${parsed.host}${parsed.pathname}`, 200) + query;
}

function withScheme(written: string): string {
  if (written.startsWith("//")) return `https:${written}`;
  if (/^(?:[/\\.~]|[a-z]:\\)/i.test(written)) {
    const example = written.startsWith("/") ? written : "/data/table.csv";
    throw new JobUrlError(
      `${quoted(written)} looks like a file's path; write it such as ${
        shortened(`file://${example}`, 120)
      }.`,
    );
  }
  // `localhost:8080/x` is a host and a port, though it parses as a scheme and a path.
  if (/^[^/?#:@]+:\d{1,5}(?:[/?#]|$)/.test(written)) return `https://${written}`;
  if (/^[a-z][a-z0-9+.-]*:/i.test(written)) return written;
  return `https://${written}`;
}

function hasControlCharacter(text: string): boolean {
  // deno-lint-ignore no-control-regex -- control characters are what is looked for
  return /[\u0000-\u001f\u007f]/.test(text);
}

function quoted(text: string): string {
  return JSON.stringify(shortened(text, 120));
}

function shortened(text: string, lengthMax: number): string {
  return text.length <= lengthMax ? text : `${text.slice(0, lengthMax)}…`;
}
