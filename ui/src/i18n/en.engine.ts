/** What the engine says, in English. */
import { bytes as sizeOf } from "../lib/format";
import { bold, mono, shown } from "../lib/text";
import type { ErrorTexts, FindingTexts, NotCheckedTexts, Params, WarningTexts } from "./shape";

const locale = "en";
const size = (value: number | string | undefined) => sizeOf(Number(value ?? 0), locale);
const path = (value: string | undefined) => mono(shown(value ?? ""));
const text = (value: string | undefined) => shown(value ?? "");
const lacking = (p: Params) => Number(p.needed ?? 0) - Number(p.available ?? 0);
const some = (value: string | undefined) => Number(value ?? 0) > 0;

export const warnings: WarningTexts = {
  missing: "Its content is missing on disk; the entry is kept.",
  unreadable: "Its content cannot be read; the entry is kept.",
  not_a_file: "What lies there is no regular file; the entry is kept.",
  outside: "Its path leads out of the server’s folder, or to a file of the server’s own, and is not read.",
  unfinished: "Its upload never finished, so it has no content; nothing is lost.",
  changed: "Its content changed while it was read; what was read is stored.",
  sha256_mismatch: "Its content does not match the SHA-256 that the server recorded.",
  not_utf8: "A text in the database is not UTF-8; its unreadable bytes were replaced.",
  server_file_missing: "A file that config.toml names is missing or cannot be read.",
  key_without_archive: "A key of an earlier run lies there whose archive was never finished.",
  folder_moved: "Its folder was renamed or replaced while the backup was written; it is at the path that the report names.",
};

export const findings: FindingTexts = {
  digest: "Size or SHA-256 of the file is not the key file’s.",
  truncated: "The archive is cut off.",
  padding: "The end of the encrypted data is damaged.",
  header: "A header in the archive makes no sense.",
  trailing_bytes: "Something follows the end of the archive.",
  duplicate_member: "A member appears twice.",
  member_kind: "A member is of a kind that no backup holds.",
  manifest: "A member is not as the manifest says.",
  json: "A table is missing or cannot be read.",
  counts: "The metadata’s counts are not those of the tables.",
  sha256: "A content does not match the SHA-256 that the server recorded.",
  content_missing: "A content that the backup never held.",
  reference: "A reference that points nowhere.",
};

export const notChecked: NotCheckedTexts = {
  no_digest: "The key file names no SHA-256 of the archive, so nothing proves its bytes.",
  no_manifest: "The archive has no manifest, so its members cannot be compared with one.",
};

/** By the engine's sentences, which are English already; only the quotation marks are ours. */
export const reasons: Record<string, string> = {
  'it contains ".."': "it contains “..”",
};

export const errors: ErrorTexts = {
  cancelled: { title: () => "Cancelled", advice: () => null },
  not_found: {
    title: (p) => `${path(p.path)} does not exist`,
    advice: () => "Check the path. Is the disk that holds it mounted?",
  },
  not_a_folder: {
    title: (p) => `${path(p.path)} is not a folder`,
    advice: () => "Choose another folder, or move away what lies in its place.",
  },
  permission_denied: {
    title: (p, action) => `No permission to ${action} ${path(p.path)}`,
    advice: () => "Run this program as the user that the server runs as, or choose a folder that you may write to.",
  },
  io: {
    title: (p, action, problem) => `Could not ${action} ${path(p.path)}: ${problem}`,
    advice: () => null,
  },
  not_cfms: {
    title: (p, _action, problem) => `${path(p.path)} is not a CFMS database: ${problem}`,
    advice: () => "Choose the folder that the CFMS server runs in, or the app.db in it.",
  },
  my_sql: {
    title: (p) => `The server at ${path(p.path)} keeps its database in MySQL, which is not a file that could be copied`,
    advice: () =>
      `Back up the database with ${mono("mysqldump")} and the folder ${mono("content/")} with a file backup. This program reads servers with SQLite.`,
  },
  contents_in_s3: {
    title: (p) => `The server at ${path(p.path)} keeps its contents in S3 storage, not on this disk`,
    advice: () => "Back up the bucket with the tools of its provider.",
  },
  config: {
    title: (p, _action, problem) => `${path(p.path)} cannot be understood: ${problem}`,
    advice: () =>
      "Mend config.toml (the server cannot start with it either), or put the file itself where a link is.",
  },
  database_locked: {
    title: (p) => `The database ${path(p.path)} stayed locked for ${p.seconds ?? "?"} s`,
    advice: () => "Try again when the program that holds it has finished.",
  },
  database_damaged: {
    title: (p, _action, problem) => `The database ${path(p.path)} cannot be read: ${problem}`,
    advice: () =>
      `Check it with ${mono("sqlite3 app.db 'PRAGMA integrity_check'")}, and keep the newest older backup safe.`,
  },
  network_filesystem: {
    title: (p) => `The database ${path(p.path)} lies on a network file system (${text(p.filesystem)})`,
    advice: () =>
      `Its locks do not reach the server. Run this program on the machine that the server runs on, or stop the server and use the command line with ${mono("--server-stopped")}.`,
  },
  no_place_for_snapshot: {
    title: (p) => `${path(p.path)} lies in a folder of the server or of the backup, where no snapshot may be`,
    advice: () => `Choose another folder for the backup, or set ${mono("TMPDIR")} to a folder outside of both.`,
  },
  source_busy: {
    title: (p) => `Another backup of ${path(p.path)} is running`,
    advice: () => "Wait until it has finished, then try again.",
  },
  bad_name: {
    title: (p, _action, problem) => `“${text(p.name)}” cannot be the name of a backup: ${problem}`,
    advice: () => "Choose another name, or leave it empty: it is then made of the time.",
  },
  already_exists: {
    title: (p) => `${path(p.path)} exists already`,
    advice: () => "Choose another name. Existing backups and keys are never overwritten.",
  },
  name_busy: {
    title: (p) => `Another backup is being written to ${path(p.path)}`,
    advice: () => "Choose another name, or wait until the other backup has finished.",
  },
  not_mounted: {
    title: (p) => `Nothing is mounted on ${path(p.mount_point)}, so ${path(p.path)} would land on the wrong disk`,
    advice: () => "Mount the disk, or choose another folder.",
  },
  same_disk: {
    title: (p) => `${path(p.path)} is on the same disk as the server’s data`,
    advice: () => "Choose a folder on another disk: a backup beside its server dies with it.",
  },
  no_space: {
    title: (p) => `The disk with ${path(p.path)} is full`,
    advice: (p) =>
      lacking(p) > 0
        ? `Needed are ${size(p.needed)}. Free at least ${bold(size(lacking(p)))} there, or choose a folder on another disk.`
        : "Free space there, or choose a folder on another disk.",
  },
  would_fill_server_disk: {
    title: (p) => `The backup would leave less than 1 GiB free on the server’s own disk at ${path(p.path)}`,
    advice: (p) =>
      `Needed are ${bold(size(p.needed))}, free are ${size(p.available)}. Choose a folder on another disk: a full disk stops the server.`,
  },
  file_too_large: {
    title: (p) =>
      some(p.needed)
        ? `${path(p.path)} cannot grow to ${size(p.needed)}: the limit there is reached`
        : `${path(p.path)} cannot grow further: the limit there is reached`,
    advice: () =>
      `Choose a folder on another file system (FAT holds files up to 4 GiB), or raise the limit (${mono("ulimit -f")}).`,
  },
  key_missing: {
    title: (p) => `No key file for ${path(p.archive)}: ${path(p.path)} does not exist`,
    advice: () => "Find the key. Without it nobody can open this backup.",
  },
  key_file: {
    title: (p, _action, problem) => `${path(p.path)} is not a usable key file: ${problem}`,
    advice: () => "Choose the .key file that was written with this archive.",
  },
  wrong_key: {
    title: (p) => `${path(p.path)} does not open ${path(p.archive)}`,
    advice: () => "Choose the .key file that was written with this archive.",
  },
  damaged: {
    title: (p, _action, problem) => `${path(p.archive)} is damaged: ${problem}`,
    advice: () => "Do not rely on this archive. Make a new backup, best on another disk.",
  },
  truncated: {
    title: (p, _action, problem) => `${path(p.archive)} is cut off: ${problem}`,
    advice: () => "Do not rely on this archive. Make a new backup, best on another disk.",
  },
  unsupported_version: {
    title: (p) => `${path(p.archive)} has version “${text(p.version)}”; this program reads version “1.0”`,
    advice: () => "Use a newer release of this program.",
  },
  unexpected: {
    title: (_p, _action, problem) => `Something unexpected happened: ${problem}`,
    advice: () => null,
  },
};
