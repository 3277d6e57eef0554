import assert from 'node:assert/strict';
import { test } from 'node:test';
import { open, requestMessage, seal } from './parties.ts';

for (const count of [1, 2, 3, 1000]) {
  test(`a batch of ${count} messages opens to the messages that were sealed`, async () => {
    const messages = Array.from({ length: count }, (_, index) => requestMessage(index, index));
    const sealed = await seal(messages);
    const opened = await open(sealed.bytes);
    assert.equal(opened.digest, sealed.digest);
    assert.deepEqual(opened.manifest, sealed.manifest);
    assert.deepEqual(
      opened.messages.map(({ digest, body }) => [digest, body]),
      messages.map(({ digest, body }) => [digest, Buffer.from(body)]),
    );
  });
}
