/** A request's body in bounded memory: it has a maximum, and all bodies together have one. */
import type { IncomingMessage } from 'node:http';
import type { SallyportError } from '../../errors.ts';
import { bodyTooLarge } from './call-head.ts';
import { addPiece, joinPieces, startPieces } from './pieces.ts';

/**
 * Collects the body and calls one of the two, or neither where the caller left. `take` is told each
 * piece's bytes and answers false where the body is wanted no more. Errors: REQUEST_TOO_LARGE.
 */
export function collectBody(
  req: IncomingMessage,
  bytesMax: number,
  take: (bytes: number) => boolean,
  onBody: (body: Buffer) => void,
  onRefused: (error: SallyportError) => void,
): void {
  const pieces = startPieces();
  let bytes = 0;
  let wanted = true;
  req.on('data', (piece: Buffer) => {
    if (!wanted) return;
    bytes += piece.length;
    if (bytes > bytesMax) {
      wanted = false;
      req.pause();
      onRefused(bodyTooLarge(bytesMax));
    } else {
      addPiece(pieces, piece);
      wanted = take(piece.length);
      if (!wanted) req.pause();
    }
  });
  req.on('end', () => {
    if (wanted) onBody(joinPieces(pieces));
  });
}
