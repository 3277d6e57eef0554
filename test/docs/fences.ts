/** The fenced blocks of a document, in order. */
export interface Fence {
  /** First word after the fence: `sh`, `text`, `json` … */
  readonly language: string;
  /** What follows it, such as the terminal in which to run it; a reader does not see it. */
  readonly note: string;
  readonly text: string;
  /** Line of the document where it begins. */
  readonly line: number;
}

export function fencesOf(markdown: string): Fence[] {
  const pattern = /^```(\w*) *(.*)\n([\s\S]*?)^```$/gm;
  return [...markdown.matchAll(pattern)].map(
    ({ 1: language = '', 2: note = '', 3: text = '', index }) => ({
      language,
      note,
      text,
      line: markdown.slice(0, index).split('\n').length,
    }),
  );
}
