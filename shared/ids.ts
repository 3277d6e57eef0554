import { randomBytes } from 'node:crypto';

/**
 * UUIDv7 (RFC 9562 §5.7) as 32 lower-case hex digits: 48 bits of Unix milliseconds, then random.
 * Sallyport uses this form for package, message and exchange ids, in stores, headers and file names.
 */
export function newId(nowMs: number = Date.now()): string {
  if (poolOffset === pool.length) {
    pool = randomBytes(pool.length);
    poolOffset = 0;
  }
  const random = pool.subarray(poolOffset, poolOffset + 10);
  poolOffset += 10;
  random[0] = ((random[0] ?? 0) & 0x0f) | 0x70;
  random[2] = ((random[2] ?? 0) & 0x3f) | 0x80;
  return nowMs.toString(16).padStart(12, '0') + random.toString('hex');
}

const idPattern = /^[0-9a-f]{12}7[0-9a-f]{3}[89ab][0-9a-f]{15}$/;

/** True for exactly what newId makes. */
export function isId(value: unknown): value is string {
  return typeof value === 'string' && idPattern.test(value);
}

let pool = Buffer.alloc(1280);
let poolOffset = pool.length;
