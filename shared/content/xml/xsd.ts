/** XML Schemas that a policy names: compiled once, complete in themselves. */
import { ParseOption, XmlDocument as Xml, type XmlDocument, XsdValidator } from 'libxml2-wasm';
import { limits } from '../../limits.ts';
import { scanXml, xmlRefused } from './scan.ts';

/** The parser fetches nothing, expands nothing and repairs nothing. */
export const parseOption: ParseOption =
  ParseOption.XML_PARSE_NO_XXE |
  ParseOption.XML_PARSE_NONET |
  ParseOption.XML_PARSE_NO_SYS_CATALOG |
  ParseOption.XML_PARSE_NOCDATA;

export interface Xsd {
  /** Errors: XML_REFUSED. */
  validate(document: XmlDocument): void;
  /** Place of each element's name in the schema: the order in which elements are written. */
  readonly order: ReadonlyMap<string, number>;
}

/**
 * Compiles the text of a schema. The same text gives the same object: what the library holds is not
 * collected. Errors: XML_REFUSED for what is no XSD, or refers to another file.
 */
export function compileXsd(text: string): Xsd {
  const known = compiled.get(text);
  if (known !== undefined) return known;
  if (compiled.size >= limits.xsdCompiledMax) compiled.clear();
  const fresh = compile(text);
  compiled.set(text, fresh);
  return fresh;
}

const compiled = new Map<string, Xsd>();

function compile(text: string): Xsd {
  const bytes = Buffer.from(text);
  if (bytes.length > limits.xsdBytesMax) throw xmlRefused('size');
  const source = scanXml(bytes);
  if (/<(?:[\w.-]+:)?(?:import|include|redefine|override)\b/.test(source)) throw xmlRefused('xsd');
  const names = [
    ...source.matchAll(
      /<(?:[\w.-]+:)?element\s[^>]*?\b(?:name|ref)\s*=\s*["'](?:[\w.-]+:)?([^"']+)["']/g,
    ),
  ];
  const order = new Map<string, number>();
  for (const [, name = ''] of names) if (!order.has(name)) order.set(name, order.size);
  try {
    const document = Xml.fromString(source, { option: parseOption });
    const validator = XsdValidator.fromDoc(document);
    return {
      order,
      validate(subject) {
        try {
          validator.validate(subject);
        } catch {
          // The library's message quotes values of the document.
          throw xmlRefused('xsd');
        }
      },
    };
  } catch (cause) {
    throw xmlRefused('xsd', cause);
  }
}
