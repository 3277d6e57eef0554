/**
 * Check: the birth date (and sex) inside a resident ID must be those that stand beside it. A record in
 * which they differ was put together wrongly, or is somebody else's.
 */
import type { Check, Json } from '@sallyport/shared/plugins/api.ts';

interface Options {
  /** Names of the members. */
  readonly id: string;
  readonly birth: string;
  /** Absent: not compared. `male` and `female`, 男 and 女. */
  readonly sex?: string;
}

const name = { type: 'string', minLength: 1, maxLength: 64 };
const male = new Set<Json | undefined>(['male', '男']);
const female = new Set<Json | undefined>(['female', '女']);

/** Of one record; undefined: nothing. */
function brokenRule(record: Readonly<Record<string, Json>>, options: Options): string | undefined {
  const id = record[options.id];
  if (typeof id !== 'string') return undefined;
  const [, year, month, date, order] = /^\d{6}(\d{4})(\d\d)(\d\d)\d\d(\d)[\dX]$/i.exec(id) ?? [];
  if (order === undefined) return 'id-form';
  const birth = record[options.birth];
  if (typeof birth === 'string' && birth !== `${year}-${month}-${date}`) return 'birth-date';
  const sex = options.sex === undefined ? undefined : record[options.sex];
  const isMale = Number(order) % 2 === 1;
  if ((male.has(sex) && !isMale) || (female.has(sex) && isMale)) return 'sex';
  return undefined;
}

/** Every object in the document that has such an ID. */
function recordsOf(document: Json, options: Options): Readonly<Record<string, Json>>[] {
  if (typeof document !== 'object' || document === null) return [];
  const below = Object.values(document).flatMap((part: Json) => recordsOf(part, options));
  const isRecord = !Array.isArray(document) && Object.hasOwn(document, options.id);
  return isRecord ? [document as Readonly<Record<string, Json>>, ...below] : below;
}

const options: Options = { id: 'idNumber', birth: 'birthDate', sex: 'sex' };
const record = { idNumber: '310104197812160962', birthDate: '1978-12-16', sex: 'female' };

export default {
  kind: 'check',
  name: 'id-birth-date',
  version: '1.0.0',
  options: {
    type: 'object',
    properties: { id: name, birth: name, sex: name },
    required: ['id', 'birth'],
  },
  check(document, given) {
    for (const one of recordsOf(document, given)) {
      const broken = brokenRule(one, given);
      if (broken !== undefined) return broken;
    }
    return 'ok';
  },
  examples: [
    { document: record, options, gives: 'ok' },
    { document: { ...record, birthDate: '1979-12-16' }, options, gives: 'birth-date' },
    { document: { ...record, sex: 'male' }, options, gives: 'sex' },
    { document: { list: [{ ...record, birthDate: '1978-12-17' }] }, options, gives: 'birth-date' },
    { document: { ...record, idNumber: '123' }, options, gives: 'id-form' },
    { document: { name: '罗晓燕' }, options, gives: 'ok' },
  ],
} satisfies Check<Options>;
