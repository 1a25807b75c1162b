import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parse, type AST } from "svelte/compiler";
import { describe, expect, test } from "vitest";
import { dictionaries, type Dictionary } from "../src/i18n/language.svelte";
import type { ErrorReport } from "../src/lib/bindings/ErrorReport";
import { asFailure, details, explain } from "../src/lib/errors";
import { said } from "../src/lib/reasons";
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
  "common.systemWords",
  "common.about",
  "common.comma",
  "access.brackets",
  "browse.id",
  "done.sha256",
  "progress.rate",
  "progress.warning",
  "progress.spoken",
  "progress.windowTitle",
  "server.addressExample",
  "server.version",
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
  if (/looking|utside|sentence|systemWords|left$/.test(at)) return ["/p", "/p"];
  if (/^server\.|^known\.|^remoteProgress\.|deleteText|stillThere/.test(at)) return ["/p", "/p"];
  if (/^access\.(right|group)/.test(at)) return [["a", "b"], true];
  if (/^access\.|^browse\.(saveStopped|map)|^preview\.damage/.test(at)) return ["/p"];
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

/** The Rust sources below a folder, without their tests and comments, and without those that are SQL alone. */
function rustSources(folder: string): string[] {
  const root = join(import.meta.dirname, "../../src-tauri", folder);
  return readdirSync(root, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".rs") && !/tests|^archive.forge|^server_data.merge\b|^(agent|protocol)\b/.test(name))
    .map((name) => readFileSync(join(root, name), "utf8").split("#[cfg(test)]\nmod tests {")[0] ?? "")
    .map((rust) => rust.replace(/^\s*\/\/.*$|\/\/ .*$/gm, ""));
}

/** The texts in a source that begin in lower case and have several words; what is filled in is `{}`. */
function sentencesIn(rust: string): string[] {
  const code = rust.replace(/#\[[a-z]+\((?:"(?:[^"\\]|\\.)*"|[^\]"])*\]/g, "");
  return [...code.matchAll(/(?<!['\\])"((?:[^"\\]|\\[^])*)"/g)]
    .map(([, text = ""]) => text.replace(/\\\n\s*/g, "").replaceAll('\\"', '"').replace(/\{[^{}]*\}/g, "{}"))
    .filter((text) => /^[a-z{]/.test(text) && /[a-z{}]+ [a-z{}]+/.test(text));
}

/** Texts of the engine that are in no message. */
const NEVER_SHOWN = new Set([
  // Conditions of access are told from their parts.
  "everyone who is signed in",
  "the right {}",
  "the group {}",
  "a rule that cannot be understood",
  "the {} {}",
  "{} of the {} ",
  "a document or a folder",
  "a document",
  "a row",
  "a key is missing",
  "a list",
  "database is locked",
  "an object of lists",
  "a value",
  "blob {}",
  "buffers are handed on full, the last one padded",
  "no 64 hex digits",
  "table without rowid",
  "the archive",
  "to {} bytes",
  "the system's random source",
]);

/** Sentences that the engine makes of others. */
const COMPOSED = [
  "{} (and one more finding)",
  "{} (and {} more findings)",
  "{} (“{}”)",
  "line {}: {}",
  "the column {}.{}",
  "its JSON",
];

const sources = ["../src/", "../src/views/", "../src/components/", "../src/lib/"].flatMap((folder) =>
  readdirSync(join(import.meta.dirname, folder))
    .filter((name) => /\.(svelte|ts)$/.test(name))
    .map((name) => folder + name),
);

describe("the two languages", () => {
  test("have the same texts", () => {
    const inEnglishOnly = new Set(["reasons", "actions"]);
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
      /^(errors|warnings|findings|notChecked|reasons|actions|progress\.(phases|did)|done\.parts|browse\.status|checks\.severity|compare\.(ranks|contents)|access\.kinds|backups\.tabs|bar\.why|server\.missing|settings\.themes)\./;
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

  test("every sentence that the engine puts into a message has its Chinese", () => {
    const sentences = rustSources("engine/src").flatMap(sentencesIn);
    expect(new Set(sentences).size).toBeGreaterThan(90);
    const untold = sentences.filter((text) => !(text in zh.reasons) && !(text in zh.actions) && !NEVER_SHOWN.has(text));
    expect(untold).toEqual([]);
    const known = new Set([...sentences, ...rustSources("app").flatMap(sentencesIn), ...COMPOSED]);
    expect(Object.keys(zh.reasons).filter((text) => !known.has(text))).toEqual([]);
  });

  test("a sentence is told with its parts, and the system's words are quoted", () => {
    const told = (text: string) => said(text, zh);
    expect(told("it lacks the table documents, the column files.sha256")).toBe("缺少数据表 documents、列 files.sha256");
    expect(told("files.json: row 12 of its JSON is not well formed (and 1302 more findings)")).toBe(
      "files.json：JSON 第 12 行格式不正确（另有 1,302 项发现）",
    );
    expect(told("the file has 1048576 bytes; the key file says 7")).toBe(
      "文件有 1,048,576 字节，而密钥文件记录为 7 字节",
    );
    expect(told("Input/output error (os error 5)")).toBe("“Input/output error (os error 5)”");
    expect(told("it cannot be read: Input/output error (os error 5)")).toBe(
      "无法读取：“Input/output error (os error 5)”",
    );
    expect(told("toString")).toBe("“toString”");
    expect(said("Input/output error (os error 5)", en)).toBe("Input/output error (os error 5)");
    expect(said('it contains ".."', en)).toBe("it contains “..”");
    for (const t of [en, zh]) expect(said("\u202e: it is missing", t)).toContain("\\u{202e}");
  });

  test("every action that can fail has its Chinese verb", () => {
    const rust = [...rustSources("engine/src"), ...rustSources("app")].join("\n");
    const calls = /(?:Error::io\(|\baction: |failed_internally\()"([a-z ]+)"(?!\.)/g;
    const actions = [...rust.matchAll(calls)].map(([, action]) => action ?? "");
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
