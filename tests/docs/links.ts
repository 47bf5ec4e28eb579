/**
 * Links between the pages: where they lead, and which anchors a page has, by GitHub's rules.
 *
 * @module
 */

/** A link that leads to a file here. */
export interface Link {
  /** As it is written, without its anchor; empty: this page itself. */
  readonly path: string;
  /** Without `#`; empty: the page as a whole. */
  readonly anchor: string;
}

/** Everything outside of code. */
function proseOf(text: string): string {
  return text.replace(/^```[^\n]*\n[\s\S]*?^```$/gm, "").replace(/`[^`\n]*`/g, "");
}

/** The links of a page to files of this repository, those of `src` and `srcset` included. */
export function linksOf(text: string): Link[] {
  const prose = proseOf(text);
  const targets = [
    ...[...prose.matchAll(/\]\(<?([^)>\s]+)>?\)/g)].map(([, target = ""]) => target),
    ...[...prose.matchAll(/\b(?:src|srcset|href)="([^"]+)"/g)].map(([, target = ""]) => target),
  ];
  return targets.filter((target) => !/^[a-z]+:/.test(target)).map((target) => {
    const [path = "", anchor = ""] = target.split("#");
    return { path, anchor };
  });
}

/** The anchors of a page: one a heading, with a number where one comes again. */
export function anchorsOf(text: string): Set<string> {
  const anchors = new Set<string>();
  const withoutCode = text.replace(/^```[^\n]*\n[\s\S]*?^```$/gm, "");
  for (const [, heading = ""] of withoutCode.matchAll(/^#{1,6} (.+)$/gm)) {
    const words = heading.replace(/\[([^\]]*)\]\([^)]*\)/g, "$1").trim().toLowerCase();
    const anchor = words.replace(/[^\p{L}\p{N}\p{M}_\- ]/gu, "").replaceAll(" ", "-");
    let own = anchor;
    for (let count = 1; anchors.has(own); count++) own = `${anchor}-${count}`;
    anchors.add(own);
  }
  return anchors;
}
