/** Drawn data: a server, a backup of it, and what can go wrong. */
import type { AppState } from "../lib/bindings/AppState";
import type { ErrorReport } from "../lib/bindings/ErrorReport";
import type { Outlook } from "../lib/bindings/Outlook";
import type { Report } from "../lib/bindings/Report";
import type { Survey } from "../lib/bindings/Survey";
import type { Verification } from "../lib/bindings/Verification";
import type { Warning } from "../lib/bindings/Warning";

const GIB = 1024 ** 3;
/** 2026-11-24 06:06:31 UTC. */
const MOMENT = 1_795_500_391.204;
const SHA256 = "97b2fc212ba6e0b6c46eb317e94a2a66ae09b1169699a0bd3939748b8f48d159";

export const warnings: Warning[] = [
  {
    code: "missing",
    file_id: "f-gone",
    document_id: "lost",
    title: "Lost file",
    path: "./content/files/f-gone",
    reason: "no such file",
  },
  {
    code: "sha256_mismatch",
    file_id: "9b7e19735a0f4d5f8e1f4e3d2c1b0a99887766554433221100ffeeddcc291791",
    document_id: "drawing",
    title: "设计图 v3.pdf",
    path: "./content/files/2026/11/9b7e1973",
    reason: "the content's SHA-256 is another",
  },
];

export const appState: AppState = {
  version: "0.1.0",
  locale: "en",
  settings: {
    language: "system",
    theme: "system",
    archive_dir: "/media/backup/cfms",
    key_dir: "/media/usb-key",
    verify: true,
    notifications: true,
    source: "computer",
    last_source: "/srv/cfms",
    recent_sources: ["/srv/cfms", "/home/operator/服务器/cfms-test"],
    recent_servers: [
      { address: "files.example.org:5105", username: "lin.wei" },
      { address: "10.0.0.7:5104", username: "admin" },
    ],
  },
  data_dir_last: null,
  demo: null,
  platform: "linux",
  home: "/home/operator",
};

export const survey: Survey = {
  root: "/srv/cfms",
  database: "/srv/cfms/app.db",
  server_name: "CFMS WebSocket Server",
  documents: 1284,
  folders: 96,
  files: 1310,
  users: 41,
  content_bytes: Math.round(18.4 * GIB),
  database_bytes: 12_300_000,
  estimated_bytes: Math.round(18.42 * GIB),
  estimated_bytes_documents_only: Math.round(18.4 * GIB),
  last_change: Date.now() / 1000 - 250,
  contents_missing: 2,
  other_contents_missing: 0,
  contents_in_s3: false,
  contents_outside: 0,
  incomplete: false,
  missing_below: null,
  outside_folders: [],
  warnings: [
    ...warnings.slice(0, 1),
    {
      code: "missing",
      file_id: "8d1e19735a0f4d5f8e1f4e3d2c1b0a99887766554433221100ffeeddcc29aa10",
      document_id: "minutes",
      title: "会议纪要 2026-03.docx",
      path: "./content/files/2026/03/8d1e1973",
      reason: "no such file",
    },
  ],
};

export const outlook: Outlook = {
  archive: {
    path: "/media/backup/cfms",
    exists: true,
    mount_point: "/media/backup",
    free_bytes: Math.round(212.7 * GIB),
    problem: null,
  },
  key: { path: "/media/usb-key", exists: true, mount_point: "/media/usb-key", free_bytes: 28 * GIB, problem: null },
  same_disk: false,
  key_beside_archive: false,
  default_name: "backup_1795500391",
  name_problem: null,
};

export const verification: Verification = {
  verdict: "verified",
  archive_path: "/media/backup/cfms/backup_1795500391.cfms.enc",
  key_path: "/media/usb-key/backup_1795500391.key",
  archive_size: Math.round(18.41 * GIB),
  archive_sha256: SHA256,
  metadata: null,
  members: 1314,
  content_bytes: Math.round(18.4 * GIB),
  findings: [],
  findings_total: 0,
  not_checked: [],
  duration_seconds: 21.4,
};

export const report: Report = {
  outcome: "done_with_warnings",
  backup_name: "backup_1795500391",
  archive_path: "/media/backup/cfms/backup_1795500391.cfms.enc",
  key_path: "/media/usb-key/backup_1795500391.key",
  key_size: 265,
  metadata: {
    version: "1.0",
    created_at: MOMENT,
    documents_count: 1284,
    folders_count: 96,
    files_count: 1310,
  },
  scope: "whole_server",
  archive_size: Math.round(18.41 * GIB),
  archive_sha256: SHA256,
  members: 1314,
  content_bytes: Math.round(18.4 * GIB),
  snapshot_at: MOMENT,
  duration_seconds: 72.3,
  verification,
  same_disk: false,
  key_beside_archive: false,
  contents_missing: 1,
  other_contents_missing: 0,
  contents_in_s3: false,
  server_files: ["server/app.db", "server/config.toml", "server/ssl/cert.pem", "server/ssl/key.pem", "server/init"],
  contents_outside: 0,
  missing_below: null,
  unfinished_uploads: 0,
  warnings,
  warnings_total: warnings.length,
};

export const diskFull: ErrorReport = {
  code: "no_space",
  message: "not enough space on the disk of /media/backup/cfms: 19765432320 bytes needed, 13000000000 bytes free",
  advice: "Free space there, or choose a folder on another disk.",
  params: { path: "/media/backup/cfms", needed: "19765432320", available: "13000000000" },
};

export const notCfms: ErrorReport = {
  code: "not_cfms",
  message: "/home/operator/photos/app.db is not a CFMS database: it has no table documents",
  advice: "Choose the folder that the CFMS server runs in, or the app.db in it.",
  params: { path: "/home/operator/photos/app.db", problem: "it has no table documents" },
};

export const badName = (name: string): ErrorReport => ({
  code: "bad_name",
  message: `"${name}" cannot be the name of a backup: it is a path; choose the folder separately`,
  advice: "Choose another name, or leave it empty: it is then made of the time.",
  params: { name, problem: "it is a path; choose the folder separately" },
});

export const nameTaken: ErrorReport = {
  code: "already_exists",
  message: "/media/backup/cfms/nightly.cfms.enc exists already",
  advice: "Choose another name; existing backups and keys are never overwritten.",
  params: { path: "/media/backup/cfms/nightly.cfms.enc" },
};

export const cancelled: ErrorReport = { code: "cancelled", message: "cancelled", advice: null, params: {} };

export const titles = [
  "财务 / 2026 / 年度预算（终稿）.xlsx",
  "Engineering / Handbook / Deployment checklist.md",
  "Legal / Contracts / 2026-118 – framework agreement, signed copy, with all annexes and the letter of intent.pdf",
  "财务 / 2026 / 发票 / 0311.pdf",
  "Q3 report.pdf",
];

/** As many warnings as a server has when its disk is away. */
export const manyWarnings = (count: number): Warning[] =>
  Array.from({ length: count }, (_, index) => ({
    code: "missing",
    file_id: `${(index * 7919).toString(16).padStart(8, "0")}`.repeat(8),
    document_id: `d${index}`,
    title: titles[index % titles.length] ?? "",
    path: `./content/files/2026/${String((index % 12) + 1).padStart(2, "0")}/${index}`,
    reason: "no such file",
  }));
