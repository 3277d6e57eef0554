/** What masks need beyond a restart: their wrapped master key, and the vault of random tokens. */
import type { Store, StoreWrites } from '../port.ts';
import type { Statements } from './statements.ts';

export interface Tokens {
  readonly reads: Pick<Store, 'maskKey' | 'tokenOf' | 'sealedValue'>;
  readonly writes: Pick<StoreWrites, 'putMaskKey' | 'putToken'>;
}

export function tokens(sql: Statements): Tokens {
  const key = sql.one<{ wrapped: Uint8Array }>('SELECT wrapped FROM mask_key');
  const putKey = sql.change('INSERT INTO mask_key VALUES (1, ?)');
  const byValue = sql.one<{ token: string }>(
    'SELECT token FROM token WHERE consumer = ? AND lookup = ?',
  );
  const byToken = sql.one<{ sealed: Uint8Array }>(
    'SELECT sealed FROM token WHERE consumer = ? AND token = ?',
  );
  const put = sql.change('INSERT OR IGNORE INTO token VALUES (?, ?, ?, ?)');
  return {
    reads: {
      maskKey: () => key()?.wrapped,
      tokenOf: (consumer, lookup) => byValue(consumer, lookup)?.token,
      sealedValue: (consumer, token) => byToken(consumer, token)?.sealed,
    },
    writes: {
      putMaskKey: (wrapped) => void putKey(wrapped),
      putToken: ({ consumer, lookup, token, sealed }) => void put(consumer, lookup, token, sealed),
    },
  };
}
