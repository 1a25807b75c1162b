/** Backups that are looked into: opening, contents, checks. */
import { bytes as sizeOf, number } from "../lib/format";
import { bold, mono, shown } from "../lib/text";

const locale = "en";
const n = (value: number) => number(value, locale);
const size = (value: number) => sizeOf(value, locale);
const count = (value: number, one: string, many: string) => `${n(value)} ${value === 1 ? one : many}`;
const documents = (value: number) => count(value, "document", "documents");
const files = (value: number) => count(value, "file", "files");
const points = (width: number | null, height: number | null) =>
  width === null || height === null ? "" : `${n(width)} × ${n(height)}, `;
const path = (value: string) => mono(shown(value));
const name = (value: string) => `“${shown(value)}”`;
const names = (values: string[]) => values.map(name).join(", ");

export const backups = {
  emptyTitle: "Which backup do you want to look into?",
  emptyText: "Choose an archive (.cfms.enc) or its key (.key), or drop either or both here. Nothing is unpacked.",
  dropHere: "Drop the archive or its key here",
  choose: "Choose backup…",
  pickTitle: "Choose a backup: its archive or its key",
  pickKeyTitle: "Choose the key of the backup",
  chooseKey: "Choose key…",
  archive: "Archive",
  key: "Key",
  archivePlaceholder: "or type its path, for example /media/backup/first.cfms.enc",
  keyPlaceholder: "beside the archive",
  open: "Open",
  opening: "Opening…",
  justMade: "Just made",
  openDamaged: "Open what is whole",
  check: "Check it",
  close: "Close backup",
  tabs: { label: "About this backup", overview: "Overview", contents: "Contents", checks: "Check", compare: "Compare" },
  /** Below the name. */
  facts: (bytes: number, docs: number, folders: number) =>
    `${size(bytes)} · ${documents(docs)} · ${count(folders, "folder", "folders")}`,
  stateOf: "State of the server",
  server: "Server",
  cipher: "Encryption",
  madeBy: "Made by",
  otherMaker: "a CFMS server, or another program",
  revisions: "Revisions",
  missing: "Contents missing",
  members: "Members",
  warnings: "Warnings stored with it",
  noWarnings: "Nothing was to be warned of when it was made.",
  noManifest: "It was made by another program, which stores no list of warnings and no digests.",
  flaws: (value: number) =>
    value === 1 ? "1 thing is wrong with this archive; it was opened all the same." : `${n(value)} things are wrong with this archive; it was opened all the same.`,
};

export const browse = {
  search: "Search titles",
  searchHint: "A part of a title, or a whole id",
  clear: "Clear the search",
  tree: "Folders and documents of this backup",
  found: (value: number) => (value === 0 ? "Nothing is called so." : `${n(value)} found`),
  empty: "This backup holds no documents and no folders.",
  withoutFolder: "Without a folder",
  topLevel: "at the top",
  itemsSpoken: (value: number) => documents(value),
  never: "content missing",
  lost: "content lost",
  noContent: "no content",
  status: { deleted: "deleted, kept", locked: "locked", other: "unknown state" } as Record<string, string>,
  choose: "Choose a folder or a document to see its revisions and who may do what with it.",
  selected: (value: number) => `${n(value)} selected`,
  together: (docs: number, bytes: number) => `${documents(docs)}, ${size(bytes)}`,
  missing: (value: number) =>
    value === 1 ? "The backup does not hold 1 content." : `The backup does not hold ${n(value)} contents.`,
  created: "Created",
  id: "Id",
  where: "In",
  access: "Who may do what",
  inherits: "Rules of the folders above are among these.",
  singleGrants: "Rights granted to single people beside the rules are not told here.",
  revisions: (value: number) => count(value, "revision", "revisions"),
  latest: "the one shown",
  revisionsCut: (value: number) => `The newest ${n(value)} are listed.`,
  unknownTime: "time unknown",
  showInTree: "Show in the tree",
  save: "Save…",
  saveHint: "Save the selection into a folder",
  allRevisions: "with all revisions",
  nothingSelected: "Select what you want to save: Ctrl and Shift take several.",
  pickOutput: "Choose the folder to save into",
  saving: "Saving",
  saved: (value: number, bytes: number, at: string) => `${bold(files(value))} saved (${size(bytes)}) into ${path(at)}.`,
  savedNone: "Nothing was saved: the backup holds no content of it.",
  saveStopped: (at: string) => `Stopped. Files that were finished stay in ${path(at)}; they are whole.`,
  map: (file: string) => `${path(file)} says which file is which document.`,
  notHeld: (value: number) => `${n(value)} ${value === 1 ? "content is" : "contents are"} not in the backup.`,
  damaged: (value: number) => `${n(value)} damaged ${value === 1 ? "content was" : "contents were"} left out.`,
  damagedKept: (value: number) => `${n(value)} damaged ${value === 1 ? "content is" : "contents are"} among them.`,
  unproven: (value: number) => `Nothing proves ${files(value)}: this backup has no digests.`,
  dismiss: "Dismiss",
  stop: "Stop: finished files stay",
  tooManyToCopy: "No command line could name all of it.",
};

export const preview = {
  open: "Preview",
  reading: "Reading…",
  frame: "Preview of the content",
  cut: (bytes: number, whole: number) => `The first ${size(bytes)} of ${size(whole)}.`,
  tooLarge: (whole: number, width: number | null, height: number | null) =>
    `This picture is too large to be shown here (${points(width, height)}${size(whole)}). Save it to look at it.`,
  other: (whole: number) =>
    `No preview: this is neither plain text nor a picture of a simple kind (${size(whole)}). Save it to open it.`,
  empty: "This content has no bytes.",
  damage: (reason: string) => `This content is damaged: ${reason}`,
};

/** Whom something is open to. */
export const access = {
  kinds: { read: "Read", write: "Change", move: "Move", manage: "Manage" } as Record<string, string>,
  everyone: "everyone who is signed in",
  nobody: "nobody",
  right: (values: string[], all: boolean) =>
    values.length === 1 ? `the right ${names(values)}` : `${all ? "all" : "one"} of the rights ${names(values)}`,
  group: (values: string[], all: boolean) =>
    values.length === 1 ? `the group ${names(values)}` : `${all ? "all" : "one"} of the groups ${names(values)}`,
  notUnderstood: "a rule that cannot be understood",
  and: " and ",
  or: " or ",
  brackets: (words: string) => `(${words})`,
};

export const checks = {
  title: "Check this backup",
  text: "Every byte is read and held against the digest in the key file, the archive’s own list and the database. Nothing is changed.",
  start: "Verify",
  again: "Verify again",
  running: "Verifying",
  stop: "Stop",
  verified: "Verified: every byte is as it was written.",
  readable: "Readable: all that can be checked is sound, but nothing proves the contents.",
  damaged: "Damaged: this archive is not what was written.",
  damagedText: "Use an older or another copy. What is whole can still be taken out.",
  read: (members: number, bytes: number, time: string) =>
    `${count(members, "member", "members")} and ${size(bytes)} of contents were read in ${time}.`,
  findings: "Findings",
  findingsCut: (value: number) => `The first ${n(value)} are listed.`,
  noFindings: "Nothing was found.",
  notChecked: "What could not be checked",
  stopped: "The check was stopped; it says nothing of the archive.",
  severity: { damage: "Damage", warning: "Warning" },
};

export const compare = {
  title: "Compare with another state",
  text: "What came, what went, what changed, and above all who may do more than before.",
  kind: "Compare with",
  backup: "Another backup",
  server: "A server on this computer",
  archive: "Archive",
  key: "Key",
  folder: "Folder or database",
  pickFolder: "Choose the folder of the server",
  start: "Compare",
  another: "Compare with another…",
  running: "Comparing",
  stop: "Stop",
  stopped: "The comparison was stopped.",
  old: "Then",
  new: "Now",
  opened: "the opened backup",
  nothing: "Nothing differs.",
  same: (docs: number, folders: number) => `${documents(docs)} and ${count(folders, "folder", "folders")} are as they were.`,
  all: (value: number) => `All ${n(value)}`,
  ranks: {
    wider_rights: "Open to more people",
    rights: "Open to fewer people",
    removed: "Removed",
    content: "Other contents",
    moved: "Moved",
    renamed: "Renamed",
    status: "Other state",
    added: "Added",
  } as Record<string, string>,
  filter: "Which changes are shown",
  shape: "Shown as",
  list: "List",
  tree: "Tree",
  changes: "What differs",
  choose: "Choose a change to see what it was and what it is.",
  then: "then",
  now: "now",
  notThere: "not there",
  rights: "Who may do what",
  fromAbove: "by the rules of a folder above",
  path: "Place",
  content: "Content",
  state: "State",
  ordinary: "as ever",
  contents: {
    changed: "another content",
    gone: "its content was there and is not",
    found: "its content was not there and is",
    unknown: "its content could not be compared",
  } as Record<string, string>,
  revisionsAdded: (value: number) => `${count(value, "revision", "revisions")} more`,
  revisionsRemoved: (value: number) => `${count(value, "revision", "revisions")} gone`,
  revisionsChanged: (value: number) => `${count(value, "revision", "revisions")} with another content`,
  notCompared: (value: number) => (value === 1 ? "1 thing could not be compared." : `${n(value)} things could not be compared.`),
};
