import assert from 'node:assert/strict';
import { test } from 'node:test';
import { surnames } from '@sallyport/examples/citizen-registry/names.ts';
import { luhnCheck, residentIdCheck } from '@sallyport/examples/citizen-registry/numbers.ts';
import { makePeople } from '@sallyport/examples/citizen-registry/people.ts';
import { regions } from '@sallyport/examples/citizen-registry/regions.ts';

const people = makePeople(3000, 7);

test('a seed always gives the same people, and another seed gives others', () => {
  assert.deepEqual(makePeople(50, 7), people.slice(0, 50));
  assert.notDeepEqual(makePeople(50, 8), people.slice(0, 50));
});

test('check digits are computed as the standards say', () => {
  // The worked example of GB 11643-1999 annex A, and of ISO/IEC 7812-1.
  assert.equal(residentIdCheck('11010519491231002'), 'X');
  assert.equal(luhnCheck('7992739871'), '3');
});

test('each resident ID has a real region, the birth date, the sex and a right check character', () => {
  const codes = new Set(regions.map((region) => region.code));
  for (const { idNumber, birthDate, sex } of people) {
    assert.match(idNumber, /^\d{17}[\dX]$/);
    assert.ok(codes.has(idNumber.slice(0, 6)));
    assert.equal(idNumber.slice(6, 14), birthDate.replaceAll('-', ''));
    assert.equal(new Date(`${birthDate}T00:00:00Z`).toISOString().slice(0, 10), birthDate);
    assert.equal(Number(idNumber[16]) % 2 === 1 ? 'male' : 'female', sex);
    assert.equal(idNumber[17], residentIdCheck(idNumber.slice(0, 17)));
  }
  assert.equal(new Set(people.map((one) => one.idNumber)).size, people.length);
});

test('phones, cards and e-mail addresses are well formed and agree with the record', () => {
  const areaOf = new Map(regions.map((region) => [region.district, region.areaCode]));
  const pinyinOf = new Map(surnames);
  for (const one of people) {
    assert.match(one.phone, /^1[3-9]\d{9}$/);
    if (one.landline) assert.equal(one.landline.split('-')[0], areaOf.get(one.address.district));
    if (one.bankCard) assert.equal(one.bankCard.at(-1), luhnCheck(one.bankCard.slice(0, -1)));
    const surname = surnames.findLast(([characters]) => one.name.startsWith(characters));
    assert.ok(surname);
    if (one.email) {
      assert.ok(one.email.startsWith(`${pinyinOf.get(surname[0])}.`));
      assert.ok(one.email.endsWith('@mail.example'));
    }
  }
  for (const field of ['landline', 'bankCard', 'email'] as const) {
    const having = people.filter((one) => one[field] !== undefined).length;
    assert.ok(having > 0 && having < people.length, `some have a ${field} and some have none`);
  }
});

test('the members of a household share address and landline, and children earn nothing', () => {
  const heads = new Map(
    people.filter((one) => one.household.role === 'head').map((one) => [one.household.id, one]),
  );
  for (const one of people) {
    const head = heads.get(one.household.id);
    assert.ok(head);
    assert.deepEqual(one.address, head.address);
    assert.equal(one.landline, head.landline);
    if (one.bankCard === undefined) assert.deepEqual(one.income, { monthly: 0, taxBand: 0 });
  }
});

test('compound surnames, both sexes and every district occur', () => {
  assert.ok(people.some((one) => one.name.startsWith('欧阳')));
  assert.equal(new Set(people.map((one) => one.sex)).size, 2);
  assert.equal(new Set(people.map((one) => one.address.district)).size, regions.length);
});
