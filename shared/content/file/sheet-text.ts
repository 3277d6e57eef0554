/**
 * Spreadsheets that are written as text. SYLK names macros of Excel 4.0 that run as it is opened, asks other
 * programs (DDE) and refers to files elsewhere, and shows none of that in its first line; DIF has cells
 * alone, but nobody needs it either. Both are blocked together by those who open them, and are no text here.
 */

/** An `ID` first, and anywhere behind it a record of a cell (C), a name (NN, NU) or a reference (NE). */
const sylkStart = /^\ufeff?\s*ID(?![\p{L}\p{N}_])/iu;
const sylkRecord = /^[^\S\r\n\u2028\u2029]*(?:C|N[ENU])[^\S\r\n\u2028\u2029]*;/im;
/** The first item of a DIF header: its name, a version, a title in quotes. */
const dif = /^\ufeff?\s*TABLE[ \t]*(?:\r\n?|\n)[ \t]*\d+[ \t]*,[ \t]*\d+[ \t]*(?:\r\n?|\n)[ \t]*"/i;

export function isSheetText(text: string): boolean {
  return dif.test(text) || (sylkStart.test(text) && sylkRecord.test(text));
}
