/** `sallyport mask`: what masks do with a document (try), and a large file masked (run). */
import { readPolicyFiles } from '@sallyport/inner-node/policy/read.ts';
import { parseJson } from '@sallyport/shared/content/json.ts';
import type { Tally } from '@sallyport/shared/content/place.ts';
import { limits } from '@sallyport/shared/limits.ts';
import { isKeyed } from '@sallyport/shared/masking/mask.ts';
import { requirePolicy } from '@sallyport/shared/policy/check.ts';
import { maskAll } from '@sallyport/shared/policy/file-records.ts';
import { maskingFor } from '@sallyport/shared/policy/masking.ts';
import type { Command } from 'commander';
import { comparison } from './mask-compare.ts';
import { runSecrets } from './mask-keys.ts';
import { runMask, tellTally } from './mask-run.ts';
import { openPlugins } from './plugin-folder.ts';
import { result, resultJson, tell } from './print.ts';
import { readInput } from './read-input.ts';

interface Flags {
  readonly policy: string;
  readonly consumer: string;
  readonly route?: string;
  readonly plugins?: string;
  readonly json?: boolean;
}

export function register(program: Command): void {
  const mask = program.command('mask').description('mask files as answers are masked');
  const add = (name: string, description: string): Command =>
    mask
      .command(name)
      .description(description)
      .requiredOption('--consumer <name>', 'for whom')
      .option('--plugins <dir>', 'folder of the plug-ins that the policy names');
  add('try', 'show a document before and after its masks, on this terminal only')
    .argument('<file>', 'a JSON document, as the service answers')
    .requiredOption('--policy <path>', 'policy.yaml or its folder')
    .option('--route <service/route>', 'where the consumer has several')
    .option('--json', 'as JSON')
    .action(tryMask);
  add('run', 'mask a JSON array, NDJSON or CSV of any size, record by record')
    .argument('<in>', 'by its ending: .json, .ndjson, .jsonl or .csv')
    .argument('<out>', 'of the same format; written whole or not at all')
    .option('--policy <path>', 'policy.yaml or its folder: masks without keys, and no node')
    .option('--dir <dir>', 'home of the inner node: by its policy in force, with its keys')
    .requiredOption('--route <service/route>', 'whose answer a record is, or is an item of')
    .option('--json', 'as JSON')
    .action(runMask);
}

/** Errors: POLICY_INVALID, GRANT_MISSING, JSON_REFUSED, RESPONSE_REFUSED, USAGE. */
async function tryMask(file: string, flags: Flags): Promise<void> {
  const checked = requirePolicy(await readPolicyFiles(flags.policy));
  const masking = maskingFor(checked, flags.consumer, flags.route, runSecrets());
  const before = parseJson(readInput(file), limits.upstreamBodyBytesMax);
  const tally: Tally = { dropped: 0, rules: {} };
  const plugins = openPlugins(flags.plugins);
  const [after] = await maskAll(masking.document, [before], tally, plugins.ask).finally(
    plugins.close,
  );
  if (flags.json === true) return resultJson({ flow: masking.flow, before, after, ...tally });
  tell(`${flags.consumer} on ${masking.flow}`);
  if (masking.masks.some(isKeyed)) tell('hashes, noise and tokens: by a key of this run alone');
  for (const line of comparison(before, after, 'stdout')) result(line);
  tellTally(tally);
}
