/**
 * A content as the page of a frame that can do nothing: it runs no script, asks nobody for anything, not even this program
 * for a stylesheet, and knows no origin. A picture is only ever drawn, a text is only ever written.
 */
import type { Preview } from "./bindings/Preview";

/** What the frame is to look like; its room in pixels. */
export type Look = { isDark: boolean; width: number; height: number };

/** Pixels around what is shown. */
const MARGIN = 14;

/** The page of the frame. Its looks are attributes, as its policy allows no style. */
export function pageOf(preview: Preview, look: Look): string {
  const inside = preview.kind === "picture" ? picture(preview, look) : text(preview);
  const [back, front] = look.isDark ? ["#121518", "#e9edf0"] : ["#ffffff", "#181c20"];
  return (
    '<!doctype html><html><head><meta charset="utf-8">' +
    `<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:">` +
    `<meta name="color-scheme" content="${look.isDark ? "dark" : "light"}"></head>` +
    `<body bgcolor="${back}" text="${front}" topmargin="${MARGIN}" leftmargin="${MARGIN}" ` +
    `rightmargin="${MARGIN}" bottommargin="${MARGIN}">${inside}</body></html>`
  );
}

const text = (preview: Preview) => `<pre wrap>${escaped(visible(decoded(bytesOf(preview.data), preview.is_cut)))}</pre>`;

/** The picture, made smaller where the frame has no room for it. */
function picture({ mime, data, width, height }: Preview, look: Look): string {
  const [wide, high] = [width ?? 1, height ?? 1];
  const scale = Math.min(1, (look.width - 2 * MARGIN) / wide, (look.height - 2 * MARGIN) / high);
  const size = `width="${Math.max(1, Math.round(wide * scale))}" height="${Math.max(1, Math.round(high * scale))}"`;
  return `<center><img alt="" ${size} src="data:${mime ?? ""};base64,${data}"></center>`;
}

/** A text of unknown encoding: as its first bytes say, else UTF-8, else what Chinese systems write. */
export function decoded(bytes: Uint8Array, isCut: boolean): string {
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return new TextDecoder("utf-16le").decode(bytes);
  if (bytes[0] === 0xfe && bytes[1] === 0xff) return new TextDecoder("utf-16be").decode(bytes);
  try {
    // Where it is cut, the last character may be half of one.
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes, { stream: isCut });
  } catch {
    return new TextDecoder("gb18030").decode(bytes);
  }
}

/** What cannot be seen, or turns the direction of writing, written out; lines and tabs stay. */
const visible = (text: string) =>
  text.replace(
    /(?![\t\n\r])[\p{Cc}\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff]/gu,
    (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`,
  );

const ENTITIES: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };
const escaped = (text: string) => text.replace(/[&<>"']/g, (character) => ENTITIES[character] ?? "");

const bytesOf = (base64: string) => Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
