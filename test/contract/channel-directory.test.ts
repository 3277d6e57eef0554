import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createDirectoryReceiver } from '@sallyport/shared/channel/directory/receiver.ts';
import { createDirectorySender } from '@sallyport/shared/channel/directory/sender.ts';
import { temporaryFolder } from '../temporary-folder.ts';
import { channelContract } from './channel.ts';

channelContract('directory', async () => {
  const dir = temporaryFolder();
  return {
    receive: (sink, bounds) =>
      createDirectoryReceiver({ pickupDir: dir, sink, convention: 'rename', bounds }),
    send: (events) => createDirectorySender({ dropDir: dir, events }),
    async tear(name, half) {
      writeFileSync(join(dir, `.${name}.0123abcd.tmp`), half);
    },
  };
});
