/** A text that a plug-in made, fit for a terminal and a log: nothing hidden, on one line. */
export function shownText(text: string): string {
  return text.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, '?').slice(0, shownMax);
}

const shownMax = 500;
