/** Deflate (RFC 1951) in memory, and where it ends. */
import { promisify } from 'node:util';
import { inflateRaw } from 'node:zlib';

export interface Inflated {
  readonly content: Buffer;
  /** How many of the packed bytes it is; behind them anything may stand. */
  readonly packedBytes: number;
}

/** Rejects where it is none, is cut, or is more than `most`. */
export async function inflate(packed: Buffer, most: number): Promise<Inflated> {
  const options = { maxOutputLength: Math.max(1, most), info: true } as const;
  const { buffer, engine } = await inflateWithInfo(packed, options);
  return { content: buffer, packedBytes: engine.bytesWritten };
}

interface WithInfo {
  readonly buffer: Buffer;
  readonly engine: { readonly bytesWritten: number };
}
const inflateWithInfo = promisify<Buffer, { maxOutputLength: number; info: true }, WithInfo>(
  inflateRaw as never,
);

export function isTooLarge(cause: unknown): boolean {
  return cause instanceof Error && 'code' in cause && cause.code === 'ERR_BUFFER_TOO_LARGE';
}
