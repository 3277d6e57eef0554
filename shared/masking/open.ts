/**
 * Places left open: what plug-ins give is not there while a document is walked, for a walk does not wait.
 * So it puts an open place where such a value stands and notes what is to be asked; afterwards all of it
 * is asked at once, the places are filled, and the document is written.
 *
 *   walk ──▶ asks ──(plug-ins)──▶ close ──▶ the document, or its refusal
 */
import type { Json } from '../content/json.ts';
import { parseJson } from '../content/json.ts';
import type { FieldMask, Rewritten, Tally } from '../content/place.ts';
import type { Walk } from '../content/walk.ts';
import { SallyportError } from '../errors.ts';
import { limits } from '../limits.ts';
import type { PluginAsk, PluginUse } from '../plugins/ask.ts';
import { hidden } from './text.ts';

/** What waits for answers of plug-ins. */
export interface Opened<T> {
  readonly asks: readonly PluginAsk[];
  /** Takes the answers, in the order of the asks. Errors: RESPONSE_REFUSED. */
  close(given: readonly (readonly Json[])[]): T;
}

/** Errors: as of a rewrite. */
export type OpenRewrite = (document: Uint8Array, bytesMax: number) => Opened<Rewritten>;

/** What one walk wants to ask. One at a time: walks do not wait, so no two are under way. */
export interface Asking {
  /** `settle` gets the answer, and the tally of the walk, before the document is written. */
  ask(use: PluginUse, verb: PluginAsk['verb'], item: Json, settle: Settle): void;
  /** What was noted since, and begins anew. */
  take(): Noted[];
}

type Settle = (given: Json, rules: Record<string, number>) => void;

interface Noted {
  readonly use: PluginUse;
  readonly verb: PluginAsk['verb'];
  readonly items: Json[];
  readonly settles: Settle[];
}

export function createAsking(): Asking {
  let noted = new Map<string, Noted>();
  return {
    ask(use, verb, item, settle) {
      const key = `${verb} ${use.name}`;
      const one = noted.get(key) ?? { use, verb, items: [], settles: [] };
      noted.set(key, one);
      one.items.push(item);
      one.settles.push(settle);
    },
    take() {
      const taken = [...noted.values()];
      noted = new Map();
      return taken;
    },
  };
}

/** What stands in a walked document until its value is known. JSON.stringify writes the value. */
class OpenPlace {
  value: Json;

  constructor(value: Json) {
    this.value = value;
  }

  toJSON(): Json {
    return this.value;
  }
}

/** An open place for the tree of a walk, and who fills it. */
export function openPlace(value: Json): { readonly place: Json; fill(value: Json): void } {
  const open = new OpenPlace(value);
  // A walk only puts it where it belongs; whoever writes the tree finds toJSON.
  return { place: open as unknown as Json, fill: (known) => (open.value = known) };
}

/** What the plan of one consumer on one route needs of plug-ins. */
export interface Plugged {
  readonly asking: Asking;
  /** Those of the policy, by name. */
  readonly uses: ReadonlyMap<string, PluginUse>;
  /** Detectors of the route. */
  readonly detectors: readonly PluginUse[];
  /** Checks of its answers. */
  readonly checks: readonly PluginUse[];
}

/** The mask of a transform that is a plug-in. Errors: PLUGIN_MISSING where nobody is there to ask. */
export function pluginMask(field: string, name: string, plugged: Plugged | undefined): FieldMask {
  const use = plugged?.uses.get(name);
  if (plugged === undefined || use === undefined) {
    throw new SallyportError('PLUGIN_MISSING', `expected plug-in ${name} for ${field}, got none`);
  }
  const { ask } = plugged.asking;
  return {
    id: `plugin:${use.name} ${field}`,
    reads: true,
    drops: false,
    apply(value) {
      if (typeof value !== 'string' && typeof value !== 'number') return hidden;
      const { place, fill } = openPlace(hidden);
      ask(use, 'transform', value, fill);
      return place;
    },
    verify(value) {
      if (value === hidden) return true;
      const isPlain = typeof value === 'string' && value.length <= limits.pluginTextMax;
      if (!isPlain && typeof value !== 'number' && value !== null) return false;
      ask(use, 'masked', value, (isMasked) => {
        if (isMasked !== true) throw refused(`${field} to hold what plug-in ${use.name} gives`);
      });
      return true;
    },
  };
}

/** A walk over a parsed document; what is left of it may hold open places until it is written. */
export type OpenWalk = (value: Json) => Opened<Tally & { readonly left: Json | undefined }>;

/** A walk whose open places wait, after the checks of the whole document. */
export function openWalk(walk: Walk, asking: Asking, checks: readonly PluginUse[]): OpenWalk {
  return (value) => {
    asking.take();
    const tally: Tally = { dropped: 0, rules: {} };
    const left = walk(value, tally);
    const noted = asking.take();
    const asked = noted.map(({ use, verb, items }): PluginAsk => ({ use, verb, items }));
    return {
      asks: [...checks.map((use): PluginAsk => ({ use, verb: 'check', items: [value] })), ...asked],
      close(given) {
        checks.forEach((use, index) => {
          expectOk(use, given[index]?.[0], 'RESPONSE_REFUSED');
          tally.rules[`check ${use.name}`] = 1;
        });
        noted.forEach(({ settles }, index) => {
          const answers = given[checks.length + index] ?? [];
          settles.forEach((settle, at) => {
            const answer = answers[at];
            if (answer === undefined) throw refused('an answer for each value, got fewer');
            settle(answer, tally.rules);
          });
        });
        return { ...tally, left };
      },
    };
  };
}

/** From bytes to bytes, by the same walk. */
export function openRewrite(walk: Walk, asking: Asking, checks: readonly PluginUse[]): OpenRewrite {
  const open = openWalk(walk, asking, checks);
  return (document, bytesMax) => {
    const { asks, close } = open(parseJson(document, bytesMax));
    return {
      asks,
      close(given) {
        const { left, ...tally } = close(given);
        const body = left === undefined ? undefined : Buffer.from(JSON.stringify(left));
        return { ...tally, body };
      },
    };
  };
}

/** Errors: the code, with the rule that is broken, for anything but `ok`. */
export function expectOk(
  { name }: PluginUse,
  given: Json | undefined,
  code: 'CHECK_REFUSED' | 'RESPONSE_REFUSED',
): void {
  if (given === 'ok') return;
  const rule = `${name}/${typeof given === 'string' ? given : 'none'}`;
  throw new SallyportError(
    code,
    `expected a document that keeps the rules of ${name}, not ${rule}`,
    {
      hint: 'the rule is one of the plug-in; the document is not shown',
      rule,
    },
  );
}

function refused(expected: string): SallyportError {
  return new SallyportError('RESPONSE_REFUSED', `expected ${expected}`, {
    hint: 'both nodes need the plug-in of the policy in force',
  });
}
