import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type ErrorCode, errorTable } from '@sallyport/shared/errors.ts';
import { crossingCode } from '@sallyport/shared/exchange/crossing.ts';

test('few codes cross; a refusal keeps its reason, a fault leaves the effect open', () => {
  const codes = Object.keys(errorTable) as ErrorCode[];
  const told = new Map(codes.map((code) => [code, crossingCode(code)]));
  assert.deepEqual([...new Set(told.values())].sort(), [
    'DEADLINE_PASSED',
    'IN_DOUBT',
    'NOT_READY',
    'OVERLOADED',
    'PEER_REFUSED',
    'RATE_LIMITED',
    'RESPONSE_REFUSED',
    'SCAN_FAILED',
    'SCAN_FOUND',
    'UPSTREAM_REFUSED',
    'UPSTREAM_TIMEOUT',
    'UPSTREAM_TOO_LARGE',
    'UPSTREAM_UNREACHABLE',
  ]);
  for (const code of ['GRANT_MISSING', 'SCHEMA_REFUSED', 'CREDENTIAL_MISSING'] as const) {
    assert.equal(told.get(code), 'PEER_REFUSED');
  }
  for (const code of ['HSM_PIN', 'STORE_FULL', 'INTERNAL'] as const) {
    assert.equal(told.get(code), 'IN_DOUBT');
  }
  for (const code of told.values()) assert.equal(crossingCode(code), code);
});
