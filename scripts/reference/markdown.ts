/**
 * The little Markdown that reference pages need.
 *
 * @module
 */

/** A table; cells are Markdown already. */
export function table(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.map(cell).join(" | ")} |`;
  return [line(heads), `|${"---|".repeat(heads.length)}`, ...rows.map(line)].join("\n");
}

/** `text`, whatever it holds; "" is nothing. */
export function code(text: string): string {
  if (text === "") return "";
  return text.includes("`") ? `\`\` ${text} \`\`` : `\`${text}\``;
}

/** A block of a language. */
export function block(language: string, text: string): string {
  return `\`\`\`${language}\n${text.trimEnd()}\n\`\`\``;
}

/** What a page begins with: its title, and where it comes from. */
export function opening(title: string, text: string): string {
  return `# ${title}\n\n<!-- Written by \`deno task docs\`; \`deno task check\` holds it against the program. -->\n\n${text}`;
}

function cell(text: string): string {
  return text.replaceAll("\n", " ").replaceAll("|", "\\|").trim();
}
