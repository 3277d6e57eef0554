/** Relationships of an Office document (OPC, ECMA-376 part 2): to its own parts, or to somewhere else. */
import { XmlDocument, XmlElement } from 'libxml2-wasm';
import { scanXml } from '../xml/scan.ts';
import { parseOption } from '../xml/xsd.ts';

/** True for one to somewhere else that is more than a link to click on, and for what cannot be read. */
export function reachesOut(bytes: Uint8Array): boolean {
  try {
    const document = XmlDocument.fromString(scanXml(bytes), { option: parseOption });
    try {
      return anyReaches(document.root);
    } finally {
      document.dispose();
    }
  } catch {
    return true;
  }
}

/** `scanXml` has bounded the depth. */
function anyReaches(element: XmlElement): boolean {
  const textOf = (name: string): string =>
    element.attrs.find((attribute) => attribute.name === name)?.value.trim() ?? '';
  const isOutside = textOf('TargetMode').toLowerCase() === 'external';
  if (isOutside && !textOf('Type').endsWith('/hyperlink')) return true;
  for (let node = element.firstChild; node !== null; node = node.next) {
    if (node instanceof XmlElement && anyReaches(node)) return true;
  }
  return false;
}
