/**
 * Verify before parse, proved on mutated packages: what is not authentic reaches no parser, no key
 * and no caller. The engine itself counts which functions were entered.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { asSallyportError } from '@sallyport/shared/errors.ts';
import type { OpenOptions } from '@sallyport/shared/package/open.ts';
import { open, openOptions, receiver } from '../package/parties.ts';
import { again, seedsOf } from './campaign.ts';
import { countEntries } from './entered.ts';
import { createRandom, mutateBytes, type Random } from './mutate.ts';
import { type Parcel, pack, signedAs, signedToFit, unpack, vectors } from './parcel.ts';

const good = vectors('ok-');
const parcels = good.map(unpack);
const heads = parcels.map(({ manifestFile }) => manifestFile);

/** Opens and tells the code, or `ok`, and what the opener asked of the outside. */
async function opening(bytes: Buffer) {
  const asked: string[] = [];
  const derive: OpenOptions['self']['derive'] = (point) => {
    asked.push('derive');
    return receiver.derive(point);
  };
  const self = { ...openOptions.self, derive };
  const code = await open(bytes, { self, check: () => asked.push('check') }).then(
    () => 'ok',
    (thrown) => asSallyportError(thrown).code,
  );
  return { code, asked };
}

async function eachCase(name: string, oneIn: number, run: (random: Random) => Promise<void>) {
  for (const seed of seedsOf(oneIn)) {
    try {
      await run(createRandom(seed, name));
    } catch (cause) {
      throw new Error(`${name} failed; again: ${again(name, seed)}`, { cause });
    }
  }
}

const parsers = [
  ['/package/manifest.ts', ['decodeManifest', 'parse', 'check']],
  ['/package/cms-enveloped.ts', ['openKey', 'openSegment', 'readEnvelope']],
  ['/package/frame.ts', ['push', 'readHead']],
  ['/package/message.ts', ['readLengths', 'decodeHeader']],
  ['/package/cbor.ts', ['readArray', 'readText', 'readMap', 'readHead']],
] as const;

async function entered(
  counter: Awaited<ReturnType<typeof countEntries>>,
  from: number,
): Promise<number> {
  let calls = 0;
  for (const [file, names] of parsers.slice(from)) calls += await counter.calls(file, ...names);
  return calls;
}

test('the count sees every parser when a sound package is opened', async () => {
  for (const [file, names] of parsers) {
    const counter = await countEntries();
    assert.equal((await opening(good[0] ?? Buffer.alloc(0))).code, 'ok');
    assert.ok((await counter.calls(file, ...names)) > 0, file);
    counter.close();
  }
});

test('a manifest without its signature enters no parser', async () => {
  const counter = await countEntries();
  const name = 'a manifest without its signature';
  await eachCase(name, 1, async (random) => {
    const parcel = random.pick(parcels);
    const manifestFile = mutateBytes(random, [parcel.manifestFile]);
    if (heads.some((head) => head.equals(manifestFile))) return;
    const { code, asked } = await opening(pack({ ...parcel, manifestFile }));
    assert.match(code, /^PACKAGE_(LAYOUT|TOO_LARGE|SENDER|SIGNATURE)$/);
    assert.deepEqual(asked, []);
  });
  assert.equal(await entered(counter, 0), 0);
  counter.close();
});

test('any other change of a package that is not authentic enters no parser', async () => {
  const counter = await countEntries();
  await eachCase('any other change', 1, async (random) => {
    const bytes = mutateBytes(random, good);
    const isSigned = heads.some((head) => bytes.subarray(512, 512 + head.length).equals(head));
    if (isSigned) return;
    const { asked } = await opening(bytes);
    assert.deepEqual(asked, []);
  });
  assert.equal(await entered(counter, 0), 0);
  counter.close();
});

test('keys and segments that are not those of the manifest never reach the key', async () => {
  const counter = await countEntries();
  await eachCase('keys and segments that are not', 2, async (random) => {
    const parcel = random.pick(parcels);
    const changed = changedParts(random, parcel);
    const bytes = pack(changed);
    if (good.some((one) => one.equals(bytes))) return;
    const { code, asked } = await opening(bytes);
    assert.match(code, /^PACKAGE_(TRUNCATED|TOO_LARGE|LAYOUT|KEYS|SEGMENTS)$/);
    assert.deepEqual(asked, ['check']);
  });
  assert.equal(await entered(counter, 1), 0);
  counter.close();
});

/** The peer's own key signed it, so that only the tag of the segment stands before the messages. */
test('a segment whose tag does not verify gives no byte to the message decoder', async () => {
  const counter = await countEntries();
  await eachCase('a segment whose tag', 4, async (random) => {
    const parcel = random.pick(parcels);
    const [first = Buffer.alloc(0), ...rest] = parcel.segments;
    const file = Buffer.from(first);
    const at = file.length - 1 - random.below(Math.min(1024, file.length - 160));
    file[at] = (file[at] ?? 0) ^ (1 << random.below(8));
    const { code, asked } = await opening(
      await signedToFit({ ...parcel, segments: [file, ...rest] }),
    );
    // The tag's own length stands in the file: changed, the file is of another form.
    assert.match(code, /^PACKAGE_(DECRYPT|SEGMENTS)$/);
    assert.deepEqual(asked, ['check', 'derive']);
  });
  assert.equal(await entered(counter, 2), 0);
  counter.close();
});

test('a manifest that is signed and no manifest reaches neither the caller nor the key', async () => {
  await eachCase('a manifest that is signed', 4, async (random) => {
    const parcel = random.pick(parcels);
    const text = mutateBytes(random, [Buffer.from(JSON.stringify(parcel.manifest))]);
    const { code, asked } = await opening(await signedAs(parcel, text));
    if (code === 'PACKAGE_MANIFEST') assert.deepEqual(asked, []);
  });
});

function changedParts(random: Random, parcel: Parcel): Parcel {
  const other = random.pick(parcels);
  if (random.below(3) === 0) return { ...parcel, keys: mutateBytes(random, [parcel.keys]) };
  const segments = [...parcel.segments];
  const index = random.below(segments.length);
  segments[index] = mutateBytes(random, [segments[index] ?? Buffer.alloc(0), ...other.segments]);
  return { ...parcel, segments };
}
