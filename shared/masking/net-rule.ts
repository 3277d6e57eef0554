/** What a route says about the second net (net.ts): what a hit does, and which fields are open. */
import { z } from 'zod';
import { limits } from '../limits.ts';

const hit = z.enum(['mask', 'block']);
const open = z.array(z.string().max(1024)).max(256);

const bankCards = z
  .array(z.string().regex(/^\d{3,8}$/, 'expected 3 to 8 digits that card numbers begin with'))
  .max(limits.bankCardPrefixesMax);

const plugins = z.array(z.string().regex(/^[a-z0-9][a-z0-9-]{0,62}$/)).max(limits.pluginFilesMax);

/** In normal form; a route where it is absent has `mask` and no open field. */
export const detectShape = z.strictObject({
  hit,
  open,
  bankCards: bankCards.optional(),
  plugins: plugins.min(1).optional(),
});

/** As a person writes it. */
export const detectTextShape = z.strictObject({
  hit: hit.default('mask'),
  open: open.default([]),
  bankCards: bankCards.default([]),
  plugins: plugins.default([]),
});

export interface Detect {
  /** `mask`: the value is hidden; `block`: the answer is refused. */
  readonly hit: 'mask' | 'block';
  /** Fields that the owner declares to hold nothing personal; the net leaves them alone. */
  readonly open: readonly string[];
  /** Numbers that cards begin with, besides the public ones; absent where there are none. */
  readonly bankCards?: readonly string[] | undefined;
  /** Detectors that are plug-ins, by name; absent where there are none. */
  readonly plugins?: readonly string[] | undefined;
}
