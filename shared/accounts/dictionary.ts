/**
 * Dictionaries of structured fields (RFC 9651 §3.2), as RFC 9421 and RFC 9530 use them. The two forms that
 * nearly every request has are read at once; anything else, and every fault, is for the library.
 */
import { type Dictionary, type Item, type Parameters, parseDictionary } from 'structured-headers';

const key = '[a-z*][a-z0-9_.*-]*';
/** Without quotes and backslashes in it. */
const text = '"[ !#-\\[\\]-~]*"';
const base64 = '(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?';

/** One member that is bytes: `sig1=:…:`. */
const bytesForm = new RegExp(`^(${key})=:(${base64}):$`);
/** One member that is a list of texts; its parameters are texts and whole numbers. */
const listForm = new RegExp(
  `^(${key})=\\((${text}(?: ${text})*)\\)((?:;${key}=(?:\\d{1,15}|${text}))*)$`,
);
const oneText = /"([^"]*)"/g;
const oneParameter = /;([^=]+)=(?:"([^"]*)"|(\d+))/g;

/** Errors: those of the library, where it is no dictionary. */
export function readDictionary(field: string): Dictionary {
  return readBytes(field) ?? readTexts(field) ?? parseDictionary(field);
}

function readBytes(field: string): Dictionary | undefined {
  const [, label = '', encoded = ''] = bytesForm.exec(field) ?? [];
  if (label === '') return undefined;
  const { buffer, byteOffset, length } = Buffer.from(encoded, 'base64');
  return new Map([[label, [buffer.slice(byteOffset, byteOffset + length), new Map()]]]);
}

function readTexts(field: string): Dictionary | undefined {
  const [, label = '', texts = '', parameters = ''] = listForm.exec(field) ?? [];
  if (label === '') return undefined;
  const items = Array.from(texts.matchAll(oneText), ([, value = '']): Item => [value, new Map()]);
  const read: Parameters = new Map();
  for (const [, name = '', value, number] of parameters.matchAll(oneParameter)) {
    if (read.has(name)) return undefined;
    read.set(name, value ?? Number(number));
  }
  return new Map([[label, [items, read]]]);
}
