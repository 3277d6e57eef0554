import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readLanguage } from '@sallyport/cli/language.ts';
import { sallyport } from '../demo/command.ts';

const known = {
  en: ['en', 'EN', 'en-GB', 'en_US', 'en_US.UTF-8', 'en-Latn-GB'],
  zh: [
    'zh',
    'zh-CN',
    'zh_CN',
    'zh_CN.UTF-8',
    'ZH-cn',
    'zh-Hans',
    'zh-Hans-CN',
    'zh_Hans_CN',
    'zh-SG',
  ],
};
for (const [language, tags] of Object.entries(known)) {
  test(`${tags.join(', ')} are ${language}`, () => {
    assert.deepEqual(
      tags.map(readLanguage),
      tags.map(() => language),
    );
  });
}

const others = [
  '',
  'fr',
  'zh-TW',
  'zh-Hant',
  'zh-Hant-CN',
  'zh-',
  'zh--CN',
  'zhongwen',
  'C',
  '中文',
  'en-Shaw',
  '-',
];
for (const tag of others) {
  test(`${JSON.stringify(tag)} is no language of this product`, () => {
    const message = `expected one of en, zh, zh-Hans, got ${tag}`;
    assert.throws(() => readLanguage(tag), { code: 'USAGE', message });
  });
}

test('the command line says which languages there are', async () => {
  const { code, stderr } = await sallyport('policy', 'matrix', '--policy', 'x', '--lang', 'fr');
  assert.equal(code, 2);
  assert.match(
    stderr,
    /expected one of en, zh, zh-Hans, got fr \[USAGE\]\nhint: a region may follow/,
  );
});
