/**
 * XML ↔ the internal form, by the schema of the route and by nothing else.
 *
 *   <person id="7">                      { "@id": 7,
 *     <name>张三</name>                     "name": "张三",
 *     <phone>1</phone><phone>2</phone>     "phone": ["1", "2"],
 *     <note lang="zh">…</note>             "note": { "@lang": "zh", "#text": "…" } }
 *   </person>
 *
 * A member of type array is an element that repeats; `@name` is an attribute; `#text` is the text
 * beside attributes. One namespace for all elements, or none; attributes have none. Comments are left
 * out. Order of elements is not kept: what is written is in the order of the XSD, or of the schema.
 */
import { XmlDocument, XmlElement, XmlText } from 'libxml2-wasm';
import type { Json, JsonObject } from '../json.ts';
import { readTyped } from '../pairs.ts';
import { type Schema, typesOf } from '../schema.ts';
import { scanXml, xmlRefused } from './scan.ts';
import { compileXsd, parseOption } from './xsd.ts';

/** What a route says about its XML. */
export interface XmlRule {
  /** Local name of the root element. */
  readonly root: string;
  /** Namespace of every element; none where it is absent. */
  readonly namespace?: string;
  /** Text of an XML Schema that a document must fit besides. */
  readonly xsd?: string;
}

/** The document of untrusted bytes. Errors: XML_REFUSED. */
export function parseXml(bytes: Uint8Array, rule: XmlRule, schema: Schema): Json {
  const document = open(scanXml(bytes));
  try {
    const { root } = document;
    if (root.name !== rule.root) throw xmlRefused('root');
    const value = readElement(root, schema, rule.namespace ?? '');
    // After the mapping: it refuses hints of schemas elsewhere, which a validator might follow.
    if (rule.xsd !== undefined) compileXsd(rule.xsd).validate(document);
    return value;
  } finally {
    document.dispose();
  }
}

/**
 * The document as text. `strict`: it must fit the XSD, as one that was masked need not. Errors:
 * XML_REFUSED.
 */
export function formatXml(value: Json, rule: XmlRule, strict: boolean): string {
  const order = rule.xsd === undefined ? undefined : compileXsd(rule.xsd).order;
  const namespace = rule.namespace === undefined ? '' : ` xmlns="${escapeText(rule.namespace)}"`;
  const root = writeElement(rule.root, value, order, namespace);
  const text = `<?xml version="1.0" encoding="UTF-8"?>\n${root}\n`;
  if (strict && rule.xsd !== undefined) {
    const document = open(text);
    try {
      compileXsd(rule.xsd).validate(document);
    } finally {
      document.dispose();
    }
  }
  return text;
}

/** What XML cannot say of a schema, or undefined. */
export function xmlFault(schema: Schema): string | undefined {
  if (schema.type !== 'object') return 'expected type object for the root element';
  return objectFault(schema);
}

function objectFault(schema: Schema): string | undefined {
  for (const [name, node] of Object.entries(schema.properties ?? {})) {
    if (!/^(?:#text|@?[\p{L}_][\p{L}\p{N}._-]*)$/u.test(name)) {
      return `expected "${name}" to be the name of an element, @ and that of an attribute, or #text`;
    }
    const inner = isArray(node) ? node.items : node;
    const types = inner === undefined ? [] : typesOf(inner).filter((type) => type !== 'null');
    const object = types.includes('object');
    const one = types.length > 0 && !types.includes('array') && (!object || types.length === 1);
    const plain = name.startsWith('@') || name === '#text';
    if (!one || (plain && (object || isArray(node)))) {
      return `expected "${name}" to be an object, a plain value, or an array of one of them`;
    }
    const below = object && inner !== undefined ? objectFault(inner) : undefined;
    if (below !== undefined) return below;
  }
  return undefined;
}

function open(text: string): XmlDocument {
  try {
    return XmlDocument.fromString(text, { option: parseOption });
  } catch {
    // The library's message quotes the document.
    throw xmlRefused('well-formed');
  }
}

function isArray(schema: Schema): boolean {
  return typesOf(schema).includes('array');
}

function readElement(element: XmlElement, schema: Schema, namespace: string): Json {
  if (element.namespaceUri !== namespace) throw xmlRefused('namespace');
  if (typesOf(schema).includes('object')) return readObject(element, schema, namespace);
  if (element.attrs.length > 0) throw xmlRefused('attributes');
  return readTyped(schema, textOf(element, undefined));
}

function readObject(element: XmlElement, schema: Schema, namespace: string): Json {
  const members = new Map<string, Json>();
  const properties = schema.properties ?? {};
  const nodeOf = (name: string): Schema | undefined =>
    Object.hasOwn(properties, name) ? properties[name] : undefined;
  for (const attribute of element.attrs) {
    if (attribute.namespaceUri !== '') throw xmlRefused('namespace');
    const node = nodeOf(`@${attribute.name}`);
    members.set(`@${attribute.name}`, node === undefined ? '' : readTyped(node, attribute.value));
  }
  const lists = new Map<string, Json[]>();
  const text = textOf(element, (child) => {
    if (child.namespaceUri !== namespace) throw xmlRefused('namespace');
    const { name } = child;
    const node = nodeOf(name);
    const list = node !== undefined && isArray(node) ? (lists.get(name) ?? []) : undefined;
    if (list === undefined && members.has(name) && node !== undefined) throw xmlRefused('repeated');
    // Of what the schema does not name only the name counts: it is dropped or refused by it.
    if (node === undefined) members.set(name, '');
    else if (list === undefined) members.set(name, readElement(child, node, namespace));
    else if (node.items !== undefined) {
      list.push(readElement(child, node.items, namespace));
      lists.set(name, list);
      members.set(name, list);
    }
  });
  const own = nodeOf('#text');
  if (own !== undefined) members.set('#text', readTyped(own, text));
  else if (text.trim() !== '') throw xmlRefused('mixed');
  for (const name of schema.required ?? []) {
    const node = nodeOf(name);
    if (node !== undefined && isArray(node) && !members.has(name)) members.set(name, []);
  }
  return Object.fromEntries(members);
}

/** The text right below an element; `onElement` gets its children, which without it there may be none. */
function textOf(element: XmlElement, onElement: ((child: XmlElement) => void) | undefined): string {
  let text = '';
  for (let node = element.firstChild; node !== null; node = node.next) {
    if (node instanceof XmlText) text += node.content;
    else if (node instanceof XmlElement) {
      if (onElement === undefined) throw xmlRefused('mixed');
      onElement(node);
    }
  }
  return text;
}

type Order = ReadonlyMap<string, number> | undefined;

function writeElement(name: string, value: Json, order: Order, extra = ''): string {
  if (value === null) return `<${name}${extra}/>`;
  if (typeof value !== 'object') return `<${name}${extra}>${escapeText(String(value))}</${name}>`;
  const members = Object.entries(value as JsonObject);
  const attributes = members
    .filter(([member, item]) => member.startsWith('@') && item !== null)
    .map(([member, item]) => ` ${member.slice(1)}="${escapeText(String(item))}"`);
  const place = (member: string): number => order?.get(member) ?? Number.MAX_SAFE_INTEGER;
  const inner = members
    .filter(([member]) => !member.startsWith('@'))
    .toSorted(([a], [b]) => place(a) - place(b))
    .map(([member, item]) => writeMember(member, item, order))
    .join('');
  return `<${name}${extra}${attributes.join('')}>${inner}</${name}>`;
}

function writeMember(name: string, value: Json, order: Order): string {
  if (name === '#text') return value === null ? '' : escapeText(String(value));
  if (!Array.isArray(value)) return writeElement(name, value, order);
  const items: readonly Json[] = value;
  return items.map((item) => writeElement(name, item, order)).join('');
}

const escapes: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  '\t': '&#9;',
  '\n': '&#10;',
  '\r': '&#13;',
};

/** Errors: XML_REFUSED for a character that XML cannot hold. */
function escapeText(text: string): string {
  // XML 1.0 §2.2, Char.
  if (/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/.test(text))
    throw xmlRefused('character');
  return text.replace(/[&<>"\t\n\r]/g, (character) => escapes[character] ?? character);
}
