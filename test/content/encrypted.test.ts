/** What cannot be looked into because of a password, or of how it is packed, does not pass. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { deflateSync } from 'node:zlib';
import { zipOf } from './archives.ts';
import { flate, inspect, objects, pdf } from './file-samples.ts';

const script = '<< /S /JavaScript >>';

const closed: readonly (readonly [string, Buffer])[] = [
  ['a zip with a password', zipOf([{ name: 'a.txt', content: 'a', encrypted: true }])],
  ['a PDF with a password', pdf('<< /Encrypt 2 0 R >>')],
  ['a PDF with a password, written in hexadecimal', pdf('<< /#45ncrypt 2 0 R >>')],
  [
    'a PDF whose objects are packed in an unknown way',
    pdf('<< /Type /ObjStm /Filter /Crypt >> stream\nx'),
  ],
  [
    'a PDF whose packed objects are damaged',
    pdf('<< /Type /ObjStm /Filter /FlateDecode >> stream\nx'),
  ],
  [
    'a PDF whose objects are packed twice',
    objects('/Type /ObjStm /Filter [ /FlateDecode /FlateDecode ]', flate(deflateSync(script))),
  ],
  [
    'a PDF whose packed objects are filtered besides',
    objects('/Type /ObjStm /Filter /FlateDecode /DecodeParms << /Predictor 12 >>', flate(script)),
  ],
  [
    'a PDF whose packed objects begin in an odd way',
    objects('/Type /ObjStm /Filter /FlateDecode', flate(script), 'stream\r'),
  ],
  [
    'an OpenDocument with a password',
    zipOf([{ name: 'META-INF/manifest.xml', content: '<encryption-data/>' }]),
  ],
];
for (const [name, bytes] of closed) {
  test(`${name} is refused as encrypted`, async () => {
    await assert.rejects(inspect(bytes), { code: 'FILE_ENCRYPTED' });
  });
}
