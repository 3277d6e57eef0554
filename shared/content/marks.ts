/**
 * Marks on a character (accents, vowel signs), in any number: to bring them into their order takes the
 * runtime as long as the square of how many there are. No script needs more than 30 (UAX #15, section 13).
 * U+FF9E and U+FF9F become marks.
 */
const tooMany = /[\p{M}\uff9e\uff9f]{31}/u;
const excess = /([\p{M}\uff9e\uff9f]{30})[\p{M}\uff9e\uff9f]+/gu;

/** True where a text must not be normalised. */
export const hasTooManyMarks = (text: string): boolean => tooMany.test(text);

/** The text without those that are too many. */
export const withoutExcessMarks = (text: string): string => text.replace(excess, '$1');
