/**
 * Compares what a document shows with what a command printed. Ids, times, sizes and other numbers are
 * never the same twice and count as equal; `…` stands for anything, on a line of its own for any lines.
 */
const replaced: readonly [RegExp, string][] = [
  // The shell's own talk about its jobs.
  [/^\[\d+\][+-]? .*\n/gm, ''],
  // Fingerprints: rows of six English words, a row of Chinese groups, the beginning of one.
  [/^ {2}(?:[a-z]{3,8} +){5}[a-z]{3,8}$/gm, '  six words'],
  [/^ {2}(?:\p{Script=Han}{6} ?){4}$/gmu, '  groups'],
  [/(?:[a-z]{3,8} ){5}[a-z]{3,8} …$/gm, 'six words'],
  [/\bsp_[\w-]+/g, 'sp_#'],
  [/\b[0-9a-fA-F]{12,}\b/g, '#'],
  [/\d+(?:\.\d+)*/g, '0'],
  [/ (?:MiB|KiB|B)\b/g, ' B'],
  // How many ride in one package, and how many crossed yet, depends on the moment.
  [/\b(message|package)s\b/g, '$1'],
  [/[^\S\n]+/g, ' '],
  [/ +$/gm, ''],
];

function normalise(text: string): string {
  const statusLines = /^(HTTP\/\S+ \d+ .*)$/gm;
  const kept = [...text.matchAll(statusLines)].map(([line]) => line.trim());
  const plain = replaced.reduce((result, [from, to]) => result.replace(from, to), text);
  let at = 0;
  return plain.replace(/^HTTP\/.*$/gm, () => kept[at++] ?? '').trim();
}

/** Whether all of `printed` is what `shown` says. */
export function looselyEqual(printed: string, shown: string): boolean {
  const lines = normalise(shown).split('\n');
  const pattern = lines
    .map((line) => (line.trim() === '…' ? '(?:.*\n)*?' : `${lineOf(line)}\n`))
    .join('');
  return new RegExp(`^${pattern}$`, 'u').test(`${normalise(printed)}\n`);
}

const lineOf = (line: string): string => line.split('…').map(RegExp.escape).join('.*');
