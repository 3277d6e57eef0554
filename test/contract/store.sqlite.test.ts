import { join } from 'node:path';
import { openStore } from '@sallyport/shared/store/sqlite/open.ts';
import { temporaryFolder } from '../temporary-folder.ts';
import { storeContract } from './store.ts';

const dir = temporaryFolder();

storeContract('sqlite', (name) => openStore(join(dir, `${name}.db`)));
