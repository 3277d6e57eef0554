/**
 * Bytes that are strict JSON for certain, by one look over them: parseJson takes them, and JSON.parse reads
 * them as it does. No means "parse it and see".
 */
import { createLayouts } from './layout.ts';
import { pastSpace } from './scan.ts';
import { skipValue } from './skip.ts';
import { closeTape, detour, openTape } from './tape.ts';

/** Looks at documents of one origin, and remembers how their objects are built. Those are UTF-8 already. */
export function createLook(): (document: Uint8Array) => boolean {
  const layouts = createLayouts({ schema: undefined, crossing: undefined });
  return (document) => {
    const tape = openTape(document, 0, layouts);
    try {
      const end = skipValue(tape, pastSpace(tape.input, 0), 0);
      return pastSpace(tape.input, end) === tape.end;
    } catch (thrown) {
      if (thrown !== detour) throw thrown;
      return false;
    } finally {
      closeTape(tape);
    }
  };
}
