/** What comes through sockets and directories before any signature: frames and names. */
import assert from 'node:assert/strict';
import {
  createLinkReader,
  encodeHead,
  encodePart,
  type LinkFrame,
} from '@sallyport/shared/channel/link/frame.ts';
import { parseSpoolName, spoolName } from '@sallyport/shared/channel/spool.ts';
import { limits } from '@sallyport/shared/limits.ts';
import {
  createFrameReader,
  encodeFrame,
  type Frame,
} from '@sallyport/shared/processes/ipc/frame.ts';
import { readRequest } from '@sallyport/shared/processes/signer/request.ts';
import { fuzz } from './campaign.ts';
import { mutateBytes, mutateTree, type Random } from './mutate.ts';

/** The bytes in pieces, as a socket may give them. */
function* pieces(random: Random, bytes: Buffer): Generator<Buffer> {
  for (let at = 0; at < bytes.length; ) {
    const end = at + 1 + random.below(random.pick([4, 64, 4096]));
    yield bytes.subarray(at, end);
    at = end;
  }
}

const heads = [['sign', { key: 'sign' }], ['hello', { process: 'mover' }], null, { status: 200 }];
const ipcFrames = heads.map((head, index) =>
  Buffer.concat(encodeFrame('request', index, head, Buffer.alloc(index * 16, 7))),
);
const ipcStream = Buffer.concat(ipcFrames);

fuzz('IPC frames', {
  codes: ['IPC_FRAME'],
  attempt: (random) => {
    const bytes = mutateBytes(random, [...ipcFrames, ipcStream]);
    const frames: Frame[] = [];
    const read = createFrameReader((frame) => frames.push(frame));
    for (const piece of pieces(random, bytes)) read(piece);
    for (const { kind, id, head, body } of frames) encodeFrame(kind, id, head, body);
  },
});

fuzz('requests to the signer', {
  codes: ['IPC_FRAME', 'IPC_VERB'],
  attempt: (random) => {
    const head = mutateTree(random, { key: random.pick(['sign', 'audit', 'decrypt', 'ca']) });
    const verb = random.pick(['sign', 'derive'] as const);
    const key = readRequest(verb, head, Buffer.alloc(random.pick([0, 31, 32, 65, 66])));
    assert.ok(verb === 'derive' ? key === 'decrypt' : key === 'sign' || key === 'audit', key);
  },
});

const packageId = '0192a1b2c3d47a0e8f10213243546576';
const names = (['interactive', 'bulk'] as const).map((flowClass) =>
  spoolName({ flowClass, sequence: 7, packageId }),
);
const part = Buffer.concat([encodePart('interactive', 100), Buffer.alloc(100, 1)]);
const linkStreams = names.map((name) => {
  const flowClass = name.startsWith('bulk') ? 'bulk' : 'interactive';
  return Buffer.concat([encodeHead(flowClass, name, 100), part, part]);
});

fuzz('link frames', {
  codes: ['CHANNEL_FRAME'],
  attempt: (random) => {
    const read = createLinkReader(limits);
    const frames: LinkFrame[] = [];
    for (const piece of pieces(random, mutateBytes(random, linkStreams)))
      frames.push(...read(piece));
    for (const frame of frames) {
      if (frame.kind === 'part') assert.ok(frame.bytes.length <= limits.linkPartBytesMax);
      else assert.equal(parseSpoolName(frame.name)?.flowClass, frame.flowClass);
    }
  },
});

fuzz('spool names', {
  codes: [],
  attempt: (random) => {
    const name = mutateBytes(
      random,
      names.map((one) => Buffer.from(one)),
    ).toString('latin1');
    const read = parseSpoolName(name);
    if (read !== undefined) assert.equal(spoolName(read), name);
  },
});
