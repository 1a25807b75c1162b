import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parse, type AST } from "svelte/compiler";
import { describe, expect, test } from "vitest";
import { dictionaries, type Dictionary } from "../src/i18n/language.svelte";
import type { ErrorReport } from "../src/lib/bindings/ErrorReport";
import { asFailure, details, explain } from "../src/lib/errors";
import { plain } from "../src/lib/text";

const { en } = dictionaries;
const zh = dictionaries["zh-CN"];
const HAN = /\p{Script=Han}/u;

/** What has no words of its own, or the same ones in every language. */
const SAME = new Set([
  "product",
  "locale",
  "common.sentence",
  "common.gap",
  "done.sha256",
  "progress.rate",
  "progress.warning",
  "progress.spoken",
  "progress.windowTitle",
]);

/** Every text of a dictionary by its path; functions are called with plausible arguments. */
function texts(node: unknown, at = ""): [string, string][] {
  if (typeof node === "string") return [[at, plain(node)]];
  if (typeof node === "function") return texts(node(...argumentsFor(at)), at);
  if (typeof node !== "object" || node === null) return [];
  return Object.entries(node).flatMap(([key, value]) => texts(value, at === "" ? key : `${at}.${key}`));
}

function argumentsFor(at: string): unknown[] {
  if (at.startsWith("errors.")) return [PARAMS, "read", "it is empty"];
  if (at.startsWith("source.incomplete") || at.startsWith("done.incompleteText")) return [900, 1000, "/p"];
  if (/looking|utside|sentence|left$/.test(at)) return ["/p", "/p"];
  if (at === "progress.warning") return ["/p", "/p"];
  return [2, 3, "/p"];
}

const PARAMS = {
  path: "/p",
  problem: "x",
  needed: "9000",
  available: "5",
  seconds: "5",
  name: "n",
  filesystem: "nfs4",
  mount_point: "/m",
  archive: "/a",
  version: "2",
};

const source = (path: string) => readFileSync(join(import.meta.dirname, path), "utf8");

/** The words of a generated union of strings. */
const union = (type: string) =>
  [...source(`../src/lib/bindings/${type}.ts`).matchAll(/"(\w+)"/g)].map(([, word]) => word ?? "");

const sources = ["../src/", "../src/views/", "../src/components/", "../src/lib/"].flatMap((folder) =>
  readdirSync(join(import.meta.dirname, folder))
    .filter((name) => /\.(svelte|ts)$/.test(name))
    .map((name) => folder + name),
);

describe("the two languages", () => {
  test("have the same texts", () => {
    const inEnglishOnly = new Set(["nameProblems", "actions"]);
    const keys = (t: Dictionary) =>
      texts(t)
        .map(([at]) => at)
        .filter((at) => !inEnglishOnly.has(at.split(".")[0] ?? ""))
        .sort();
    expect(keys(zh)).toEqual(keys(en));
    expect(keys(en).length).toBeGreaterThan(200);
  });

  test("leave no text empty", () => {
    const empty = [...texts(en), ...texts(zh)].filter(([at, text]) => text.trim() === "" && at !== "common.gap");
    expect(empty).toEqual([]);
  });

  test("say it in Chinese where the page is Chinese, and never where it is English", () => {
    expect(texts(zh).filter(([at, text]) => !SAME.has(at) && !HAN.test(text))).toEqual([]);
    expect(texts(en).filter(([, text]) => HAN.test(text))).toEqual([]);
  });

  test("keep no text that nothing shows", () => {
    const code = sources.map(source).join("\n");
    const tables =
      /^(errors|warnings|findings|notChecked|nameProblems|actions|progress\.phases|bar\.why|settings\.themes)\./;
    const unused = texts(en).filter(([at]) => !tables.test(at) && !code.includes(at.split(".").slice(-2).join(".")));
    expect(unused.map(([at]) => at)).toEqual([]);
  });

  test("count one and many", () => {
    expect(en.done.verifiedWarnings(1)).toBe("Backed up and verified, with 1 warning");
    expect(en.done.verifiedWarnings(1302)).toBe("Backed up and verified, with 1,302 warnings");
    expect(zh.done.verifiedWarnings(1302)).toBe("备份完成并已校验，有 1,302 条警告");
  });
});

describe("what the engine can say", () => {
  test.each([
    ["Code", "errors"],
    ["WarningCode", "warnings"],
    ["FindingCode", "findings"],
    ["NotChecked", "notChecked"],
    ["Phase", "progress.phases"],
  ])("every %s has a text in both languages", (type, at) => {
    const words = union(type);
    expect(words.length).toBeGreaterThan(1);
    for (const t of [en, zh]) {
      const table = at.split(".").reduce<unknown>((node, key) => (node as Record<string, unknown>)[key], t);
      expect(Object.keys(table as object)).toEqual(expect.arrayContaining(words));
    }
  });

  test("every reason against a name has its words", () => {
    const rust = source("../../src-tauri/engine/src/names.rs");
    const reasons = [...rust.matchAll(/Some\("((?:[^"\\]|\\.)*)"\)/g)].map(([, reason]) =>
      (reason ?? "").replaceAll('\\"', '"'),
    );
    expect(reasons.length).toBeGreaterThan(8);
    for (const t of [en, zh]) expect(Object.keys(t.nameProblems)).toEqual(expect.arrayContaining(reasons));
  });

  test("every action that the engine can fail at has its Chinese verb", () => {
    const engine = join(import.meta.dirname, "../../src-tauri/engine/src");
    const rust = readdirSync(engine, { recursive: true, encoding: "utf8" })
      .filter((name) => name.endsWith(".rs") && !name.includes("tests"))
      .map((name) => readFileSync(join(engine, name), "utf8"))
      .join("\n");
    const actions = [...rust.matchAll(/(?:Error::io\(|\baction: )"([a-z ]+)"/g)].map(([, action]) => action ?? "");
    expect(new Set(actions).size).toBeGreaterThan(5);
    expect(actions.filter((action) => !(action in zh.actions))).toEqual([]);
  });

  test("an error is explained with its parts, and a path cannot forge marks or lines", () => {
    const report: ErrorReport = {
      code: "permission_denied",
      message: "no permission to write /media/x",
      advice: null,
      params: { action: "write", path: "/media/\u202ex\n" },
    };
    expect(plain(explain(asFailure(report), en).title)).toBe("No permission to write /media/\\u{202e}x\\n");
    expect(plain(explain(asFailure(report), zh).title)).toBe("没有权限写入 /media/\\u{202e}x\\n");
  });

  test("a code that is newer than the window is told in the engine's English", () => {
    const failure = asFailure({
      code: "quota_of_tomorrow",
      message: "the quota is used up",
      advice: "Ask for more.",
      params: {},
    });
    expect(explain(failure, zh)).toEqual({ title: "the quota is used up", advice: "Ask for more." });
  });

  test("what is no report is an unexpected failure with its words", () => {
    expect(asFailure(new Error("ipc broke"))).toMatchObject({ code: "unexpected", params: { problem: "ipc broke" } });
    expect(asFailure("state not managed").message).toBe("state not managed");
  });

  test("a failure can be copied whole", () => {
    const failure = asFailure({
      code: "not_found",
      message: "/x does not exist",
      advice: null,
      params: { path: "/x" },
    });
    expect(details(failure, en, [["source", "/srv/cfms"]])).toBe(
      [
        "/x does not exist",
        "Check the path. Is the disk that holds it mounted?",
        "",
        "code: not_found",
        "message: /x does not exist",
        "path: /x",
        "source: /srv/cfms",
      ].join("\n"),
    );
  });
});

describe("the pages", () => {
  const files = sources.filter((name) => name.endsWith(".svelte"));

  test.each(files)("%s shows no word that is not in the dictionaries", (file) => {
    const found: string[] = [];
    walk(parse(source(file), { modern: true }).fragment, (node) => {
      if (node.type === "Text" && /\p{L}{2,}/u.test(node.data)) found.push(node.data.trim());
      if (node.type === "RegularElement" || node.type === "Component") found.push(...spokenAttributes(node));
    });
    expect(found).toEqual([]);
  });

  test.each(files)("%s has no style attribute, which the page's policy would refuse", (file) => {
    expect(source(file)).not.toMatch(/\sstyle=/);
    expect(source(file)).not.toMatch(/\{@html/);
  });
});

type Element = AST.RegularElement | AST.Component;

/** Literal words in the attributes that are read to a person. */
function spokenAttributes(node: Element): string[] {
  const spoken = new Set(["title", "aria-label", "placeholder", "alt", "label", "text", "aria-description"]);
  return node.attributes.flatMap((attribute) => {
    if (attribute.type !== "Attribute" || !spoken.has(attribute.name) || !Array.isArray(attribute.value)) return [];
    return attribute.value.flatMap((part) => (part.type === "Text" && /\p{L}{2,}/u.test(part.data) ? [part.data] : []));
  });
}

/** All nodes of the markup; texts within attributes are left to `spokenAttributes`. */
function walk(node: unknown, visit: (node: AST.TemplateNode) => void): void {
  if (Array.isArray(node)) return node.forEach((child) => walk(child, visit));
  if (typeof node !== "object" || node === null) return;
  if ("type" in node) visit(node as AST.TemplateNode);
  for (const [key, child] of Object.entries(node)) {
    if (key !== "attributes" && key !== "metadata" && key !== "expression") walk(child, visit);
  }
}
