/**
 * Where a package is read from and written to: by position, so that neither side holds it whole.
 */
import { SallyportError } from '../errors.ts';

export interface ByteSource {
  readonly size: number;
  /**
   * Exactly `length` bytes from `offset`, in `memory` where the source has to copy them and they
   * fit. Errors: PACKAGE_TRUNCATED.
   */
  read(offset: number, length: number, memory?: Buffer): Promise<Buffer>;
}

export interface ByteSink {
  /** Resolves when the sink is done with `bytes`: their memory is used again. */
  write(offset: number, bytes: Buffer): Promise<void>;
}

/** A source over bytes in memory; reads are views. */
export function bytesSource(bytes: Buffer): ByteSource {
  return {
    size: bytes.length,
    async read(offset, length) {
      if (offset + length > bytes.length) throw truncated(offset + length, bytes.length);
      return bytes.subarray(offset, offset + length);
    },
  };
}

export function truncated(wanted: number, size: number): SallyportError {
  return new SallyportError('PACKAGE_TRUNCATED', `expected at least ${wanted} bytes, got ${size}`, {
    hint: 'the file was cut on its way: send it again',
  });
}
