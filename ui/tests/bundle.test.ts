// @vitest-environment node
import { join } from "node:path";
import { build, type Rolldown } from "vite";
import { describe, expect, test } from "vitest";

const result = (await build({
  root: join(import.meta.dirname, ".."),
  mode: "production",
  logLevel: "silent",
  build: { write: false },
})) as Rolldown.RolldownOutput;

const files = result.output.map((file) => ({
  name: file.fileName,
  text: file.type === "chunk" ? file.code : Buffer.from(file.source).toString("latin1"),
}));
const page = files.find(({ name }) => name === "index.html")?.text ?? "";

describe("what people get", () => {
  test("holds nothing of the played application", () => {
    for (const { name, text } of files) {
      expect(name).not.toContain("mock");
      expect(text).not.toContain("mockIPC");
      expect(text).not.toContain("CFMS WebSocket Server");
    }
  });

  test("keeps to the page's policy: no inline script or style, no data: font, no eval", () => {
    expect(page).toContain("<script");
    expect(page).not.toMatch(/<script(?![^>]*\ssrc=)/);
    expect(page).not.toMatch(/<style|\sstyle=|\son\w+=/);
    for (const { name, text } of files.filter(({ name }) => /\.(css|js)$/.test(name))) {
      expect(`${name} ${text.match(/url\(["']?data:[^)]{0,40}/)?.[0] ?? ""}`).toBe(`${name} `);
      expect(text).not.toMatch(/\beval\(|new Function\(/);
    }
  });

  test("brings its letters along and asks no other host for anything", () => {
    expect(files.filter(({ name }) => name.endsWith(".woff2"))).toHaveLength(2);
    for (const { text } of files.filter(({ name }) => /\.(css|html)$/.test(name)))
      expect(text).not.toMatch(/https?:\/\//);
  });
});
