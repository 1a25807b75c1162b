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
  repeated_id: "A row of the database has the id of another; the backup keeps it apart, in orphans.json.",
  server_file_missing: "A file of the server’s own (config.toml, init, TLS pair) is missing or cannot be read.",
  database_damaged: "The server's database is damaged; it went along as it is.",
  certificate_expired: "The server’s certificate has expired; it is the one that is trusted.",
  left_on_server: "This server cannot send files: fetch archive and key from its disk, then remove them there. The key is readable by every user of that machine.",
  not_remembered: "The password is not remembered: no keyring of this system takes it.",
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
  duplicate_row: "An id, which is a key, stands in several rows.",
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
    title: (p) => `Another backup or restore of ${path(p.path)} is running`,
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
  tls_pair: {
    title: (p, _action, problem) => `${path(p.path)} cannot be used for TLS: ${problem}`,
    advice: () => "Give a certificate and its private key, both as PEM files.",
  },
  state_not_private: {
    title: (p, _action, problem) => `${path(p.path)} cannot hold the agent’s state: ${problem}`,
    advice: () =>
      `Give it to the user that the agent runs as, and to nobody else (${mono("chown")}, ${mono("chmod go-w")}), or choose another folder.`,
  },
  unsupported_version: {
    title: (p) => `${path(p.archive)} has version “${text(p.version)}”; this program reads version “1.0”, with manifests of “cfms-backup/1”`,
    advice: () => "Use a newer release of this program.",
  },
  not_in_backup: {
    title: (p) => `The backup holds nothing called “${text(p.wanted)}”`,
    advice: () => "Look for it in the list of folders and documents.",
  },
  ambiguous: {
    title: (p) => `Several things in the backup are called “${text(p.wanted)}”: ${text(p.ids)}`,
    advice: () => "Choose one of them by its id.",
  },
  content_not_held: {
    title: (p) => `The backup never held this content (${text(p.file_id)}): ${text(p.reason)}`,
    advice: () => "Look for it in another backup.",
  },
  in_the_way: {
    title: (p) => `${path(p.path)} is a link, or no plain file or folder; nothing is written through or over it`,
    advice: () => "Choose another folder, or remove what is in the way.",
  },
  conflicts: {
    title: (p) =>
      `${text(p.count)} documents, folders or files are there already and differ, first “${text(p.first)}”: nothing was written to ${path(p.path)}`,
    advice: () => "Look at what differs, then choose what is done with it: keep, replace, or put the old one beside it.",
  },
  wider_access: {
    title: (p) => `${text(p.count)} folders or documents would be open to more people than in the backup: ${text(p.first)}`,
    advice: () => "Look at who they are. Restore into a server of the backup’s own version, or accept it.",
  },
  columns_lacking: {
    title: (p) =>
      `The database ${path(p.path)} has no ${text(p.columns)}: without it something would be open, or deleted no more`,
    advice: () =>
      `Start a server of the backup’s version once in an empty folder, and give its database (${mono("--like")}).`,
  },
  server_running: {
    title: (p) => `A running server has the database ${path(p.path)} open (process ${text(p.processes)})`,
    advice: () => "Stop the server first: in a running one documents are only added.",
  },
  target_changed: {
    title: (p) => `The database ${path(p.path)} was changed after the plan was made; nothing was written`,
    advice: () => "Make the plan again, or stop the server first.",
  },
  no_such_folder: {
    title: (p) => `The server has no folder “${text(p.wanted)}”`,
    advice: () => "Make the folder on the server first, or name another, by its ID or its path.",
  },
  like_needs_new: {
    title: (p) => `There is a server with the database ${path(p.path)} already, so it cannot be made like another`,
    advice: () => "Choose a folder without a server.",
  },
  not_proved: {
    title: (p, _action, problem) => `What was restored to ${path(p.path)} is not all there: ${problem}`,
    advice: () =>
      `Do not rely on this server’s disk. The database as it was before lies beside it (${mono("app.db.before-restore-…")}).`,
  },
  server_address: {
    title: (p, _action, problem) => `“${text(p.address)}” is not the address of a server: ${problem}`,
    advice: () => `Write it as ${mono("HOST")}, ${mono("HOST:PORT")} or ${mono("wss://HOST:PORT")}.`,
  },
  server_unreachable: {
    title: (p, _action, problem) => `${path(p.server)} cannot be reached: ${problem}`,
    advice: () =>
      "Is the server running, are address and port right (5104, our agent 5105), does a firewall let you through?",
  },
  unencrypted: {
    title: (p) => `${path(p.server)} would be spoken to without encryption`,
    advice: () => `Use ${mono("wss://")}: without it, whoever sits in between reads the password.`,
  },
  not_cfms_server: {
    title: (p, _action, problem) => `What answers at ${path(p.server)} is not a CFMS server: ${problem}`,
    advice: () => "Check the address and the port: 5104 unless its administrator changed it.",
  },
  certificate_unknown: {
    title: (p) => `The certificate of ${path(p.server)} is not known: SHA-256 fingerprint ${mono(p.fingerprint ?? "")}`,
    advice: () =>
      `Compare the fingerprint with the server’s own (there: ${mono("openssl x509 -in content/ssl/cert.pem -noout -fingerprint -sha256")}), or ask who runs it.`,
  },
  certificate_changed: {
    title: (p) =>
      `The certificate of ${path(p.server)} has changed: trusted is ${mono(p.expected ?? "")}, and now it shows ${mono(p.fingerprint ?? "")}`,
    advice: () =>
      "Do not go on before you know why: somebody may sit in between. If its administrator renewed it, remove the server in Settings and compare the new fingerprint as at first.",
  },
  certificate_other: {
    title: (p) =>
      `The certificate of ${path(p.server)} is not the one that was given: given is ${mono(p.expected ?? "")}, it shows ${mono(p.fingerprint ?? "")}`,
    advice: () =>
      "Do not go on before you know why: somebody may sit in between. Read the fingerprint on the server anew.",
  },
  no_backup_action: {
    title: (p) => `${path(p.server)} (${text(p.name)}, version ${text(p.version)}) has no backup action`,
    advice: () =>
      `Back it up on its own machine, or run our agent beside it there (${mono("cfms-backup serve")}) and connect to that.`,
  },
  credentials_refused: {
    title: (p) => `${path(p.server)} refused the user name or the password of ${text(p.username)}`,
    advice: () => "Check both. After several failures a server slows down further attempts.",
  },
  password_expired: {
    title: (p) => `The password of ${text(p.username)} on ${path(p.server)} has expired or must be changed`,
    advice: () => "Choose a new password here, or change it in the CFMS client.",
  },
  password_expired_at_agent: {
    title: (p) =>
      `The password of ${text(p.username)} has expired or must be changed, which ${path(p.server)}, an agent, cannot do`,
    advice: () => "Change it in the CFMS client, signed in to the server itself, then come back with the new one.",
  },
  second_factor_refused: {
    title: (p) => `${path(p.server)} refused the second factor of ${text(p.username)}`,
    advice: () =>
      "Give the six digits that your authenticator shows now, each only once. Are both clocks right? Backup codes are not taken by an agent.",
  },
  second_factor_wanted: {
    title: (p) => `${path(p.server)} wants a second factor of ${text(p.username)}`,
    advice: () => "Give the six digits that your authenticator shows now.",
  },
  user_inactive: {
    title: (p) => `The account ${text(p.username)} on ${path(p.server)} is not active`,
    advice: () => "Ask an administrator of the server to activate the account.",
  },
  lockdown: {
    title: (p) => `${path(p.server)} is locked down`,
    advice: () => `Ask who locked it down. Only users with ${mono("bypass_lockdown")} may act meanwhile.`,
  },
  too_many_attempts: {
    title: (p) => `${path(p.server)} has seen too many attempts`,
    advice: () => "Wait some minutes, then try again with the right password.",
  },
  access_denied: {
    title: (p) => `${text(p.username)} may not do that on ${path(p.server)}: ${text(p.message)}`,
    advice: () =>
      `Use an account that has the permission ${mono("manage_system")} (on some servers ${mono("export_backup")}), or ask for it.`,
  },
  entry_denied: {
    title: (p) => `${path(p.server)} lets nobody in from here, or not ${text(p.username)}: ${text(p.message)}`,
    advice: () =>
      "Ask its administrator: this computer’s network may be blocked there, or the account bound to other places.",
  },
  session_ended: {
    title: (p) => `${path(p.server)} has ended the session of ${text(p.username)}`,
    advice: () => "Sign in again.",
  },
  server_refused: {
    title: (p) => `${path(p.server)} refused ${mono(p.request ?? "")}: ${text(p.message)} (${p.code ?? "?"})`,
    advice: () => null,
  },
  server_busy: {
    title: (p) => `${path(p.server)} cannot do that now: ${text(p.message)}`,
    advice: () => "Wait until what it is doing has finished, or choose another name.",
  },
  name_taken_on_server: {
    title: (p) => `${path(p.server)} has a backup called “${text(p.name)}” already`,
    advice: () => `Choose another name, or, if that backup is yours, fetch it with ${mono("cfms-backup remote download")}.`,
  },
  protocol: {
    title: (p, _action, problem) =>
      p.quoted
        ? `${path(p.server)} sent something unexpected: ${problem} (“${text(p.quoted)}”)`
        : `${path(p.server)} sent something unexpected: ${problem}`,
    advice: () => "If it is a CFMS server indeed, please report this with the server’s version.",
  },
  connection_lost: {
    title: (p, _action, problem) => `The connection to ${path(p.server)} was lost: ${problem}`,
    advice: () => "Check the network and the server, then try again.",
  },
  server_silent: {
    title: (p) => `${path(p.server)} has not answered for ${p.seconds ?? "?"} s`,
    advice: () => "Check the network and the server, then try again.",
  },
  outcome_unknown: {
    title: (p, _action, problem) =>
      p.request === "generate_backup"
        ? `The connection to ${path(p.server)} was lost while the server was making the backup.`
        : `The connection to ${path(p.server)} was lost during ${mono(p.request ?? "")}: ${problem}. Whether it was done is not known`,
    advice: (p) =>
      p.request === "generate_backup"
        ? `If the server still runs, it may finish it; look in ${mono("content/backups")} there before asking again.`
        : "Look at the server before asking again.",
  },
  outcome_unclear: {
    title: (p, _action, problem) =>
      p.quoted
        ? `${path(p.server)} may have made a backup, and answered with something unexpected: ${problem} (“${text(p.quoted)}”)`
        : `${path(p.server)} may have made a backup, and answered with something unexpected: ${problem}`,
    advice: () =>
      `Look at the server (${mono("content/backups")} there) before you ask again: if there is a backup, its key lies beside it and may be readable by every user of that machine. Please report this with the server’s version.`,
  },
  cannot_send_files: {
    title: (p) => `${path(p.server)} cannot send backups: it has no action for it`,
    advice: () =>
      `Fetch archive and key from ${mono("content/backups")} on the server (scp, sftp), or run our agent beside it.`,
  },
  not_on_server: {
    title: (p) => `${path(p.server)} has no backup “${text(p.name)}” for this user`,
    advice: () => "Only backups that this agent made for this user are given out. Check the name.",
  },
  transfer_damaged: {
    title: (p, _action, problem) =>
      `The ${p.part === "key" ? "key" : "archive"} of “${text(p.name)}” did not arrive from ${path(p.server)} as it was sent: ${problem}`,
    advice: () => "Fetch it again. If it happens again, look at the server’s disk.",
  },
  known_servers: {
    title: (p, _action, problem) => `The list of known servers ${path(p.path)} cannot be understood: ${problem}`,
    advice: () => "Mend or remove the file. Without it every server is unknown again.",
  },
  keyring: {
    title: (p, _action, problem) => `The system’s keyring has no password for ${path(p.server)}: ${problem}`,
    advice: () => "Type the password.",
  },
  unexpected: {
    title: (_p, _action, problem) => `Something unexpected happened: ${problem}`,
    advice: () => null,
  },
};
