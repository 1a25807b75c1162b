/**
 * A content as the page of a frame that can do nothing: it runs no script, asks nobody for anything, and knows no origin.
 * A picture is only ever drawn, a text is only ever written.
 */
import type { Preview } from "./bindings/Preview";

/** The page of the frame. */
export function pageOf(preview: Preview, isDark: boolean): string {
  const inside =
    preview.kind === "picture"
      ? `<div class="picture"><img alt="" src="data:${preview.mime ?? ""};base64,${preview.data}"></div>`
      : `<pre>${escaped(visible(decoded(bytesOf(preview.data), preview.is_cut)))}</pre>`;
  const policy = `default-src 'none'; img-src data:; style-src ${location.origin}`;
  return (
    `<!doctype html><html class="${isDark ? "dark" : "light"}"><head><meta charset="utf-8">` +
    `<meta http-equiv="Content-Security-Policy" content="${policy}">` +
    `<link rel="stylesheet" href="${location.origin}/preview.css"></head><body>${inside}</body></html>`
  );
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
