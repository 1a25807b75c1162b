/** Drawn data: a backup that is looked into, and the application's side of its list. */
import type { ChangeRow } from "../lib/bindings/ChangeRow";
import type { Comparison } from "../lib/bindings/Comparison";
import type { Described } from "../lib/bindings/Described";
import type { ErrorReport } from "../lib/bindings/ErrorReport";
import type { Extracted } from "../lib/bindings/Extracted";
import type { ObjectChange } from "../lib/bindings/ObjectChange";
import type { OpenedBackup } from "../lib/bindings/OpenedBackup";
import type { Preview } from "../lib/bindings/Preview";
import type { Row } from "../lib/bindings/Row";
import type { Verification } from "../lib/bindings/Verification";
import * as samples from "./samples";

const { report } = samples;

export const opened: OpenedBackup = {
  archive_path: report.archive_path,
  archive_size: report.archive_size,
  key_path: report.key_path,
  key: {
    algorithm: "AES-256-CBC",
    created_at: report.metadata.created_at,
    backup_name: "backup_1795500391",
    archive_size: report.archive_size,
    archive_sha256: report.archive_sha256,
  },
  key_beside_archive: false,
  metadata: report.metadata,
  scope: "whole_server",
  created_by: "cfms-backup 0.1.0",
  state_of: report.metadata.created_at,
  server_name: "CFMS WebSocket Server",
  members: 1314,
  contents: 1308,
  content_bytes: report.content_bytes,
  contents_missing: 2,
  revisions: 1400,
  server_files: ["server/app.db", "server/config.toml"],
  warnings: samples.warnings,
  warnings_total: samples.warnings.length,
  flaws: [],
  keeps_damaged: false,
  list: { epoch: 0, rows: 3, at: null },
};

export const keyMissing: ErrorReport = {
  code: "key_missing",
  message: "the key of /media/backup/cfms/first.cfms.enc is not beside it",
  advice: "Say where the key is.",
  params: { archive: "/media/backup/cfms/first.cfms.enc", path: "/media/backup/cfms/first.key" },
};

export const damaged: Verification = {
  ...(report.verification as Verification),
  verdict: "damaged",
  findings: [{ severity: "damage", code: "digest", subject: null, reason: "the archive's SHA-256 is not the key file's" }],
  findings_total: 1,
};

export const extracted: Extracted = {
  output: "/home/lin/out",
  map_path: "/home/lin/out/cfms-extracted.json",
  files: 3,
  folders: 1,
  bytes: 4_300_000,
  missing: [],
  missing_total: 1,
  damaged: [],
  damaged_total: 0,
  unproven: 0,
  server_differs: 0,
  deleted: 0,
};

const FOLDERS = ["财务", "Engineering", "Legal"];

/** The application's side of the list: three folders with forty documents each. */
export class Tree {
  #epoch = 0;
  readonly #open = new Set<number>();
  #wanted = "";

  rows(from: number, count: number) {
    return { epoch: this.#epoch, rows: this.#all().slice(from, from + count) };
  }

  keys(from: number, to: number) {
    return this.#all()
      .slice(from, to + 1)
      .map(({ key }) => key);
  }

  toggle(key: number, open: boolean) {
    if (open) this.#open.add(key);
    else this.#open.delete(key);
    return this.#changed(key);
  }

  search(text: string, keep: number | null) {
    this.#wanted = text.toLowerCase();
    return this.#changed(keep);
  }

  find(text: string, after: number) {
    const rows = this.#all();
    const found = [...rows.keys()].map((step) => (after + step) % rows.length);
    return found.find((at) => rows[at]?.title.toLowerCase().startsWith(text.toLowerCase())) ?? null;
  }

  describe(key: number): Described {
    const row = this.#every().find((one) => one.key === key);
    const isDocument = row?.kind === "document";
    return {
      key,
      kind: row?.kind ?? "document",
      title: row?.title ?? "",
      id: `788596a4b1c2d3e4f5061728394a5b6c7d8e9f00112233445566778899${key}d6ee`,
      path: row?.title ?? "",
      created_time: report.metadata.created_at,
      status: row?.status ?? "ordinary",
      access: [
        { access: "read", condition: { kind: "any", of: [{ kind: "group", of: "财务部" }, { kind: "group", of: "sysop" }] } },
        { access: "write", condition: { kind: "right", of: "super_create_document" } },
        { access: "move", condition: { kind: "everyone" } },
        { access: "manage", condition: { kind: "right", of: "super_create_document" } },
      ],
      inherits: false,
      revisions: isDocument
        ? [
            { number: 1, created_time: 1_795_500_000, size: 4_300_000, held: "yes", reason: null, is_latest: true },
            { number: 0, created_time: null, size: null, held: "never", reason: "not on disk", is_latest: false },
          ]
        : [],
      revisions_total: isDocument ? 2 : 0,
      documents: isDocument ? 1 : 40,
      bytes: 4_300_000,
      missing: 0,
    };
  }

  #changed(key: number | null) {
    this.#epoch += 1;
    const rows = this.#all();
    const at = rows.findIndex((row) => row.key === key);
    return { epoch: this.#epoch, rows: rows.length, at: at < 0 ? null : at };
  }

  #all(): Row[] {
    if (this.#wanted !== "") {
      const found = this.#every().filter(({ title }) => title.toLowerCase().includes(this.#wanted));
      return found.map((row) => ({ ...row, depth: 0, has_below: false, open: false, above: null, place: "财务/" }));
    }
    return this.#every().filter(({ key, kind }) => kind === "folder" || this.#open.has(Math.floor(key / 100) * 100));
  }

  #every(): Row[] {
    const base = { open: false, has_below: false, above: null, documents: 1, held: "yes", status: "ordinary", place: null } as const;
    return FOLDERS.flatMap((title, index) => {
      const key = index * 100;
      const folder: Row = { ...base, key, kind: "folder", title, depth: 0, open: this.#open.has(key), has_below: true, documents: 40, bytes: 40_000, held: "none" };
      const documents = Array.from({ length: 40 }, (_, n): Row => ({ ...base, key: key + n + 1, kind: "document", title: `${title} report ${n + 1}`, depth: 1, bytes: 1000, above: index }));
      return [folder, ...documents];
    });
  }
}

export const preview: Preview = {
  kind: "text",
  mime: null,
  width: null,
  height: null,
  data: btoa("plain text\n</pre><script>parent.ran = 1</script>"),
  size: 48,
  is_cut: false,
  damage: null,
};

const counts = { same: 1280, added: 1, removed: 0, renamed: 0, moved: 0, contents_changed: 0, rights_changed: 1, rights_wider: 1, status_changed: 0 };

export const comparison: Comparison = {
  old: { path: report.archive_path, is_server: false, is_opened: true, state_of: report.metadata.created_at },
  new: { path: "/srv/cfms", is_server: true, is_opened: false, state_of: report.metadata.created_at + 86_400 },
  totals: { folders: { ...counts, same: 96, added: 0, rights_changed: 0, rights_wider: 0 }, documents: counts },
  ranks: [
    { rank: "wider_rights", count: 1 },
    { rank: "added", count: 1 },
  ],
  compared_by: { size: 0, manifest: 0, recorded: 1280, bytes: 0 },
  not_compared: [],
  not_compared_total: 0,
  list: { epoch: 0, rows: 2, at: null },
};

const changed = { depth: 0, open: false, has_below: false, above: null, kind: "document", rights_from_above: false } as const;

export const changes: ChangeRow[] = [
  { ...changed, key: 0, title: "预算表 2026.csv", place: "财务/", change: 0, rank: "wider_rights" },
  { ...changed, key: 1, title: "Brand new", place: "", change: 1, rank: "added" },
];

export const change: ObjectChange = {
  kind: "document",
  id: "788596a4b1c2d3e4f5061728394a5b6c86d6ee",
  old: { path: "财务/预算表 2026.csv", status: "ordinary", size: 22_425 },
  new: { path: "财务/预算表 2026.csv", status: "ordinary", size: 22_425 },
  renamed: false,
  moved: false,
  content: "same",
  revisions_added: 1,
  revisions_removed: 0,
  revisions_changed: 0,
  rights: (["read", "manage"] as const).map((access) => ({
    access,
    old: { kind: "group", of: "board" },
    new: { kind: "everyone" },
    old_words: 'the group "board"',
    new_words: "everyone who is signed in",
    lets_in_more: true,
    lets_in_fewer: false,
  })),
  rights_from_above: false,
};

/** What the application answers to what is asked of an opened backup. */
export function answers(): Record<string, (args: Record<string, unknown>) => unknown> {
  const tree = new Tree();
  return {
    find_pair: ({ files }) => {
      const [archive = null, key = null] = files as string[];
      return { archive, key };
    },
    open_backup: () => opened,
    verify_backup: () => report.verification,
    verify_command: () => "cfms-backup verify backup_1795500391.cfms.enc",
    list_rows: ({ from, count }) => tree.rows(Number(from), Number(count)),
    list_keys: ({ from, to }) => tree.keys(Number(from), Number(to)),
    open_row: ({ key, open }) => tree.toggle(Number(key), open === true),
    search_titles: ({ text, keep }) => tree.search(String(text), keep === null ? null : Number(keep)),
    find_title: ({ text, after }) => tree.find(String(text), Number(after)),
    describe_row: ({ key }) => tree.describe(Number(key)),
    sum_rows: ({ keys }) => ({ documents: (keys as number[]).length, bytes: 4_300_000, missing: 0 }),
    preview_content: () => preview,
    save_rows: () => extracted,
    save_command: () => "cfms-backup extract backup_1795500391.cfms.enc",
    compare_backup: () => comparison,
    compare_command: () => "cfms-backup diff backup_1795500391.cfms.enc --data-dir /srv/cfms",
    shape_changes: () => ({ epoch: 0, rows: 2, at: null }),
    change_rows: ({ from, count }) => ({ epoch: 0, rows: changes.slice(Number(from), Number(from) + Number(count)) }),
    find_change: () => null,
    describe_change: () => change,
    pick_backup: () => report.archive_path,
  };
}
