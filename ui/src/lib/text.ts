/**
 * Text that came from a database, a disk or a person, made fit to be shown, and marks within sentences.
 *
 * Marks are characters of the private use area around a part of a sentence: `bold("18.4 GiB")`, `mono("/srv")`. The
 * component `Rich` turns them into elements, so that a translation can put them where its grammar wants them.
 */

const MARKS = { bold: ["\uE000", "\uE001"], mono: ["\uE002", "\uE003"] } as const;

export const bold = (text: string) => MARKS.bold[0] + text + MARKS.bold[1];
export const mono = (text: string) => MARKS.mono[0] + text + MARKS.mono[1];

export type Piece = { style: "plain" | "bold" | "mono"; text: string };

/** A marked sentence as pieces. */
export function pieces(sentence: string): Piece[] {
  const found = sentence.matchAll(/\uE000([^\uE001]*)\uE001|\uE002([^\uE003]*)\uE003|([^\uE000\uE002]+)/g);
  return [...found].map(([, strong, code, plain]): Piece => {
    if (strong !== undefined) return { style: "bold", text: strong };
    if (code !== undefined) return { style: "mono", text: code };
    return { style: "plain", text: plain ?? "" };
  });
}

/** A marked sentence without its marks, for labels and the clipboard. */
export const plain = (sentence: string) => sentence.replace(/[\uE000-\uE003]/g, "");

/**
 * Text of unknown origin: control characters, those that turn the direction of writing, and our own marks are written
 * out (`\u{202e}`), so that what is seen is what is there.
 */
export function shown(text: string): string {
  return text.replace(
    /[\p{Cc}\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\uE000-\uE003]/gu,
    (character) => {
      if (character === "\n") return "\\n";
      if (character === "\r") return "\\r";
      if (character === "\t") return "\\t";
      return `\\u{${character.codePointAt(0)?.toString(16)}}`;
    },
  );
}
