/**
 * The formats of bodies. Whatever a body is written in, what is checked, masked, sealed and crosses is
 * JSON; the guard at which a body comes in reads the foreign format, the guard at which it goes out
 * writes it. So the other node's bytes meet no parser but that of JSON.
 *
 *   consumer ─ XML ─▶ outer guard ─ JSON ─▶ inner guard ─ XML ─▶ service
 */
import { SallyportError } from '../errors.ts';
import { limits } from '../limits.ts';
import {
  acceptsMedia,
  fileBodyFault,
  readFileBody,
  writeFileBody,
  writtenMedia,
} from './file/body.ts';
import type { FileType } from './file/type.ts';
import { formatForm, parseForm } from './form.ts';
import { type Json, parseJson } from './json.ts';
import { pairsFault } from './pairs.ts';
import { stringBytesMaxOf } from './rewrite.ts';
import { type Schema, typesOf } from './schema.ts';
import { csvFault, formatCsv, parseCsv } from './stream/csv.ts';
import { formatLine, parseLines } from './stream/ndjson.ts';
import { checkTexts, isPlainJson, strictText, type TextRule } from './text.ts';
import { formatXml, parseXml, type XmlRule, xmlFault } from './xml/xml.ts';

export const formatNames = ['csv', 'file', 'form', 'json', 'ndjson', 'xml'] as const;
export type FormatName = (typeof formatNames)[number];

/** How the body of a request or of an answer is written. */
export interface Content {
  readonly format: FormatName;
  readonly text: TextRule;
  /** There with format xml, and only then. */
  readonly xml?: XmlRule;
}

/** What a route has where it says nothing. */
export const plainContent: Content = { format: 'json', text: strictText };

/** The two directions of one format, for one schema. */
export interface Translation {
  /** The content type that is written. */
  readonly mediaType: string;
  /** True for the content types that are read. */
  accepts(contentType: string | undefined): boolean;
  /**
   * Untrusted bytes of the format as JSON. JSON itself is returned as it is, to be parsed later.
   * Errors: CSV_REFUSED, FILE_TOO_LARGE, FORM_REFUSED, JSON_REFUSED, XML_REFUSED.
   */
  read(body: Uint8Array): Uint8Array;
  /** JSON in which every text is as the rule wants it. Errors: JSON_REFUSED, TEXT_REFUSED. */
  clean(json: Uint8Array): Uint8Array;
  /** Checked JSON in the format. Errors: CSV_REFUSED, XML_REFUSED. */
  write(json: Buffer): Buffer;
}

/**
 * Compiles once for each route. `strict`: what is written must fit the XSD of the route. `files`: the
 * types that a body may be of that is a file.
 */
export function compileTranslation(
  content: Content,
  schema: Schema,
  strict: boolean,
  files: readonly FileType[] = [],
): Translation {
  const stringBytesMax = stringBytesMaxOf(schema);
  const cleaned = (json: Uint8Array): Uint8Array => clean(json, content.text, stringBytesMax);
  if (content.format === 'file') {
    return {
      mediaType: writtenMedia(files),
      accepts: (contentType) => acceptsMedia(files, contentType),
      read: readFileBody,
      clean: cleaned,
      write: writeFileBody,
    };
  }
  const media = medias[content.format];
  const codec = codecOf(content, schema, strict);
  return {
    mediaType: media.written,
    accepts: (contentType) => media.read.test(contentType ?? ''),
    read: (body) => (codec === undefined ? body : jsonBytes(codec.parse(body))),
    clean: cleaned,
    write: (json) =>
      codec === undefined
        ? json
        : Buffer.from(codec.format(parseJson(json, limits.messageBodyBytesMax, stringBytesMax))),
  };
}

/** What a format cannot say of a schema, or undefined. */
export function contentFault(format: FormatName, schema: Schema): string | undefined {
  const items = typesOf(schema).includes('array') ? schema.items : undefined;
  switch (format) {
    case 'json':
      return undefined;
    case 'file':
      return fileBodyFault(schema);
    case 'ndjson':
      return items === undefined ? 'expected type array, each item one line' : undefined;
    case 'csv':
      return csvFault(items);
    case 'form':
      return pairsFault(schema, true);
    case 'xml':
      return xmlFault(schema);
  }
}

interface Codec {
  parse(body: Uint8Array): Json;
  format(value: Json): string;
}

function codecOf({ format, xml }: Content, schema: Schema, strict: boolean): Codec | undefined {
  const items = schema.items ?? schema;
  switch (format) {
    case 'json':
    case 'file':
      return undefined;
    case 'ndjson':
      return { parse: parseLines, format: (value) => listOf(value).map(formatLine).join('') };
    case 'csv':
      return {
        parse: (body) => parseCsv(body, items),
        format: (value) => formatCsv(listOf(value), items),
      };
    case 'form':
      return { parse: (body) => parseForm(body, schema), format: formatForm };
    case 'xml': {
      if (xml === undefined) throw new SallyportError('POLICY_INVALID', 'expected the root of XML');
      return {
        parse: (body) => parseXml(body, xml, schema),
        format: (value) => formatXml(value, xml, strict),
      };
    }
  }
}

const charset = '\\s*(?:;\\s*charset\\s*=\\s*"?utf-8"?\\s*)?$';
const mediaOf = (written: string, types: string): { written: string; read: RegExp } => ({
  written,
  read: new RegExp(`^(?:${types})${charset}`, 'i'),
});

const medias: Readonly<Record<Exclude<FormatName, 'file'>, { written: string; read: RegExp }>> = {
  csv: mediaOf('text/csv; charset=utf-8', 'text/csv'),
  form: mediaOf('application/x-www-form-urlencoded', 'application/x-www-form-urlencoded'),
  json: mediaOf('application/json', 'application/json'),
  ndjson: mediaOf('application/x-ndjson', 'application/(?:x-)?ndjson|application/jsonl'),
  xml: mediaOf('application/xml; charset=utf-8', '(?:application|text)/xml'),
};

function clean(json: Uint8Array, rule: TextRule, stringBytesMax: number): Uint8Array {
  const bytes = Buffer.from(json.buffer, json.byteOffset, json.length);
  if (isPlainJson(bytes)) return json;
  const value = parseJson(bytes, limits.messageBodyBytesMax, stringBytesMax);
  const checked = checkTexts(value, rule);
  return checked === value ? json : jsonBytes(checked);
}

function jsonBytes(value: Json): Buffer {
  return Buffer.from(JSON.stringify(value));
}

function listOf(value: Json): readonly Json[] {
  return Array.isArray(value) ? value : [];
}
