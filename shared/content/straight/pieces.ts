/** Writes an object of a known layout: as it stands, or member by member in the order of the schema. */
import { closeObject, openObject, quote } from './bytes.ts';
import type { Followed } from './layout.ts';
import type { Piece } from './learn.ts';
import { copyIn, enclose, put, type Tape } from './tape.ts';

export function writeFollowed(tape: Tape, followed: Followed): void {
  const { layout, start, end } = followed;
  tape.dropped += layout.dropped;
  if (isAsWritten(tape, followed)) copyIn(tape, start, end);
  else writePieces(tape, layout.pieces, followed);
}

function isAsWritten(tape: Tape, { layout, starts, lasts }: Followed): boolean {
  const { asIs } = layout;
  if (asIs === undefined) return false;
  for (let value = 0; value < asIs.length; value += 1) {
    const last = lasts[value] ?? -1;
    if (last < 0 || !asIs[value]?.(tape, starts[value] ?? 0, last)) return false;
  }
  return true;
}

function writePieces(tape: Tape, pieces: readonly Piece[], followed: Followed): void {
  const { starts, lasts } = followed;
  const object = tape.size;
  for (const { opening, way, value, pieces: inner } of pieces) {
    const before = tape.size;
    put(tape, opening);
    const from = tape.size;
    if (inner !== undefined) writePieces(tape, inner, followed);
    else {
      const at = starts[value] ?? 0;
      const last = lasts[value] ?? 0;
      if (last < 0) way.step(tape, at);
      else if (way.fit?.(tape, at, last)) copyIn(tape, at, last + 1);
      else if (tape.input[at] === quote) way.take(tape, at, last);
      else way.step(tape, at);
    }
    if (tape.size === from) tape.size = before;
  }
  enclose(tape, object, openObject, closeObject);
}
