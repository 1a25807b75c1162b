import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";

const css = readFileSync(join(import.meta.dirname, "../src/app.css"), "utf8");

type Rgb = [number, number, number];

const themes = { dark: tokens(/:root \{([^}]*)\}/), light: tokens(/:root\[data-theme="light"\] \{([^}]*)\}/) };

describe.each(Object.entries(themes))("the %s theme", (_, colour) => {
  test.each(["text", "muted", "faint", "accent", "ok", "warn", "bad"])("%s can be read on every surface", (name) => {
    for (const surface of ["bg", "surface", "raised"])
      expect(contrast(colour(name), colour(surface))).toBeGreaterThan(4.5);
  });

  test.each(["ok", "warn", "bad", "accent"])("text can be read on a soft %s", (name) => {
    const note = over(colour(`${name}-soft`), colour("surface"));
    for (const text of ["text", "muted", "accent"]) expect(contrast(colour(text), note)).toBeGreaterThan(4.5);
  });

  test("the main button can be read, touched or not", () => {
    for (const name of ["accent", "accent-hover"])
      expect(contrast(colour("on-accent"), colour(name))).toBeGreaterThan(4.5);
  });
});

function tokens(block: RegExp): (name: string) => [number, number, number, number] {
  const body = block.exec(css)?.[1] ?? "";
  return (name) => {
    const hex = new RegExp(`--${name}: #([0-9a-f]+);`).exec(body)?.[1];
    if (hex === undefined || hex.length < 6) throw new Error(`no colour ${name}`);
    const byte = (at: number) => parseInt(hex.slice(at, at + 2), 16);
    return [byte(0), byte(2), byte(4), hex.length === 8 ? byte(6) / 255 : 1];
  };
}

function over([r, g, b, alpha]: [number, number, number, number], below: [number, number, number, number]): Rgb {
  const mix = (top: number, bottom: number) => top * alpha + bottom * (1 - alpha);
  return [mix(r, below[0]), mix(g, below[1]), mix(b, below[2])];
}

/** WCAG 2's ratio of two colours. */
function contrast(one: readonly number[], other: readonly number[]): number {
  const [light, dark] = [luminance(one), luminance(other)].sort((a, b) => b - a) as [number, number];
  return (light + 0.05) / (dark + 0.05);
}

function luminance(colour: readonly number[]): number {
  const [r, g, b] = colour.slice(0, 3).map((value) => {
    const part = value / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  }) as Rgb;
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}
