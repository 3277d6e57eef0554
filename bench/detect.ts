/**
 * How well the detectors tell personal data from what resembles it, on a seeded corpus; and what they
 * cost on records of the demo's shape in which they find nothing.
 */
import { makePeople } from '@sallyport/examples/citizen-registry/people.ts';
import { type Kind, kinds } from '@sallyport/shared/detect/kinds.ts';
import { compileScan, type Scan } from '@sallyport/shared/detect/scan.ts';
import { detectCorpus } from './detect-corpus.ts';
import { type Form, forms } from './detect-forms.ts';
import { type Machine, machine } from './machine.ts';

export interface DetectOptions {
  readonly seed: number;
  /** Values of each kind; as many look-alikes as of all kinds together. */
  readonly each: number;
}

export interface KindFigures {
  readonly kind: Kind;
  readonly values: number;
  /** Of what was called this, how much is it. */
  readonly precision: number;
  /** Of what is this, how much was found: as anything that is masked, and as this. */
  readonly found: number;
  readonly recall: number;
  readonly byForm: Readonly<Record<Form, number>>;
}

export interface DetectReport extends Machine, DetectOptions {
  readonly values: number;
  readonly lookAlikes: number;
  /** Look-alikes that were taken for personal data. */
  readonly falseAlarms: number;
  readonly kinds: readonly KindFigures[];
  /** CPU of the net for each record of about 1 KiB. */
  readonly usPerRecord: number;
}

export function benchDetect({ seed, each }: DetectOptions): DetectReport {
  const corpus = detectCorpus(seed, each);
  const scans = new Map<string, Scan>();
  const scan = (field: string, beside: readonly string[] = []): Scan => {
    const key = [field, ...beside].join();
    const known = scans.get(key) ?? compileScan(field, { around: { beside, above: [] } });
    scans.set(key, known);
    return known;
  };
  const judged = corpus.map((sample) => ({
    ...sample,
    told: scan(sample.field, sample.beside)(sample.value),
  }));
  const lookAlikes = judged.filter(({ kind }) => kind === undefined);
  return {
    ...machine(),
    seed,
    each,
    values: corpus.length,
    lookAlikes: lookAlikes.length,
    falseAlarms: lookAlikes.filter(({ told }) => told !== undefined).length,
    kinds: kinds.map((kind) => figuresOf(kind, judged)),
    usPerRecord: usPerRecord(),
  };
}

interface Judged {
  readonly kind: Kind | undefined;
  readonly form: Form | 'look-alike';
  readonly told: Kind | undefined;
}

function figuresOf(kind: Kind, judged: readonly Judged[]): KindFigures {
  const told = judged.filter((one) => one.told === kind);
  const real = judged.filter((one) => one.kind === kind);
  const hits = (list: readonly Judged[]): number => list.filter((one) => one.told === kind).length;
  const found = real.filter((one) => one.told !== undefined).length;
  const byForm = forms.map((form): [Form, number] => {
    const ofForm = real.filter((one) => one.form === form);
    return [form, ofForm.filter((one) => one.told !== undefined).length / ofForm.length];
  });
  return {
    kind,
    values: real.length,
    precision: told.length === 0 ? 1 : told.filter((one) => one.kind === kind).length / told.length,
    found: found / real.length,
    recall: hits(real) / real.length,
    byForm: Object.fromEntries(byForm) as Record<Form, number>,
  };
}

/** The open fields of citizens: their ids, dates, districts and a remark, again and again. */
function usPerRecord(): number {
  const fields = ['id', 'sex', 'birthDate', 'district', 'remark'].map((name) => compileScan(name));
  const records = makePeople(64).map((person) => [
    String(person.id),
    String(person.sex),
    String(person.birthDate),
    String(person.address.district),
    `${'居民于登记机关办理变更手续，材料齐全，已归档，经办人核对无误。'.repeat(8)}`,
  ]);
  const round = (): void => {
    for (const record of records) {
      for (const [at, value] of record.entries()) fields[at]?.(value);
    }
  };
  for (let warm = 0; warm < 200; warm += 1) round();
  const rounds = 2000;
  const before = process.cpuUsage();
  for (let count = 0; count < rounds; count += 1) round();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / (rounds * records.length);
}
