import { describe, expect, test } from "vitest";
import { dictionaries } from "../src/i18n/language.svelte";
import { bytes, bytesOf, exactTime, joinPath, shortId, splitPath } from "../src/lib/format";
import { ago, duration, roughDuration } from "../src/lib/times";
import { bold, mono, pieces, plain, shown } from "../src/lib/text";

const { en } = dictionaries;
const zh = dictionaries["zh-CN"];

describe("sizes", () => {
  test.each([
    [0, "0 B"],
    [1023, "1,023 B"],
    [1024, "1.0 KiB"],
    [880 * 1024, "880 KiB"],
    [4.1 * 1024 ** 2, "4.1 MiB"],
    [1024 ** 3, "1.0 GiB"],
    [18.4 * 1024 ** 3, "18.4 GiB"],
    [212.7 * 1024 ** 3, "212.7 GiB"],
    [1024 ** 4, "1.0 TiB"],
  ])("%d bytes are %s", (value, text) => expect(bytes(value, "en")).toBe(text));

  test("a size just below a unit is not rounded to 1,024 of the smaller one", () => {
    expect(bytes(1024 ** 3 - 1, "en")).toBe("1.0 GiB");
    expect(bytes(1024 ** 2 - 1, "en")).toBe("1.0 MiB");
  });

  test("a part is told in the unit of the whole", () => {
    expect(bytesOf(7.7 * 1024 ** 3, 18.4 * 1024 ** 3, "en")).toBe("7.7 / 18.4 GiB");
    expect(bytesOf(0, 18.4 * 1024 ** 3, "en")).toBe("0.0 / 18.4 GiB");
  });
});

describe("times", () => {
  test("the exact time is local, and the same in every language", () => {
    const unix = new Date(2026, 10, 24, 14, 6, 31).getTime() / 1000;
    expect(exactTime(unix)).toBe("2026-11-24 14:06:31");
  });

  test.each([
    [10, "just now", "刚刚"],
    [250, "4 min ago", "4 分钟前"],
    [2 * 3600, "2 h ago", "2 小时前"],
    [86_400, "yesterday", "昨天"],
    [3 * 86_400, "3 days ago", "3 天前"],
  ])("%d seconds ago", (seconds, english, chinese) => {
    expect(ago(1e9, 1e9 + seconds, en)).toBe(english);
    expect(ago(1e9, 1e9 + seconds, zh)).toBe(chinese);
  });

  test("what is long ago, or lies in the future, is told by its date", () => {
    expect(ago(1e9, 1e9 + 40 * 86_400, en)).toMatch(/^2001-09-\d\d$/);
    expect(ago(1e9 + 3600, 1e9, en)).toMatch(/^2001-09-\d\d$/);
  });

  test("a measured time has seconds, a guessed one is no finer than a guess", () => {
    expect(duration(72.3, en)).toBe("1 min 12 s");
    expect(duration(72.3, zh)).toBe("1 分 12 秒");
    expect(duration(0.2, en)).toBe("under 1 s");
    expect(duration(3725, en)).toBe("1 h 2 min");
    expect(roughDuration(33, en)).toBe("35 s");
    expect(roughDuration(61, en)).toBe("2 min");
    expect(roughDuration(3599, en)).toBe("1 h");
  });
});

describe("paths and ids", () => {
  test("a path is split into folder and name on either system", () => {
    expect(splitPath("/media/backup/a.cfms.enc")).toEqual({ folder: "/media/backup", name: "a.cfms.enc" });
    expect(splitPath("C:\\backups\\a.key")).toEqual({ folder: "C:\\backups", name: "a.key" });
    expect(splitPath("/a")).toEqual({ folder: "/", name: "a" });
  });

  test("a folder is continued in the way that it is written", () => {
    expect(joinPath("/srv/cfms", "content", "backups")).toBe("/srv/cfms/content/backups");
    expect(joinPath("C:\\cfms\\", "content", "backups")).toBe("C:\\cfms\\content\\backups");
    expect(joinPath("/", "content")).toBe("/content");
  });

  test("a long hexadecimal id is shortened, any other is not", () => {
    expect(shortId("97b2fc212ba6e0b6c46eb317e94a2a66")).toBe("97b2fc21…4a2a66");
    expect(shortId("hello")).toBe("hello");
  });
});

describe("text of unknown origin", () => {
  test("control characters and those that turn the direction are written out", () => {
    expect(shown("a\u0000b\u001b[31m\n")).toBe("a\\u{0}b\\u{1b}[31m\\n");
    expect(shown("exe.\u202egnp")).toBe("exe.\\u{202e}gnp");
    expect(shown("\u2066x\u2069\ufeff")).toBe("\\u{2066}x\\u{2069}\\u{feff}");
  });

  test("other scripts and composed emoji stay as they are", () => {
    expect(shown("年度预算（终稿）.xlsx 👩‍👩‍👧 naïve")).toBe("年度预算（终稿）.xlsx 👩‍👩‍👧 naïve");
  });

  test("marks within a sentence become pieces, and a text cannot bring its own", () => {
    expect(pieces(`About ${bold("1 GiB")} on ${mono("/media")}.`)).toEqual([
      { style: "plain", text: "About " },
      { style: "bold", text: "1 GiB" },
      { style: "plain", text: " on " },
      { style: "mono", text: "/media" },
      { style: "plain", text: "." },
    ]);
    expect(pieces(shown(bold("x")))).toEqual([{ style: "plain", text: "\\u{e000}x\\u{e001}" }]);
    expect(plain(bold("x"))).toBe("x");
  });
});
