/** A document before and after its masks, value by value, for the eyes of an operator. */
import type { Json } from '@sallyport/shared/content/json.ts';
import { paint } from './print.ts';

/** One line for each plain value: `$.phone  "13800138000" → "138****8000"`. */
export function comparison(before: Json, after: Json | undefined, on: 'stdout'): string[] {
  const rows = rowsOf('$', before, after);
  const width = Math.min(48, Math.max(0, ...rows.map(({ at }) => at.length)));
  return rows.map(({ at, was, is }) => {
    const place = at.padEnd(width);
    if (is === undefined) return `${place}  ${was} ${paint('red', '→ does not cross', on)}`;
    return was === is ? `${place}  ${was}` : `${place}  ${was} → ${paint('yellow', is, on)}`;
  });
}

interface ComparedRow {
  readonly at: string;
  readonly was: string;
  /** Undefined where it does not cross. */
  readonly is: string | undefined;
}

function rowsOf(at: string, before: Json, after: Json | undefined): ComparedRow[] {
  if (Array.isArray(before)) {
    const list: readonly Json[] = before;
    const left: readonly Json[] | undefined = Array.isArray(after) ? after : undefined;
    // Items that a mask drops make the list shorter: then it is shown as one.
    if (after === undefined || left?.length === list.length) {
      return list.flatMap((item, index) => rowsOf(`${at}[${index}]`, item, left?.[index]));
    }
  } else if (typeof before === 'object' && before !== null) {
    const isObject = typeof after === 'object' && after !== null && !Array.isArray(after);
    if (after === undefined || isObject) {
      const left = (after ?? {}) as Readonly<Record<string, Json>>;
      return Object.entries(before).flatMap(([name, item]) =>
        rowsOf(`${at}.${name}`, item, Object.hasOwn(left, name) ? left[name] : undefined),
      );
    }
  }
  const is = after === undefined ? undefined : JSON.stringify(after);
  return [{ at, was: JSON.stringify(before), is }];
}
