/**
 * Names that look like others. A document's name is the schema's name or it is another, so what matters
 * is that a schema has no two that a person takes for one, and none that hides what it is.
 */
import { nameFault } from './text.ts';

/** What is wrong with the names of one object of a schema, by name. */
export function namesFaults(names: readonly string[]): Map<string, string> {
  const faults = new Map<string, string>();
  const seen = new Map<string, string>();
  for (const name of names) {
    const fault = nameFault(name);
    const like = seen.get(skeleton(name));
    if (fault !== undefined) faults.set(name, `expected a plain name, got ${fault}`);
    else if (alphabets.filter((alphabet) => alphabet.test(name)).length > 1) {
      faults.set(name, 'expected a name of one script, got letters of several');
    } else if (like !== undefined) {
      faults.set(name, 'expected names that look different, got two that do not');
    }
    seen.set(skeleton(name), name);
  }
  return faults;
}

/** Scripts whose letters are taken for each other's; Han goes with any of them. */
const alphabets = [
  /\p{Script=Latin}/u,
  /\p{Script=Cyrillic}/u,
  /\p{Script=Greek}/u,
  /\p{Script=Armenian}/u,
  /\p{Script=Cherokee}/u,
];

/** Letters that look like Latin ones (Unicode UTS #39, the common part), and what they look like. */
const lookalikes = new Map(
  [
    ...'аaеeоoрpсcуyхxіiјjѕsԁdһhԛqԝwАAВBЕEКKМMНHОOРPСCТTХXΑAΒBΕEΖZΗHΙIΚKΜMΝNΟOΡPΤTΥYΧXοoνvαa',
  ].reduce<[string, string][]>((pairs, letter, index, all) => {
    if (index % 2 === 0) pairs.push([letter, all[index + 1] ?? '']);
    return pairs;
  }, []),
);

/** What a person sees of a name; names that differ only in case are told apart by people too. */
function skeleton(name: string): string {
  return [...name.normalize('NFKC')].map((letter) => lookalikes.get(letter) ?? letter).join('');
}
