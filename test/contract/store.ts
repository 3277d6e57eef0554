/** What every store must do. `open` opens the store kept under a name, as often as asked, one at a time. */
import { test } from 'node:test';
import type { Store } from '@sallyport/shared/store/port.ts';
import { exchangesContract } from './store/exchanges.ts';
import { forgettingContract } from './store/forgetting.ts';
import { lanesContract } from './store/lanes.ts';
import { recordsContract } from './store/records.ts';
import { worksContract } from './store/works.ts';

/** Runs a test on a fresh store; `again` closes it and opens it anew. */
export type OnStore = (
  title: string,
  work: (store: Store, again: () => Store) => Promise<void>,
) => void;

export function storeContract(kind: string, open: (name: string) => Store): void {
  let stores = 0;
  const onStore: OnStore = (title, work) => {
    test(`${kind}: ${title}`, async () => {
      const name = `${kind}-${stores++}`;
      let store = open(name);
      try {
        await work(store, () => {
          store.close();
          store = open(name);
          return store;
        });
      } finally {
        store.close();
      }
    });
  };
  exchangesContract(onStore);
  lanesContract(onStore);
  forgettingContract(onStore);
  recordsContract(onStore);
  worksContract(onStore);
}
