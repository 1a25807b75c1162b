import { waitFor, within } from "@testing-library/svelte";
import { describe, expect, test, vi } from "vitest";
import { dictionaries } from "../src/i18n/language.svelte";
import { inWords } from "../src/lib/access";
import type { Condition } from "../src/lib/bindings/Condition";
import { List, type ListRow } from "../src/lib/list.svelte";
import { decoded, pageOf } from "../src/lib/preview";
import * as backups from "../src/mock/backups";
import * as samples from "../src/mock/samples";
import { absent, english, found, open, refuse, shown } from "./application";

const ARCHIVE = samples.report.archive_path;
const rows = () => within(shown("tree")).getAllByTestId("row");
const row = (title: string) => {
  const wanted = rows().find((one) => one.textContent.includes(title));
  if (!wanted) throw new Error(`no row ${title}`);
  return wanted;
};

async function opened(answers: Parameters<typeof open>[0] = {}) {
  const application = open(answers, english);
  await application.user.click(await found("nav-backups"));
  await application.user.click(await found("choose-backup"));
  await found("tree");
  await waitFor(() => expect(rows()).toHaveLength(3));
  return application;
}

describe("a backup that is looked into", () => {
  test("is opened by the path that is typed; without its key, the key is asked for", async () => {
    let key: unknown = null;
    const { user, last } = open(
      {
        find_pair: ({ files }) => ({ archive: (files as string[])[0], key: (files as string[])[1] ?? null }),
        open_backup: (args) => {
          key = args.key;
          if (key === null) throw backups.keyMissing;
          return backups.opened;
        },
      },
      english,
    );
    await user.click(await found("nav-backups"));
    await user.type(await found("open-archive"), "/media/backup/cfms/first.cfms.enc{Enter}");
    expect(await found("open-failure")).toHaveAttribute("data-code", "key_missing");
    expect(shown("open-key")).toHaveAttribute("aria-invalid", "true");
    await user.type(shown("open-key"), "/keys/first.key{Enter}");
    expect(await found("backup-name-title")).toHaveTextContent("backup_1795500391");
    expect(last("open_backup")).toEqual({ archive: "/media/backup/cfms/first.cfms.enc", key: "/keys/first.key", keepDamaged: false });
    await user.click(shown("close-backup"));
    expect(await found("backup-opener")).toBeInTheDocument();
    expect(last("close_backup")).toBeDefined();
  });

  test("that is damaged can be checked, and opened as far as it is whole", async () => {
    const damaged = { code: "damaged", message: "", advice: null, params: { archive: ARCHIVE, problem: "x" } };
    const { user, last } = open(
      {
        open_backup: ({ keepDamaged }) => {
          if (keepDamaged !== true) throw damaged;
          return { ...backups.opened, flaws: ["it has 5 bytes; the key file says 7"], keeps_damaged: true };
        },
        verify_backup: () => backups.damaged,
      },
      english,
    );
    await user.click(await found("nav-backups"));
    await user.click(await found("choose-backup"));
    await user.click(await found("check-damaged"));
    expect(await found("verdict")).toHaveAttribute("data-verdict", "damaged");
    expect(shown("finding")).toHaveAttribute("data-severity", "damage");
    await user.click(shown("open-damaged"));
    await found("backup-name-title");
    expect(document.body).toHaveTextContent("1 thing is wrong with this archive");
    expect(last("open_backup")).toMatchObject({ keepDamaged: true });
  });

  test("that is opened once more and has become unreadable meanwhile is not shown any longer", async () => {
    let times = 0;
    const { user } = await opened({
      open_backup: () => {
        times += 1;
        if (times > 1) throw { code: "wrong_key", message: "", advice: null, params: { archive: ARCHIVE, key: "/k" } };
        return backups.opened;
      },
    });
    await user.keyboard("{Control>}o{/Control}");
    expect(await found("open-failure")).toHaveAttribute("data-code", "wrong_key");
    expect(absent("tree")).toBeNull();
  });

  test("has its rules in words, its revisions, and what is missing of them", async () => {
    const { user } = await opened();
    await user.dblClick(row("财务"));
    await waitFor(() => expect(rows().length).toBeGreaterThan(10));
    await user.click(row("财务 report 2"));
    const detail = await found("entry-detail");
    await waitFor(() => expect(detail).toHaveTextContent("财务 report 2"));
    expect(shown("access")).toHaveTextContent("Read one of the groups “财务部”, “sysop”");
    expect(shown("access")).toHaveTextContent("Change, Manage the right “super_create_document”");
    expect(within(detail).getAllByTestId("revision")).toHaveLength(2);
    expect(absent("preview-0")).toBeNull();
  });

  test("is saved from, with what was selected, and says which file is which", async () => {
    const { user, last } = await opened({ pick_folder: () => "/home/lin/out" });
    expect(shown("save")).toHaveAttribute("aria-disabled", "true");
    await user.click(row("财务"));
    await user.keyboard("{Control>}");
    await user.click(row("Legal"));
    await user.keyboard("{/Control}");
    await waitFor(() => expect(shown("selected")).toHaveTextContent("2 selected · 2 documents"));
    await user.click(shown("all-revisions"));
    await user.click(shown("save"));
    const saved = await found("saved");
    expect(saved).toHaveTextContent("3 files saved (4.1 MiB) into /home/lin/out.");
    expect(saved).toHaveTextContent("1 content is not in the backup.");
    expect(saved).toHaveTextContent("cfms-extracted.json says which file is which document.");
    expect(last("save_rows")).toMatchObject({ request: { keys: [0, 200], output: "/home/lin/out", all_revisions: true } });
    await user.click(shown("show-saved"));
    expect(last("show_in_folder")).toEqual({ path: "/home/lin/out/cfms-extracted.json" });
  });

  test("stops saving when it is told to, and says what stays", async () => {
    let fail: (reason: unknown) => void = () => undefined;
    const { user, last } = await opened({
      pick_folder: () => "/home/lin/out",
      save_rows: () => new Promise((_, reject) => (fail = reject)),
      stop_looking: () => fail(samples.cancelled),
    });
    await user.click(row("Legal"));
    await user.click(shown("save"));
    await user.click(await found("stop-task"));
    expect(last("stop_looking")).toBeDefined();
    expect(await found("saved")).toHaveTextContent("Files that were finished stay in /home/lin/out");
  });

  test("is compared with a server; whoever may do more now is told first", async () => {
    const { user, last } = await opened();
    await user.click(shown("tab-compare"));
    await user.click(within(await found("compare-with-server")).getByRole("radio"));
    await user.type(await found("compare-server"), "/srv/cfms");
    await user.click(shown("compare"));
    await found("rank-wider_rights");
    expect(last("compare_backup")).toMatchObject({ request: { path: "/srv/cfms", key: null, is_server: true } });
    const changes = await waitFor(() => within(shown("changes")).getAllByTestId("row"));
    expect(changes[0]).toHaveTextContent("Open to more people");
    await user.click(changes[0] as HTMLElement);
    expect(await found("change-detail")).toHaveTextContent("Read, Manage then the group “board” now everyone who is signed in");
    await user.click(shown("rank-added"));
    expect(last("shape_changes")).toEqual({ rank: "added", asTree: false });
  });

  test("shows a content in a frame that can do nothing", async () => {
    const { user } = await opened();
    await user.dblClick(row("财务"));
    await waitFor(() => expect(rows().length).toBeGreaterThan(10));
    await user.click(row("财务 report 1"));
    await user.click(await found("preview-1"));
    const frame = await found("preview-frame");
    expect(frame).toHaveAttribute("sandbox", "");
    expect(frame.getAttribute("srcdoc")).toContain("&lt;/pre&gt;&lt;script&gt;");
    expect(frame.getAttribute("srcdoc")).not.toContain("<script");
    expect(frame.getAttribute("srcdoc")).toContain("default-src 'none'");
  });

  test("that cannot be previewed says why", async () => {
    const { user } = await opened({
      preview_content: refuse({ code: "damaged", message: "", advice: null, params: { archive: ARCHIVE, problem: "x" } }),
    });
    await user.dblClick(row("财务"));
    await waitFor(() => expect(rows().length).toBeGreaterThan(10));
    await user.click(row("财务 report 1"));
    await user.click(await found("preview-1"));
    await waitFor(() => expect(shown("preview")).toHaveAttribute("data-kind", "failed"));
    expect(shown("preview")).toHaveTextContent("is damaged");
  });
});

describe("a list", () => {
  type R = ListRow & { title: string };
  const COUNT = 100_000;

  function many() {
    let epoch = 0;
    const one = (key: number): R => ({ key, open: false, has_below: key === 0, above: null, title: String(key) });
    const source = {
      rows: vi.fn((from: number, count: number) =>
        Promise.resolve({ epoch, rows: Array.from({ length: Math.min(count, COUNT - from) }, (_, n) => one(from + n)) }),
      ),
      keys: vi.fn((from: number, to: number) => Promise.resolve(Array.from({ length: to - from + 1 }, (_, n) => from + n))),
      open: vi.fn(() => Promise.resolve({ epoch: ++epoch, rows: COUNT, at: 0 })),
      find: vi.fn((_text: string, after: number) => Promise.resolve<number | null>(after + 5)),
    };
    return { list: new List<R>(source, { epoch: 0, rows: COUNT, at: null }), source, later: () => (epoch += 1) };
  }
  const key = (name: string, more: Partial<KeyboardEvent> = {}) =>
    ({ key: name, ctrlKey: false, metaKey: false, shiftKey: false, altKey: false, ...more }) as KeyboardEvent;
  const press = (list: List<R>, event: KeyboardEvent) => list.press(event, () => undefined);

  test("of a hundred thousand rows keeps but a few, however far one goes", async () => {
    const { list, source } = many();
    for (let at = 0; at < COUNT; at += 1000) {
      await list.need(at, at + 20);
      expect(list.row(at + 7)?.key).toBe(at + 7);
    }
    const kept = Array.from({ length: COUNT }, (_, index) => list.row(index)).filter((one) => one !== undefined).length;
    expect(kept).toBeLessThan(6000);
    expect(Math.max(...source.rows.mock.calls.map(([, count]) => count))).toBeLessThan(1000);
  });

  test("selects from one end to the other without fetching what lies between", async () => {
    const { list, source } = many();
    await list.need(0, 20);
    await list.select(2);
    press(list, key("End", { shiftKey: true }));
    await waitFor(() => expect(list.selected.size).toBe(COUNT - 2));
    expect(source.rows.mock.calls.length).toBeLessThan(10);
    press(list, key("ArrowUp"));
    await waitFor(() => expect([...list.selected]).toEqual([COUNT - 2]));
    press(list, key("Home", { ctrlKey: true }));
    expect(list.at).toBe(0);
    expect(list.selected.size).toBe(1);
  });

  test("does not mix rows of what it was with what it is", async () => {
    const { list, later } = many();
    await list.need(0, 20);
    later();
    await list.need(5000, 5020);
    expect(list.row(5000)).toBeUndefined();
    expect(list.row(5)?.key).toBe(5);
  });

  test("goes to what is typed, and a space between letters is one of them", async () => {
    const { list, source } = many();
    await list.need(0, 20);
    for (const letter of ["a", " ", "b"]) press(list, key(letter));
    await waitFor(() => expect(source.find).toHaveBeenLastCalledWith("a b", expect.any(Number)));
    await waitFor(() => expect(list.selected.size).toBe(1));
  });
});

describe("the words of rules", () => {
  const { en, "zh-CN": zh } = dictionaries;
  const right = (of: string): Condition => ({ kind: "right", of });
  const group = (of: string): Condition => ({ kind: "group", of });

  test("say whom a rule lets in, nested and mixed, in both languages", () => {
    const both: Condition = { kind: "all", of: [right("a"), group("b"), { kind: "any", of: [right("c"), group("d")] }] };
    expect(inWords(both, en)).toBe("the right “a” and the group “b” and (the right “c” or the group “d”)");
    expect(inWords(both, zh)).toBe("拥有权限“a”，且属于用户组“b”，且（拥有权限“c”，或属于用户组“d”）");
    expect(inWords({ kind: "any", of: [group("x"), group("\u202ey")] }, en)).toBe("one of the groups “x”, “\\u{202e}y”");
    expect(inWords({ kind: "nobody" }, zh)).toBe("任何人都不可以");
  });
});

describe("a preview", () => {
  const encode = (text: string) => btoa(String.fromCharCode(...new TextEncoder().encode(text)));
  const look = { isDark: true, width: 600, height: 400 };

  test("writes text as text, in whatever encoding it is", () => {
    const utf8 = new TextEncoder().encode("年度预算");
    expect(decoded(utf8, false)).toBe("年度预算");
    expect(decoded(utf8.slice(0, -1), true)).toBe("年度预");
    expect(decoded(new Uint8Array([0xd6, 0xd0, 0xce, 0xc4]), false)).toBe("中文");
    expect(decoded(new Uint8Array([0xff, 0xfe, 0x2d, 0x4e]), false)).toBe("中");
  });

  test("shows control characters and turned text as what they are, and keeps lines", () => {
    const page = pageOf({ ...backups.preview, data: encode("a\tb\n\u202egnp\u001b[2J\u0000<i>&") }, look);
    expect(page).toContain("a\tb\n\\u{202e}gnp\\u{1b}[2J\\u{0}&lt;i&gt;&amp;</pre>");
  });

  test("draws a picture no larger than its frame", () => {
    const picture = { ...backups.preview, kind: "picture", mime: "image/png", width: 2288, height: 100, data: "AAAA" } as const;
    expect(pageOf(picture, look)).toContain('width="572" height="25" src="data:image/png;base64,AAAA"');
  });
});
