/** English, which gives every language its shape. Values are texts, or functions of what they speak about. */
import { bytes as sizeOf, number } from "../lib/format";
import { bold, mono, shown } from "../lib/text";
import { access, backups, browse, checks, compare, preview } from "./en.backups";
import { errors, findings, notChecked, reasons, warnings } from "./en.engine";
import { known, remoteDone, remoteProgress, server, source as sourceKind } from "./en.server";

const locale = "en";
const n = (value: number) => number(value, locale);
const size = (value: number | string | undefined) => sizeOf(Number(value ?? 0), locale);
const count = (value: number, one: string, many: string) => `${n(value)} ${value === 1 ? one : many}`;
const path = (value: string | undefined) => mono(shown(value ?? ""));
const text = (value: string | undefined) => shown(value ?? "");
const contents = (value: number) => count(value, "content", "contents");

export const en = {
  locale,
  name: "English",
  product: "CFMS Backup",

  nav: { label: "Pages", backup: "Back up", backups: "Backups", settings: "Settings" },

  common: {
    browse: "Browse…",
    show: "Show",
    close: "Close",
    copy: "Copy",
    copied: "Copied",
    showInFolder: "Show in folder",
    copyAsCommand: "Copy as command",
    back: "Back",
    cancel: "Cancel",
    untitled: "without a title",
    /** What happened, as a sentence before another. */
    sentence: (words: string) => `${words}.`,
    /** Between two sentences. */
    gap: " ",
    /** What the operating system or another program said, in whatever language. */
    systemWords: (words: string) => words,
    /** What is the matter with a thing. */
    about: (thing: string, reason: string) => `${thing}: ${reason}`,
    /** Between the parts of a list. */
    comma: ", ",
  },

  time: {
    now: "just now",
    minutes: (value: number) => `${n(value)} min ago`,
    hours: (value: number) => `${n(value)} h ago`,
    days: (value: number) => (value === 1 ? "yesterday" : `${n(value)} days ago`),
    seconds: (value: number) => `${n(value)} s`,
    duration: (hours: number, minutes: number, seconds: number) => {
      if (hours > 0) return minutes > 0 ? `${n(hours)} h ${minutes} min` : `${n(hours)} h`;
      if (minutes > 0) return seconds > 0 ? `${minutes} min ${seconds} s` : `${minutes} min`;
      return `${seconds} s`;
    },
    shorterThanASecond: "under 1 s",
  },

  source: {
    title: "Server on this computer",
    emptyTitle: "Which server is to be backed up?",
    emptyText: "Choose the folder that the CFMS server runs in, or its database file, or drop either here.",
    chooseFolder: "Choose folder…",
    chooseFile: "Choose database…",
    pathLabel: "Path of the server’s folder or database",
    pathPlaceholder: "or type its path, for example /srv/cfms",
    recent: "Recent",
    look: "Look",
    lookAgain: "Look again",
    looking: (at: string) => `Looking at ${path(at)}…`,
    unnamed: "CFMS server",
    notServer: "Not a CFMS server",
    folderButton: "Folder…",
    fileButton: "Database…",
    pickFolderTitle: "Choose the folder of the CFMS server",
    pickFileTitle: "Choose the database of the CFMS server",
    dropHere: "Drop the server’s folder or database here",
    documents: (value: number): string => (value === 1 ? "document" : "documents"),
    folders: (value: number): string => (value === 1 ? "folder" : "folders"),
    files: (value: number): string => (value === 1 ? "file" : "files"),
    users: (value: number): string => (value === 1 ? "user" : "users"),
    contents: "contents",
    lastChange: "last change",
    unknown: "unknown",
    missing: (value: number) =>
      value === 1
        ? "1 content is missing on disk. The backup will hold its entry and name it."
        : `${n(value)} contents are missing on disk. The backup will hold their entries and name them.`,
    noticed: (value: number) => (value === 1 ? "1 more thing was noticed." : `${n(value)} more things were noticed.`),
    noticedOnly: (value: number) => (value === 1 ? "1 thing was noticed." : `${n(value)} things were noticed.`),
    incomplete: (missing: number, files: number, below: string | null) =>
      `${bold(n(missing))} of ${count(files, "content", "contents")} ${missing === 1 ? "is" : "are"} missing${
        below === null ? " on disk" : ` below ${path(below)}`
      }. Is a disk not mounted? A backup without them must not be relied on.`,
    inS3: (missing: number, files: number) =>
      `${bold(n(missing))} of ${count(files, "content is", "contents are")} in S3 storage, not on this disk. The backup will not hold them: back up the bucket with the tools of its provider.`,
    incompleteOutside: (outside: number, files: number) =>
      `${bold(n(outside))} of ${count(files, "content lies", "contents lie")} outside the server’s folder, or behind a link, and would not be read. A backup without them must not be relied on.`,
    outsideCount: (value: number) =>
      value === 1
        ? "1 content lies outside the server’s folder, or behind a link, and is not read. The backup will hold its entry and name it."
        : `${n(value)} contents lie outside the server’s folder, or behind a link, and are not read. The backup will hold their entries and name them.`,
    allowMissing: "Back up what is there, and take that as done",
    outside: (folder: string) =>
      `Some of the contents outside lie below ${path(folder)}. They are read only if you allow it.`,
    allowOutside: "Read files below it too",
    allowedOutside: (folder: string) => `Also reads files below ${path(folder)}.`,
    forbidOutside: "Do not read",
    dialogTitle: (value: number) =>
      value === 1 ? "1 thing to know about this server" : `${n(value)} things to know about this server`,
    dialogText: "A backup is made all the same. It stores this list, so that it is known when the backup is restored.",
    dialogCut: (value: number) => `The first ${n(value)} are listed.`,
  },

  destination: {
    title: "What and where to",
    includes: "Includes",
    whole: "Whole server",
    documents: "Documents only",
    wholeText: "documents, users, groups, configuration, TLS pair",
    documentsText: "folders, documents, revisions and access rules; nobody’s account",
    archive: "Archive folder",
    key: "Key folder",
    name: "Name",
    besideArchive: "beside the archive",
    pickArchiveTitle: "Choose the folder of the archive",
    pickKeyTitle: "Choose the folder of the key",
    nameHint: "Left empty, the name is made of the time.",
    created: "This folder will be created.",
    sameDisk: "On the same disk as the server: if that disk dies, both are gone.",
    keyBeside: "Key and archive lie together: whoever copies this folder can read the backup.",
    dropArchive: "Drop the archive’s folder here",
    dropKey: "Drop the key’s folder here",
    wholePath: "Give the whole path, beginning with / or ~/.",
  },

  bar: {
    start: "Back up",
    space: (needed: number, free: number, at: string) =>
      `About ${bold(size(needed))}; ${size(free)} free on ${path(at)}`,
    spaceUnknown: (needed: number) => `About ${bold(size(needed))}`,
    unverified: "not read back afterwards (Settings)",
    why: {
      noSource: "Choose a server first.",
      changed: "The server’s path was changed: press Enter in it to look there.",
      looking: "The server is being looked at.",
      sourceError: "This server cannot be backed up as it is: see above.",
      incomplete: "Too many contents are missing: see above, or tick the box there.",
      noFolder: "Choose a folder for the archive.",
      badName: "This name cannot be used: see above.",
      archiveProblem: "The archive cannot go into this folder: see above.",
      keyProblem: "The key cannot go into this folder: see above.",
      noSpace: (needed: number, free: number, at: string) =>
        `Needs about ${bold(size(needed))}, and ${size(free)} are free on ${path(at)}.`,
    },
  },

  progress: {
    title: "Backing up",
    stopping: "Stopping…",
    phases: {
      connect: "Connect",
      server_work: "Server at work",
      download: "Fetch the backup",
      snapshot: "Snapshot",
      survey: "Survey",
      encrypt: "Encrypt contents",
      verify: "Read back and verify",
      publish: "Publish",
      extract: "Take out contents",
      read_back: "Read back what was written",
      compare: "Compare",
    },
    /** What was done with the bytes of a phase, before how many they are. */
    did: {
      download: "fetched",
      encrypt: "encrypted",
      verify: "verified",
    } as Record<string, string>,
    notVerified: "not asked for",
    percent: "Progress of the whole backup",
    asOf: (documents: number, time: string) => `${count(documents, "document", "documents")} as of ${time}`,
    preparing: "The state of the server is being taken.",
    left: (time: string) => `about ${bold(time)} left`,
    working: "measuring…",
    almost: "almost done",
    rate: (rate: number) => `${size(rate)}/s`,
    warnings: (value: number) => count(value, "warning so far", "warnings so far"),
    warning: (title: string, problem: string) => `“${text(title)}”: ${problem}`,
    serverWorks: "The server keeps working meanwhile.",
    cancel: "Cancel: nothing will be left behind",
    spoken: (percent: number, phase: string) => `${percent} percent, ${phase}`,
    windowTitle: (percent: number) => `${percent} % – CFMS Backup`,
  },

  done: {
    verified: "Backed up and verified",
    verifiedWarnings: (value: number) => `Backed up and verified, with ${count(value, "warning", "warnings")}`,
    unverified: "Backed up, not verified",
    unverifiedWarnings: (value: number) => `Backed up, not verified, with ${count(value, "warning", "warnings")}`,
    incomplete: "The backup is incomplete",
    incompleteText: (missing: number, files: number, below: string | null) =>
      `It lacks ${bold(n(missing))} of ${contents(files)}${
        below === null ? "" : `, which should be below ${path(below)}`
      }.`,
    incompleteOutside: (outside: number) =>
      outside === 1
        ? "1 of them lies outside the server’s folder, or behind a link, and was not read."
        : `${n(outside)} of them lie outside the server’s folder, or behind a link, and were not read.`,
    mountAgain: "Do not rely on it: mount the disk that holds them, then back up again.",
    bucketToo: "Its contents are in S3 storage: back up the bucket as well, with the tools of its provider.",
    allowAgain: "Do not rely on it: allow the folders that they lie in, then back up again.",
    archive: "Archive",
    key: "Key",
    sha256: "SHA-256",
    copySha: "Copy the SHA-256",
    metadata: "Metadata",
    version: "Version",
    created: "Created",
    includes: "Includes",
    wholeServer: "whole server",
    parts: {
      database: "users, groups",
      configuration: "configuration",
      certificate: "TLS certificate",
      tlsKey: "TLS key",
    },
    documentsOnly: "documents only",
    documents: "Documents",
    folders: "Folders",
    files: "Files",
    contents: "Contents",
    took: "Took",
    warnings: "Warnings",
    check: "Check",
    readBack: (members: number) =>
      `Read back from disk: ${count(members, "member", "members")}, every byte as written.`,
    notReadBack: "Not read back. To check it later, run:",
    noWarnings: "Nothing is missing: every content that the server has is in it.",
    findings: "Noted while reading back",
    unfinished: (value: number) =>
      `${count(value, "upload was", "uploads were")} never finished and ${value === 1 ? "has" : "have"} no content; nothing is lost with ${value === 1 ? "it" : "them"}.`,
    keepKey: "Keep the key safe",
    keepKeyText: "Without it nobody can open this backup, not even we.",
    keyBeside:
      "It lies beside the archive: whoever copies that folder can read the backup. Keep a copy elsewhere, and move this one away.",
    sameDisk: "The archive lies on the disk of the server. Copy it to another disk: otherwise it is lost together with this disk.",
    done: "Done",
    notification: "Backup finished",
  },

  cancelled: {
    title: "Cancelled",
    heading: "The backup was stopped",
    text: "Nothing was left behind: the unfinished archive and its key were removed. Earlier backups and the server were not touched.",
    again: "Back up again",
    form: "Back to the form",
  },

  failed: {
    title: "The backup failed",
    nothingLeft:
      "This attempt left nothing behind. Earlier backups, keys and the server were not touched.",
    after: (done: number, total: number) => `After ${size(done)} of ${size(total)}.`,
    tryAgain: "Try again",
    chooseFolder: "Choose another folder…",
    changeName: "Change the name",
    changeSource: "Choose another server",
    form: "Back to the form",
    details: "Details",
    copyAll: "Copy all",
    notification: "Backup failed",
    noAdvice: "Try again; if it happens again, the details help whoever looks after the server.",
  },

  closing: {
    title: "A backup is running",
    text: (percent: number) =>
      `It is at ${percent} %. If the window closes now, the backup is stopped, and nothing is left behind.`,
    keep: "Keep backing up",
    stop: "Stop and close",
    stopping: "Stopping…",
  },

  settings: {
    appearance: "Appearance",
    language: "Language",
    languageSystem: "As the system",
    theme: "Theme",
    themes: { system: "As the system", light: "Light", dark: "Dark" },
    backups: "Backups",
    archiveDir: "Archive folder",
    archiveDirText: "Offered for every backup; the last one used.",
    archiveDirNone: "the server’s own content/backups",
    keyDir: "Key folder",
    keyDirText: "Best on another disk or a USB stick.",
    verify: "Verify after backup",
    verifyText: "The finished archive is read back from disk and every byte compared.",
    notifications: "Notifications",
    notificationsText: "Tell me when a backup ends while the window is in the background.",
    about: "About",
    version: "Version",
    logs: "Logs",
    logsText: "When something ran and how it ended; no titles, no keys.",
    openLogs: "Open folder",
    licences: "Licences",
    licencesText: "Of this program and of what it is made of.",
    showLicences: "Show",
    notSaved: "The settings could not be saved.",
    loading: "Reading the licences…",
  },

  backups,
  browse,
  preview,
  access,
  checks,
  compare,

  start: { failed: "The application did not start as it should." },

  sourceKind,
  server,
  remoteProgress,
  remoteDone,
  known,

  warnings,
  findings,
  notChecked,
  reasons,
  actions: {} as Record<string, string>,
  errors,
};
