import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { SallyportError } from '@sallyport/shared/errors.ts';
import { limits } from '@sallyport/shared/limits.ts';
import { tokenPattern } from '@sallyport/shared/masking/keyed.ts';
import { deriveMaskKey } from '@sallyport/shared/masking/secrets.ts';
import { createVault, type VaultRow } from '@sallyport/shared/masking/vault.ts';
import { openStore } from '@sallyport/shared/store/sqlite/open.ts';
import { temporaryFolder } from '../temporary-folder.ts';

const master = Buffer.alloc(32, 3);
const keysOf = (name: string) => ({
  lookup: deriveMaskKey(master, name, 'lookup'),
  vault: deriveMaskKey(master, name, 'vault'),
});
const tax = keysOf('tax-bureau');
const code = (expected: string) => (thrown: unknown) =>
  thrown instanceof SallyportError && thrown.code === expected;

test('a token is random, stable, and leads back, also after a restart', async () => {
  const file = join(temporaryFolder(), 'store.db');
  let store = openStore(file);
  const vault = createVault(store);
  const token = vault.token('tax-bureau', tax, 'secret value 7');
  assert.match(token, tokenPattern);
  assert.equal(vault.token('tax-bureau', tax, 'secret value 7'), token);
  assert.notEqual(vault.token('tax-bureau', tax, 'secret value 8'), token);
  assert.equal(vault.value('tax-bureau', tax.vault, token), 'secret value 7', 'before its commit');
  await store.write((tx) => vault.drain(tx));
  store.close();
  store = openStore(file);
  const again = createVault(store);
  assert.equal(again.token('tax-bureau', tax, 'secret value 7'), token);
  assert.equal(again.value('tax-bureau', tax.vault, token), 'secret value 7');
  store.close();
});

test('a commit that is undone loses no token', async () => {
  const store = openStore(join(temporaryFolder(), 'store.db'));
  const vault = createVault(store);
  const token = vault.token('tax-bureau', tax, 'x');
  const undone = store.write((tx) => {
    vault.drain(tx);
    throw new SallyportError('STORE_FULL', 'no room');
  });
  await assert.rejects(undone, code('STORE_FULL'));
  assert.equal(vault.token('tax-bureau', tax, 'x'), token);
  await store.write((tx) => vault.drain(tx));
  assert.equal(createVault(store).token('tax-bureau', tax, 'x'), token);
  store.close();
});

test('a token of another consumer, one that never was and a changed row are refused', async () => {
  const store = openStore(join(temporaryFolder(), 'store.db'));
  const vault = createVault(store);
  const school = keysOf('school-board');
  const token = vault.token('tax-bureau', tax, 'x');
  await store.write((tx) => vault.drain(tx));
  const fresh = createVault(store);
  assert.throws(() => fresh.value('school-board', school.vault, token), code('TOKEN_UNKNOWN'));
  assert.throws(
    () => fresh.value('tax-bureau', tax.vault, `tok_${'0'.repeat(26)}`),
    code('TOKEN_UNKNOWN'),
  );
  assert.throws(() => fresh.value('tax-bureau', school.vault, token), code('STORE_DAMAGED'));
  store.close();
});

test('a row holds neither its value nor an unkeyed hash of it', () => {
  const rows: VaultRow[] = [];
  const vault = createVault({ tokenOf: () => undefined, sealedValue: () => undefined });
  vault.token('tax-bureau', tax, 'sentinel-7781');
  vault.drain({ putToken: (row) => rows.push(row) });
  const [row] = rows;
  assert.ok(row);
  const bytes = Buffer.concat([row.lookup, row.sealed, Buffer.from(row.token)]);
  assert.equal(bytes.includes('sentinel-7781'), false);
});

test('new tokens that nothing makes durable have an end', () => {
  const vault = createVault({ tokenOf: () => undefined, sealedValue: () => undefined });
  for (let count = 0; count < limits.tokensWaitingMax; count += 1) {
    vault.token('tax-bureau', tax, `${count}`);
  }
  assert.throws(() => vault.token('tax-bureau', tax, 'one more'), code('OVERLOADED'));
});
