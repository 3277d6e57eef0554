/**
 * Pieces of a text that belong together: tokens of signs with nothing but a little space, dashes and the like
 * between them.
 *
 *   (010) 8888-8888, 5 ▶ chains 010·8888·8888 and 5
 */
import type { Work } from '../content/work.ts';

/** What tokens are made of, and what may stand between them. */
export interface Alphabet {
  /** By code below 128: 1 for a sign, 2 for what parts signs of one chain. */
  readonly classes: Uint8Array;
  /** What may stand between them, in any number. */
  readonly others: RegExp;
  /** More than that between two tokens parts two chains. */
  readonly gapMax: number;
  /** Chains of fewer signs are left out. */
  readonly signsMin: number;
}

export function alphabet(signs: string, gaps: string, gapMax: number, signsMin: number): Alphabet {
  const classes = new Uint8Array(128);
  for (const one of signs) classes[one.charCodeAt(0)] = sign;
  for (const one of gaps) classes[one.charCodeAt(0)] = gap;
  const others = new RegExp(`[${gaps.replace('-', '\\-')}]+`, 'g');
  return { classes, others, gapMax, signsMin };
}

const sign = 1;
const gap = 2;

export interface Chain {
  /** Of all tokens, one after the other. */
  readonly signs: string;
  /** How many of them; what stands behind them in the lists is of a chain before. */
  readonly tokens: number;
  /** By token: where it begins in the text, where it ends there, and how many signs are before it. */
  readonly starts: Int32Array;
  readonly ends: Int32Array;
  readonly offsets: Int32Array;
  /** By how many signs are before its end: the number of the token, from 1; 0 where none ends. */
  readonly endings: Int32Array;
}

type Lists = Pick<Chain, 'starts' | 'ends' | 'offsets' | 'endings'>;

function listsOf(size: number): Lists {
  const list = (): Int32Array => new Int32Array(size);
  return { starts: list(), ends: list(), offsets: list(), endings: list() };
}

/** One chain at a time is looked at, and most are in short texts. */
const short = 1024;
const ofShort = listsOf(short);

/** Steps (content/work.ts) of a sign, and of a token of several. */
const costs = { sign: 0.02, token: 0.08 } as const;

/** True as soon as `found` is for a chain; each sign of the text is gone through once. */
export function someChain(
  text: string,
  { classes, others, gapMax, signsMin }: Alphabet,
  found: (chain: Chain) => boolean,
  work?: Work,
): boolean {
  let lists = text.length < short ? ofShort : undefined;
  const isSign = (at: number): boolean => classes[text.charCodeAt(at)] === sign;
  let at = 0;
  while (at < text.length) {
    while (at < text.length && !isSign(at)) at += 1;
    let end = at;
    while (isSign(end)) end += 1;
    // Most are alone and short.
    if (end - at < signsMin && classes[text.charCodeAt(end)] !== gap) {
      at = end;
      continue;
    }
    lists ??= listsOf(text.length + 1);
    const { starts, ends, offsets, endings } = lists;
    let [tokens, size] = [0, 0];
    for (let start = at; end > start; ) {
      starts[tokens] = start;
      ends[tokens] = end;
      offsets[tokens] = size;
      tokens += 1;
      size += end - start;
      at = end;
      start = end;
      while (start - at < gapMax && classes[text.charCodeAt(start)] === gap) start += 1;
      end = start;
      while (isSign(end)) end += 1;
    }
    work?.add(costs.sign * size + (tokens > 1 ? costs.token * tokens : 0));
    if (size < signsMin) continue;
    const piece = text.slice(starts[0], at);
    const signs = tokens === 1 ? piece : piece.replace(others, '');
    endings.fill(0, 0, size);
    for (let token = 1; token < tokens; token += 1) endings[offsets[token] ?? 0] = token;
    endings[size] = tokens;
    if (found({ signs, tokens, ...lists })) return true;
  }
  return false;
}

/**
 * Tokens of at most three signs that go on before or behind are a list, those of three if all are parted
 * alike; and groups of three behind one or two signs are thousands.
 */
export function isList(
  text: string,
  { tokens, starts, ends }: Chain,
  from: number,
  to: number,
): boolean {
  const sizeOf = (at: number): number => (ends[at] ?? 0) - (starts[at] ?? 0);
  let most = sizeOf(from);
  let areThousands = most < 3;
  for (let at = from + 1; at <= to && most <= 3; at += 1) {
    if (sizeOf(at) !== 3) areThousands = false;
    most = Math.max(most, sizeOf(at));
  }
  if (most > 3) return false;
  if (areThousands) return true;
  const gapBefore = (at: number): string => text.slice(ends[at - 1] ?? 0, starts[at]);
  const isAlike = (at: number): boolean => most < 3 || gapBefore(at) === gapBefore(from + 1);
  for (let at = from + 1; at <= to; at += 1) if (!isAlike(at)) return false;
  const goesOn = (at: number): boolean => at >= 0 && at < tokens && sizeOf(at) <= 3;
  return (goesOn(from - 1) && isAlike(from)) || (goesOn(to + 1) && isAlike(to + 1));
}
