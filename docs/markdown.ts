/** What the tests read out of the project's Markdown pages. */

/** A fenced block: the word behind the fence, the rest of that line, and what stands within. */
export interface Block {
  language: string;
  info: string;
  text: string;
  /** The heading above it. */
  section: string;
}

/** All fenced blocks of a page, in order. */
export function blocks(page: string): Block[] {
  const found: Block[] = [];
  let section = "";
  for (const match of page.matchAll(/^#+ (.+)$|^```(\w+) ?(.*)\n([\s\S]*?)^```$/gm)) {
    const [, heading, language, info = "", text = ""] = match;
    if (heading !== undefined) section = heading;
    else if (language !== undefined) found.push({ language, info, text, section });
  }
  return found;
}

/** A page without its fenced blocks. */
export function prose(page: string): string {
  return page.replaceAll(/^```[\s\S]*?^```$/gm, "");
}

/** The rows of all tables whose first heading is `first`, as cells; the heading row is left out. */
export function rows(page: string, first: string): string[][] {
  const found: string[][] = [];
  let inside = false;
  for (const line of page.split("\n")) {
    if (!line.startsWith("|")) inside = false;
    else if (cells(line)[0] === first) inside = true;
    else if (inside && !/^[-| ]+$/.test(line)) found.push(cells(line));
  }
  return found;
}

/** A `|` within a code span is not looked for: write such a cell otherwise. */
function cells(line: string): string[] {
  return line
    .slice(1, -1)
    .split("|")
    .map((cell) => cell.trim());
}

/** What stands in the code spans of a cell. A span in double backticks may begin and end with a space. */
export function codeSpans(cell: string): string[] {
  return [...cell.matchAll(/``(.+?)``|`([^`]+)`/g)].map(
    ([, double, single]) => double?.trim() ?? single ?? "",
  );
}
