/**
 * A body as it comes, in pieces. Large pieces are kept as they are; small ones are copied together, so that
 * one sent byte by byte costs memory by its bytes and not by its pieces.
 */
export interface Pieces {
  readonly whole: Buffer[];
  /** Small pieces that were copied together so far: the first `used` bytes of `block`. */
  block: Buffer;
  used: number;
}

const smallBytesMax = 4 * 1024;
const blockBytes = 16 * 1024;
const none: Buffer = Buffer.alloc(0);

export function startPieces(): Pieces {
  return { whole: [], block: none, used: 0 };
}

/** A piece must not change after it was added. */
export function addPiece(pieces: Pieces, piece: Buffer): void {
  const first = pieces.whole.length === 0 && pieces.used === 0;
  if (first || piece.length > smallBytesMax) {
    endBlock(pieces);
    pieces.whole.push(piece);
    return;
  }
  if (piece.length > pieces.block.length - pieces.used) {
    endBlock(pieces);
    pieces.block = Buffer.allocUnsafeSlow(blockBytes);
  }
  pieces.used += piece.copy(pieces.block, pieces.used);
}

/** The whole body; without a copy where it came in one piece. */
export function joinPieces(pieces: Pieces): Buffer {
  endBlock(pieces);
  const [first = none] = pieces.whole;
  return pieces.whole.length <= 1 ? first : Buffer.concat(pieces.whole);
}

function endBlock(pieces: Pieces): void {
  if (pieces.used > 0) pieces.whole.push(pieces.block.subarray(0, pieces.used));
  pieces.block = none;
  pieces.used = 0;
}
