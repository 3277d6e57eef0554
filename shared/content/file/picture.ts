/**
 * Where pictures end, found by going through their parts: what only looks like the end may stand behind a
 * file that was hung on.
 */

/** Behind the end of the picture; undefined where it is cut or built in another way. */
export type PictureEnd = (bytes: Buffer) => number | undefined;

/** PNG (W3C, third edition, 5.3): signature, then chunks of a length, a type, content and a checksum. */
export const pngEnd: PictureEnd = (bytes) => {
  for (let at = 8; at + 12 <= bytes.length; ) {
    const end = at + 12 + bytes.readUInt32BE(at);
    if (bytes.toString('latin1', at + 4, at + 8) === 'IEND') return end;
    at = end;
  }
  return undefined;
};

/** GIF89a: header, screen and its colours, then pictures and extensions in blocks, then a semicolon. */
export const gifEnd: PictureEnd = (bytes) => {
  let at = 13 + coloursOf(bytes[10]);
  for (;;) {
    const kind = bytes[at];
    if (kind === 0x3b) return at + 1;
    if (kind === 0x21) at += 2;
    else if (kind === 0x2c) at += 11 + coloursOf(bytes[at + 9]);
    else return undefined;
    for (let size = bytes[at]; size !== 0; size = bytes[at]) {
      if (size === undefined) return undefined;
      at += 1 + size;
    }
    at += 1;
  }
};

/** Bytes of a table of colours, by the flags before it. */
const coloursOf = (flags = 0): number => ((flags & 0x80) === 0 ? 0 : 3 * 2 ** ((flags & 7) + 1));

/**
 * JPEG (ITU-T T.81, annex B): segments that begin with a marker and, but for a few, a length; behind a start
 * of scan coded bytes up to the next marker. Cameras put several pictures in one file, one behind the other.
 */
export const jpegEnd: PictureEnd = (bytes) => {
  let end = oneJpegEnd(bytes, 0);
  while (end !== undefined && bytes[end] === 0xff && bytes[end + 1] === 0xd8) {
    end = oneJpegEnd(bytes, end);
  }
  return end;
};

function oneJpegEnd(bytes: Buffer, start: number): number | undefined {
  for (let at = start + 2; ; ) {
    const marker = bytes[at + 1];
    if (bytes[at] !== 0xff || marker === undefined) return undefined;
    if (marker === 0xd9) return at + 2;
    if (marker === 0xff) at += 1;
    else if (isAlone(marker)) at += 2;
    else if (at + 4 > bytes.length) return undefined;
    else {
      at += 2 + bytes.readUInt16BE(at + 2);
      if (marker === 0xda) at = codedEnd(bytes, at);
    }
  }
}

/** Markers without a length. */
const isAlone = (marker: number): boolean => marker === 1 || (marker >= 0xd0 && marker <= 0xd8);

/** The marker behind coded bytes, in which there are escapes and restarts. */
function codedEnd(bytes: Buffer, start: number): number {
  let at = bytes.indexOf(0xff, start);
  while (at >= 0) {
    const next = bytes[at + 1] ?? 0xd9;
    if (next !== 0 && !(next >= 0xd0 && next <= 0xd7)) return at;
    at = bytes.indexOf(0xff, at + 2);
  }
  return bytes.length;
}
