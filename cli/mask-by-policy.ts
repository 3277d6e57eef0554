/** Masks records of a file by a policy alone: no node is needed, and no key is there. */
import { readPolicyFiles } from '@sallyport/inner-node/policy/read.ts';
import type { Json } from '@sallyport/shared/content/json.ts';
import type { Tally } from '@sallyport/shared/content/place.ts';
import type { Rewrite } from '@sallyport/shared/content/rewrite.ts';
import { SallyportError } from '@sallyport/shared/errors.ts';
import { isKeyed } from '@sallyport/shared/masking/mask.ts';
import { requirePolicy } from '@sallyport/shared/policy/check.ts';
import { maskAll } from '@sallyport/shared/policy/file-records.ts';
import {
  expectWholeRecords,
  type FileMasking,
  maskingFor,
} from '@sallyport/shared/policy/masking.ts';
import { runSecrets } from './mask-keys.ts';
import { openPlugins } from './plugin-folder.ts';

/** Who masks the records of one file. */
export interface RecordMasker extends Pick<FileMasking, 'recordSchema' | 'columns'> {
  /** From text to text, where nobody has to be asked. */
  readonly rewrite?: Rewrite | undefined;
  /** Records that are masked together. */
  readonly groupMax: number;
  /** What is left of each, without those of which nothing is; adds to the tally. */
  mask(records: readonly Json[], tally: Tally): Promise<readonly Json[]>;
  close(): void;
}

/** As many as plug-ins are asked of at once; where there is none, a walk needs no company. */
const askedMax = 512;

/** Errors: POLICY_INVALID, GRANT_MISSING, USAGE. */
export async function maskerOfPolicy(flags: {
  readonly policy: string;
  readonly consumer: string;
  readonly route: string;
  readonly plugins?: string;
}): Promise<RecordMasker> {
  const checked = requirePolicy(await readPolicyFiles(flags.policy));
  const masking = maskingFor(checked, flags.consumer, flags.route, runSecrets());
  expectUnbound(masking);
  expectWholeRecords(masking);
  const { record, recordSchema, columns } = masking;
  const plugins = openPlugins(flags.plugins);
  return {
    recordSchema,
    columns,
    rewrite: record.rewrite,
    groupMax: record.open === undefined ? 1 : askedMax,
    mask: (records, tally) => maskAll(record, records, tally, plugins.ask),
    close: plugins.close,
  };
}

/** What a run makes must mean the same as what a node makes, or nothing. */
function expectUnbound({ masks }: FileMasking): void {
  const bound = masks.filter(isKeyed);
  if (bound.length === 0) return;
  const which = bound.map(({ transform, field }) => `${transform} ${field}`).join(', ');
  throw new SallyportError('USAGE', `expected masks without keys of a recipient, got ${which}`, {
    hint: 'only a node has these keys: name the inner node with --dir, in place of --policy',
  });
}
