import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import { openStore } from '@sallyport/shared/store/sqlite/open.ts';
import { storeContract } from './store.ts';

const dir = mkdtempSync(join(tmpdir(), 'sallyport-store-'));
after(() => rmSync(dir, { recursive: true }));

storeContract('sqlite', (name) => openStore(join(dir, `${name}.db`)));
