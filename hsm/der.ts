/** The few ASN.1 values that certificates are made of, over node-forge's DER writer (small objects). */
import forge from 'node-forge';

const { asn1 } = forge;
export type Asn1 = forge.asn1.Asn1;

/** node-forge keeps bytes in strings, one character each. */
export const toText = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1');

export function sequence(fields: Asn1[]): Asn1 {
  return asn1.create(asn1.Class.UNIVERSAL, asn1.Type.SEQUENCE, true, fields);
}

export function set(fields: Asn1[]): Asn1 {
  return asn1.create(asn1.Class.UNIVERSAL, asn1.Type.SET, true, fields);
}

export function oid(id: string): Asn1 {
  return primitive(asn1.Type.OID, asn1.oidToDer(id).getBytes());
}

/** A non-negative integer from big-endian bytes, in its shortest form. */
export function integer(bytes: Uint8Array): Asn1 {
  let start = 0;
  while (start < bytes.length - 1 && bytes[start] === 0) start += 1;
  const sign = (bytes[start] ?? 0) >= 0x80 ? '\x00' : '';
  return primitive(asn1.Type.INTEGER, sign + toText(bytes.subarray(start)));
}

export function octetString(text: string): Asn1 {
  return primitive(asn1.Type.OCTETSTRING, text);
}

export function bitString(bytes: Uint8Array): Asn1 {
  return primitive(asn1.Type.BITSTRING, `\0${toText(bytes)}`);
}

export function utf8(text: string): Asn1 {
  return primitive(asn1.Type.UTF8, toText(Buffer.from(text)));
}

/** UTCTime until 2049, GeneralizedTime after (RFC 5280 §4.1.2.5), whole seconds. */
export function time(ms: number): Asn1 {
  const digits = new Date(ms).toISOString().replace(/[-:T]|\.\d+/g, '');
  return digits < '2050'
    ? primitive(asn1.Type.UTCTIME, digits.slice(2))
    : primitive(asn1.Type.GENERALIZEDTIME, digits);
}

/** A context tag around primitive bytes, or around other values. */
export function tagged(tag: number, content: string | Asn1[]): Asn1 {
  const constructed = typeof content !== 'string';
  return asn1.create(asn1.Class.CONTEXT_SPECIFIC, tag, constructed, content);
}

export function encode(value: Asn1): Buffer {
  return Buffer.from(asn1.toDer(value).getBytes(), 'latin1');
}

/** A value that is DER already. */
export function decode(bytes: Uint8Array): Asn1 {
  return asn1.fromDer(toText(bytes));
}

function primitive(type: forge.asn1.Type, text: string): Asn1 {
  return asn1.create(asn1.Class.UNIVERSAL, type, false, text);
}
