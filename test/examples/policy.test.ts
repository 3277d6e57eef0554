/** The sample policy is valid, and its three consumers see what its README says. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { makePeople } from '@sallyport/examples/citizen-registry/people.ts';
import { checkRelease, maskResponse } from '@sallyport/shared/masking/response.ts';
import { checkPolicy } from '@sallyport/shared/policy/check.ts';
import { compilePolicy } from '@sallyport/shared/policy/compile.ts';
import { decide, matchRoute } from '@sallyport/shared/policy/decide.ts';
import { schemaFilesOf } from '@sallyport/shared/policy/source.ts';

const folder = join(import.meta.dirname, '../../examples/citizen-registry/policy');
const text = readFileSync(join(folder, 'policy.yaml'), 'utf8');
const schemas = Object.fromEntries(
  schemaFilesOf(text).map((file) => [file, { text: readFileSync(join(folder, file), 'utf8') }]),
);
const checked = checkPolicy({ file: 'policy.yaml', text, schemas });
const nowMs = Date.parse('2026-11-01T00:00:00Z');

const decision = (consumer: string, method: string, path: string) => {
  assert.ok(checked.policy);
  const policy = compilePolicy(checked.policy, 1);
  const match = matchRoute(policy, method, path);
  return decide(policy, { consumer: { name: consumer }, match, nowMs });
};

test('the sample policy has no faults', () => {
  assert.deepEqual(checked.faults, []);
});

const people = makePeople(200, 11);
const citizen = people.find((one) => one.name.startsWith('欧阳') && one.email !== undefined);
assert.ok(citizen);
const page = { total: 1, page: 1, size: 20, items: [citizen] };
const { district } = citizen.address;

/** What leaves the inner domain, and that the far side accepts exactly that. */
function released(consumer: string, method: string, path: string, answer: object): unknown {
  const plan = decision(consumer, method, path);
  const contentType = 'application/json';
  const status = method === 'POST' ? 201 : 200;
  const body = Buffer.from(JSON.stringify(answer));
  const masked = maskResponse(plan, { status, contentType, body });
  assert.deepEqual(checkRelease(plan, { status, body: masked.body }).body, masked.body);
  return JSON.parse(masked.body.toString());
}

test('the tax bureau sees income and district, and numbers with their middle hidden', () => {
  assert.deepEqual(released('tax-bureau', 'GET', `/citizens/${citizen.id}`, citizen), {
    id: citizen.id,
    name: `欧阳${'*'.repeat(citizen.name.length - 2)}`,
    idNumber: `${citizen.idNumber.slice(0, 3)}***********${citizen.idNumber.slice(-4)}`,
    phone: `${citizen.phone.slice(0, 3)}****${citizen.phone.slice(-4)}`,
    address: { district },
    income: citizen.income,
  });
});

test('the health office sees medical data, and of the name only the surname', () => {
  const seen = {
    id: citizen.id,
    name: `欧阳${'*'.repeat(citizen.name.length - 2)}`,
    birthDate: citizen.birthDate,
    address: { district },
    medical: citizen.medical,
  };
  const one = released('health-office', 'GET', `/citizens/${citizen.id}`, citizen);
  assert.deepEqual(one, { ...seen, sex: citizen.sex });
  const list = released('health-office', 'GET', '/citizens', page);
  assert.deepEqual(list, { ...page, items: [seen] });
});

test('the school board sees districts and birth dates of a list, and nothing else', () => {
  const items = [{ birthDate: citizen.birthDate, address: { district } }];
  assert.deepEqual(released('school-board', 'GET', '/citizens', page), { ...page, items });
  assert.throws(() => decision('school-board', 'GET', '/citizens/c-000001'), {
    code: 'GRANT_MISSING',
  });
});

test('the tax bureau may record a change of address, which is never repeated by itself', () => {
  const { address, id } = citizen;
  const path = `/citizens/${id}/address-changes`;
  const answer = { reference: 'ac-000001', citizen: id, address };
  assert.deepEqual(released('tax-bureau', 'POST', path, answer), { reference: 'ac-000001' });
  assert.equal(decision('tax-bureau', 'POST', path).idempotent, false);
  for (const other of ['health-office', 'school-board']) {
    assert.throws(() => decision(other, 'POST', path), { code: 'GRANT_MISSING' });
  }
});

test('the raw record itself is refused on the far side', () => {
  const raw = Buffer.from(JSON.stringify(citizen));
  for (const consumer of ['tax-bureau', 'health-office']) {
    const plan = decision(consumer, 'GET', `/citizens/${citizen.id}`);
    assert.throws(() => checkRelease(plan, { status: 200, body: raw }), {
      code: 'RESPONSE_REFUSED',
    });
  }
});

test('no released value holds a whole number, name or street of a person', () => {
  for (const one of people) {
    const list = { total: 1, page: 1, size: 1, items: [one] };
    const texts = [
      released('tax-bureau', 'GET', `/citizens/${one.id}`, one),
      released('health-office', 'GET', `/citizens/${one.id}`, one),
      released('health-office', 'GET', '/citizens', list),
      released('school-board', 'GET', '/citizens', list),
    ].map((value) => JSON.stringify(value));
    const { name, idNumber, phone, landline, email, bankCard } = one;
    for (const secret of [name, idNumber, phone, landline, email, bankCard, one.address.street]) {
      if (secret === undefined) continue;
      for (const text of texts) assert.ok(!text.includes(secret));
    }
  }
});
