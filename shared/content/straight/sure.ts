/**
 * Bytes that are strict JSON for certain, by one look over them: parseJson takes them, and JSON.parse reads
 * them as it does. Anything else means "parse it and see".
 */
import { createLayouts } from './layout.ts';
import { pastSpace } from './scan.ts';
import { skipValue } from './skip.ts';
import { closeTape, detour, openTape } from './tape.ts';

/**
 * Looks at documents of one origin, and remembers how their objects are built. Those are UTF-8 already.
 * Gives the text, without escapes that need not be, or undefined.
 */
export function createLook(): (document: Uint8Array) => string | undefined {
  const layouts = createLayouts({ schema: undefined, crossing: undefined });
  return (document) => {
    const tape = openTape(document, 0, layouts);
    const { input, end } = tape;
    try {
      const isSure = pastSpace(input, skipValue(tape, pastSpace(input, 0), 0)) === end;
      return isSure ? input.toString('utf8', 0, end) : undefined;
    } catch (thrown) {
      if (thrown !== detour) throw thrown;
      return undefined;
    } finally {
      closeTape(tape);
    }
  };
}
