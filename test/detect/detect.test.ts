import assert from 'node:assert/strict';
import { test } from 'node:test';
import { benchDetect } from '@sallyport/bench/detect.ts';
import { detectCorpus } from '@sallyport/bench/detect-corpus.ts';
import { cardRanges, compileCards } from '@sallyport/shared/detect/bank-cards.ts';
import {
  isCreditCode,
  isIpv4,
  isIpv6,
  isLandline,
  isMobile,
  isResidentId,
  passesLuhn,
} from '@sallyport/shared/detect/checks.ts';
import type { Kind } from '@sallyport/shared/detect/kinds.ts';
import { detect } from '@sallyport/shared/detect/propose.ts';
import { compileScan } from '@sallyport/shared/detect/scan.ts';

const found: readonly (readonly [string, string, Kind | undefined])[] = [
  ['remark', '11010519491231002X', 'resident-id'],
  ['remark', '11010519491231002x', 'resident-id'],
  ['remark', '110105 19491231 002 Ｘ', 'resident-id'],
  ['remark', '证件 110105194912310021', undefined],
  ['remark', '11010519491331002X', undefined],
  ['remark', '00010519491231002X', undefined],
  ['idNumber', '110105491231002', 'resident-id'],
  ['remark', '110105491231002', undefined],
  ['remark', '身份证110105491231002', 'resident-id'],
  ['remark', '13800138000', 'mobile'],
  ['remark', '+86 138-0013-8000', 'mobile'],
  ['remark', '0086 13800138000', 'mobile'],
  ['remark', '138.0013.8000', 'mobile'],
  ['remark', '一三八〇〇一三八〇〇〇', 'mobile'],
  ['remark', '幺三八 零零幺三 八零零零', 'mobile'],
  ['remark', '١٣٨٠٠١٣٨٠٠٠', 'mobile'],
  ['remark', '①③⑧00138000', 'mobile'],
  ['remark', 'l38OO138OOO', 'mobile'],
  ['remark', '1\u200b3\u200d8\u206000138\u00ad000', 'mobile'],
  ['remark', '1 3 8 0 0 1 3 8 0 0 0', 'mobile'],
  ['remark', '138 001 380 00', 'mobile'],
  ['remark', '+86 138 001 380 00', 'mobile'],
  ['remark', '1 38 00 13 80 00', 'mobile'],
  ['remark', '电话 138 0013 8000 2026-11-03', 'mobile'],
  ['remark', '138 0013 8000 5 3', 'mobile'],
  ['remark', '1 3 8 0 0 1 3 8 0 0 0 5', undefined],
  ['remark', '7 1 38 00 13 80 00 12', undefined],
  ['remark', '13 800 138 000', undefined],
  ['remark', '4401 0620 0705 1037 58', 'resident-id'],
  ['remark', 'abcdefghijklmnop13800138000', 'mobile'],
  ['remark', '12345678901', undefined],
  ['remark', '16212345678', 'mobile'],
  ['remark', '17401234567', 'mobile'],
  ['remark', '17491234567', 'mobile'],
  ['remark', '17411234567', 'mobile'],
  ['remark', '17431234567', undefined],
  ['remark', '16101234567', 'mobile'],
  ['remark', '16111234567', undefined],
  ['remark', '14912345678', 'mobile'],
  ['remark', '14612345678', undefined],
  ['remark', '1461234567890', undefined],
  ['remark', '19412345678', undefined],
  ['remark', '13491234567', 'mobile'],
  ['remark', '14012345678', undefined],
  ['remark', '15412345678', undefined],
  ['orderNo', '13800138000', undefined],
  ['serial_number', '13800138000', undefined],
  ['运单号', '13800138000', undefined],
  ['orderNo', '138 0013 8000', 'mobile'],
  ['orderNo', '１３８００１３８０００', 'mobile'],
  ['orderNo', '请联系13800138000', 'mobile'],
  ['orderNo', '4111111111111111', 'bank-card'],
  ['code', '13800138000', 'mobile'],
  ['remark', 'a3f13800138000bc9d77a3f9e1c2b4d8', undefined],
  ['remark', '010-88888888', 'landline'],
  ['remark', '(0571) 8888 8888', 'landline'],
  ['remark', '6222021234567890128', 'bank-card'],
  ['remark', '4111 1111 1111 1111', 'bank-card'],
  ['remark', '1111111111111111', undefined],
  ['remark', '91110108551385082Q', 'credit-code'],
  ['remark', '91110108551385082R', undefined],
  ['remark', '22110108551385082W', undefined],
  ['remark', '54330382MF1234567C', 'credit-code'],
  ['remark', '55110105ME7654321K', 'credit-code'],
  ['remark', '9111 0108 5513 8508 2Q', 'credit-code'],
  ['remark', '911 101 085 513 850 82Q', 'credit-code'],
  ['remark', '7 911 101 085 513 850 82Q 3', 'credit-code'],
  ['remark', '(1) 110 105 194 912 310 02X, 5', 'resident-id'],
  ['remark', '7 110 105 194 912 310 02X 3', 'resident-id'],
  ['remark', '12 622 202 737 422 992 868 6 3', 'bank-card'],
  ['remark', '(1) 138-001-380-00', 'mobile'],
  ['remark', '1-138-001-380-00-1', undefined],
  ['remark', '010 -35 890 021 3', 'landline'],
  ['remark', 'registered under code number 91110108551385082Q', 'credit-code'],
  ['remark', 'zhang＠example.com', 'email'],
  ['remark', 'zhang [at] example [dot] com', 'email'],
  ['remark', 'user@host', undefined],
  ['remark', '京A·12345', 'plate'],
  ['remark', '粤 B D12345', 'plate'],
  ['remark', '京津冀12345', undefined],
  ['passport', 'E12345678', 'passport'],
  ['remark', '护照号E12345678', 'passport'],
  ['remark', 'E12345678', undefined],
  ['travelPermit', 'C12345678', 'permit'],
  ['remark', '通行证 CA1234567', 'permit'],
  ['remark', '192.168.1.10', 'ip'],
  ['remark', 'version 1.2.3.4', undefined],
  ['remark', '999.1.1.1', undefined],
  ['remark', '2001:db8::1:2', 'ip'],
  ['remark', '10:20:30', undefined],
  ['name', '张三', 'name'],
  ['name', '买买提·艾力', 'name'],
  ['name', '朝阳区', undefined],
  ['name', '白马小学', undefined],
  ['name', '江小学', undefined],
  ['name', '黄学会', 'name'],
  ['name', '安全帽', undefined],
  ['realName', '安全帽', 'name'],
  ['name', '王校', 'name'],
  ['name', '李大桥', 'name'],
  ['name', '王李小明', 'name'],
  ['name', 'Zhang Xiaoming', 'name'],
  ['name', 'Wei-Guo Li', 'name'],
  ['name', 'Maria Rossi', 'name'],
  ['name', 'Blue Water Bottle', undefined],
  ['name', 'Aigerim Okafor', undefined],
  ['contactName', 'Aigerim Okafor', 'name'],
  ['remark', '张三', undefined],
  ['address', '文三路12号', 'address'],
  ['district', '西湖区', undefined],
  ['remark', 'password: hunter2xyz', 'secret'],
  ['remark', 'see eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJ0YXgifQ.c2lnbmF0dXJl', 'secret'],
  ['remark', 'eyJhbGciOi.eyJzdWIi', undefined],
  ['remark', '-----BEGIN EC PRIVATE KEY-----', 'secret'],
  ['remark', 'https://a:secret@example.com/', 'secret'],
  ['apiKey', 'whatever-it-is', 'secret'],
  ['remark', '550e8400-e29b-41d4-a716-446655440000', undefined],
  ['remark', '2026-11-23 20:00:00', undefined],
];

for (const [field, value, kind] of found) {
  test(`${JSON.stringify(value)} in ${field} is ${kind ?? 'nothing'}`, () => {
    assert.equal(compileScan(field)(value), kind);
  });
}

test('beside what only persons have, or in a person, a name is one by its form', () => {
  const scan = (beside: string[], above: string[]) =>
    compileScan('name', { around: { beside, above } })('Aigerim Okafor');
  assert.equal(scan(['name', 'birthDate'], []), 'name');
  assert.equal(scan(['idNumber'], []), 'name');
  assert.equal(scan([], ['visit', 'patient']), 'name');
  assert.equal(scan(['sku', 'price'], ['product']), undefined);
  const named = (beside: string[]) =>
    compileScan('name', { around: { beside, above: [] } })('党参');
  assert.equal(named(['price']), 'name');
  assert.equal(named(['price', 'unit']), undefined);
  assert.equal(named(['sku', 'price']), undefined, 'goods');
  assert.equal(named(['sku', 'price', 'phone']), 'name', 'goods of somebody');
  assert.equal(named(['sku', 'birthDate']), 'name');
});

test('numbers are looked at too', () => {
  assert.equal(compileScan('n')(13_800_138_000), 'mobile');
  assert.equal(compileScan('orderId')(13_800_138_000), undefined);
  assert.equal(compileScan('n')(4_111_111_111_111_111), 'bank-card');
  assert.equal(compileScan('n')(12_345), undefined);
  assert.equal(compileScan('n')(1.5e300), undefined);
});

test('each check refuses what its check digit, region or date does not bear out', () => {
  assert.equal(isResidentId('11010519491231002X'), true);
  for (let digit = 0; digit <= 9; digit += 1) {
    assert.equal(isResidentId(`11010519491231002${digit}`), false);
  }
  assert.equal(passesLuhn('4111111111111111'), true);
  assert.equal(passesLuhn('4111111111111112'), false);
  assert.equal(isCreditCode('91110108551385082Q'), true);
  assert.equal(isCreditCode('91990108551385082Q'), false);
  assert.equal(isMobile('8613800138000'), true);
  assert.equal(isMobile('12800138000'), false);
  assert.equal(isLandline('05718888888'), true);
  assert.equal(isLandline('05711888888'), false);
  assert.equal(isIpv4('1.2.3.256'), false);
  assert.equal(isIpv6('2001:db8:::1'), false);
});

test('an owner adds the numbers that its cards begin with', () => {
  const own = compileScan('remark', { bankCardPrefixes: ['888888'] });
  assert.equal(
    compileCards(cardRanges(['888888']))('8888880000000005'),
    passesLuhn('8888880000000005'),
  );
  const payload = Array.from({ length: 10 }, (_, digit) => `888888000000000${digit}`);
  assert.equal(payload.filter((number) => own(number) === 'bank-card').length, 1);
  assert.equal(payload.filter((number) => compileScan('remark')(number)).length, 0);
});

test('on the seeded corpus nearly all is found in every form, and look-alikes are mostly not', () => {
  assert.ok(detectCorpus(1, 1000).length >= 20_000);
  const report = benchDetect({ seed: 2, each: 120 });
  for (const { kind, recall, found: all, precision } of report.kinds) {
    // Of names by which nobody could tell a person, some are missed.
    const least = kind === 'name' ? 0.95 : 0.98;
    assert.ok(recall >= least && all >= least, `${kind}: recall ${recall}, found ${all}`);
    // Numbers that begin like mobile numbers, and goods and towns with names like people, are in it.
    const worst: Partial<Record<Kind, number>> = { mobile: 0.85, name: 0.65 };
    assert.ok(precision >= (worst[kind] ?? 0.95), `${kind} ${precision}`);
  }
  assert.ok(report.falseAlarms / report.lookAlikes < 0.05);
});

test('a text made to take long takes no time that matters', () => {
  const scan = compileScan('address');
  const nasty = [
    '1 '.repeat(200_000),
    '@'.repeat(200_000),
    `${'a.'.repeat(100_000)}@${'a.'.repeat(100_000)}`,
    '京A'.repeat(100_000),
    '1.1.1.'.repeat(80_000),
    'A1 '.repeat(100_000),
    `${'1-'.repeat(100_000)}13800138000`,
    'sk-'.repeat(100_000),
    '::1'.repeat(100_000),
    '路'.repeat(200_000),
    '[at '.repeat(100_000),
    'eyJ-'.repeat(250_000),
    '.eyJ12345678-'.repeat(80_000),
    '110105491231002 '.repeat(60_000),
    '@a.'.repeat(200_000),
  ];
  for (const text of nasty) {
    const before = process.cpuUsage();
    scan(text);
    const { user } = process.cpuUsage(before);
    // Quadratic would be minutes; this only tells the two apart.
    assert.ok(user < 5_000_000, `${text.slice(0, 4)}: ${user} µs`);
  }
});

test('a proposal comes from samples first, then from the name, and holds no value', () => {
  assert.deepEqual(detect('value', ['13800138000', 'x']), {
    kind: 'mobile',
    samples: 1,
    mask: { transform: 'keep', first: 3, last: 4 },
  });
  assert.equal(detect('email', [])?.mask.transform, 'email');
  assert.equal(detect('realName', ['张三'])?.mask.transform, 'surname');
  assert.equal(detect('homeAddress', [])?.mask.transform, 'address');
  assert.equal(detect('count', [3, 'seven']), undefined);
  assert.equal(JSON.stringify(detect('value', ['13800138000'])).includes('13800138000'), false);
});
