/**
 * Authenticator: calls of older systems that sign with a shared secret.
 *
 *   x-app: tax-legacy                    who; also the name of its secret in keys/plugins/DIGEST/
 *   x-app-time: 1767225600               Unix seconds
 *   x-app-sign: hex HMAC-SHA-256 of  METHOD \n path \n query \n body SHA-256 in hex \n time
 *
 * The query is its pairs, percent-encoded and sorted, joined by `&`. Such a call can be repeated for as
 * long as its time is taken: who can sign by RFC 9421 should.
 */
import type { Authenticator, ShownCall } from '@sallyport/shared/plugins/api.ts';

interface Options {
  /** How far the time of a call may be from this clock. */
  readonly maxAgeSeconds: number;
}

const emptySha256 = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';
const shown: ShownCall = {
  timeMs: 1_767_225_610_000,
  method: 'GET',
  path: '/citizens/c-000123',
  query: [],
  headers: {
    'x-app': 'tax-legacy',
    'x-app-time': '1767225600',
    'x-app-sign': 'e0e6e76b4a19b321b28bb71b58acddde90b3d33a782e3528a634182e7ee118ac',
  },
  bodySha256: emptySha256,
};
const secrets = { 'tax-legacy': 'a secret of the example only' };
const options: Options = { maxAgeSeconds: 300 };

function signedText({ method, path, query, bodySha256 }: ShownCall, time: string): string {
  const pairs = query.map((pair) => pair.map(encodeURIComponent).join('='));
  return [method, path, pairs.sort().join('&'), bodySha256, time].join('\n');
}

export default {
  kind: 'authenticator',
  name: 'hmac-header',
  version: '1.0.0',
  options: {
    type: 'object',
    properties: { maxAgeSeconds: { type: 'integer', minimum: 1, maximum: 900 } },
    required: ['maxAgeSeconds'],
  },
  authenticate(call, { maxAgeSeconds }, { hmacSha256, same }) {
    const { 'x-app': app = '', 'x-app-time': time = '', 'x-app-sign': sign = '' } = call.headers;
    if (!/^[a-z0-9-]{1,63}$/.test(app) || !/^\d{10}$/.test(time)) return null;
    if (!/^[0-9a-f]{64}$/.test(sign)) return null;
    if (Math.abs(call.timeMs / 1000 - Number(time)) > maxAgeSeconds) return null;
    return same(sign, hmacSha256(app, signedText(call, time))) ? app : null;
  },
  examples: [
    { call: shown, options, secrets, gives: 'tax-legacy' },
    { call: { ...shown, method: 'DELETE' }, options, secrets, gives: null },
    { call: { ...shown, path: '/citizens/c-000124' }, options, secrets, gives: null },
    {
      call: { ...shown, bodySha256: emptySha256.replace('e', 'f') },
      options,
      secrets,
      gives: null,
    },
    { call: { ...shown, timeMs: shown.timeMs + 600_000 }, options, secrets, gives: null },
    { call: { ...shown, headers: {} }, options, secrets, gives: null },
  ],
} satisfies Authenticator<Options>;
