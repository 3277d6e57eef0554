/** A process of its own that moves blocks of a store into files: `rotate.ts STORE FOLDER`. */
import { createRotation } from '@sallyport/shared/processes/guard/rotation.ts';
import { openStore } from '@sallyport/shared/store/sqlite/open.ts';

const [file = '', dir = ''] = process.argv.slice(2);
const store = openStore(file);
const log = {
  warn(...told: unknown[]) {
    console.error(told);
    process.exitCode = 1;
  },
};
await createRotation({ store, dir, log, eventsMax: 40, fileBytesMax: 2048 })();
store.close();
