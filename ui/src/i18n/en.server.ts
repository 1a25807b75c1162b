/** A CFMS server at the other end of a line, in English. */
import { number } from "../lib/format";
import { bold, mono, shown } from "../lib/text";

const locale = "en";
const n = (value: number) => number(value, locale);
const path = (value: string) => mono(shown(value));
const withWarnings = (value: number) =>
  value === 0 ? "" : value === 1 ? ", with 1 warning" : `, with ${n(value)} warnings`;

export const source = {
  label: "Where the server is",
  computer: "This computer",
  server: "CFMS server",
};

export const server = {
  title: "Server at the other end of a line",
  formTitle: "Which server is to be backed up?",
  formText: "Sign in as on the server itself, with an account that may back up.",
  address: "Address",
  addressExample: "files.example.org:5104",
  addressHint: "Host and port; 5104 if none is given, 5105 for our agent.",
  user: "User",
  password: "Password",
  inKeyring: "kept in the system’s keyring",
  forgetPassword: "Forget it",
  showPassword: "Show the password",
  hidePassword: "Hide the password",
  remember: "Keep it in the system’s keyring",
  recent: "Recent",
  connect: "Connect",
  calling: (address: string) => `Calling ${path(address)}…`,
  signingIn: (username: string) => `Signing in as ${shown(username)}…`,
  /** Why there is nothing to connect to. */
  missing: {
    noAddress: "Enter the server’s address.",
    noUser: "Enter the user’s name.",
    noPassword: "Enter the password.",
  },

  trustTitle: "Is this your server?",
  selfSigned: (address: string) => `${path(address)} shows a certificate that it signed itself. Most CFMS servers do.`,
  notVouched: (address: string) => `${path(address)} shows a certificate that no authority of this computer vouches for.`,
  fingerprint: "SHA-256 fingerprint",
  paste: "Paste the server’s fingerprint here to compare",
  equal: "It is the same fingerprint.",
  different: "It is a different fingerprint. Do not trust this server: somebody may sit in between.",
  unreadable: "That is no SHA-256 fingerprint: it has 64 hexadecimal digits, with or without colons.",
  names: "Name",
  valid: "Valid",
  signedBy: "Signed by",
  itself: "itself",
  unknown: "unknown",
  expired: "expired",
  howToCompare: (command: string) => `Compare with the server: run ${mono(command)} there, or ask who runs it.`,
  trust: "It matches: trust this server",
  seesPassword: "Whoever runs this server will see the password that you enter. Asked once.",

  changedTitle: "This is not the certificate that you trusted",
  changedText: (address: string) =>
    `${path(address)} shows another one. Somebody may sit between you and the server, or its administrator renewed it. Nothing was sent: no name, no password.`,
  changedMeanwhile: (address: string) =>
    `${path(address)} shows another one since the line was made again. Somebody may sit between you and the server, or its administrator renewed it. Nothing was sent over the new line.`,
  trusted: "Trusted",
  shownNow: "Shown now",
  wayOut:
    "Ask who runs the server, by another way than this line. Only if they renewed it: remove the server in Settings, connect again, and compare the new fingerprint as at first.",
  openSettings: "Open Settings",

  factorTitle: "One more proof",
  factorText: (username: string) =>
    `The password was right. Enter the six digits that the authenticator of ${shown(username)} shows now.`,
  factor: "Digits",
  factorWrong: "That was not right, or its time was over. Wait for the next digits.",
  goOn: "Continue",

  expiredTitle: "The password must be changed",
  expiredText: (username: string) =>
    `The password of ${shown(username)} was right, but has expired or must be changed before anybody signs in with it.`,
  newPassword: "New",
  again: "Again",
  notSame: "These two are not the same.",
  changeAndGoOn: "Change and sign in",

  signOut: "Sign out",
  other: "Choose another server",
  signedInAs: "signed in",
  program: "program",
  version: (text: string) => `CFMS ${shown(text)}`,
  agent: (text: string) => `our agent ${shown(text)}`,
  protocol: "protocol",
  holds: "backups hold",
  holdsWhole: "whole server",
  holdsDocuments: "documents only",
  holdsUnknown: "as it decides",
  lockdown: "An administrator has locked this server down. It may refuse a backup.",
  mayNot: (username: string) =>
    `${shown(username)} may not back up this server: the account lacks ${mono("manage_system")} (on some servers ${mono("export_backup")}). Ask for it, or sign in with another account.`,
  notRemembered: "The system’s keyring did not take the password.",
  notRememberedText: "It may be locked, or refuse. You are signed in; the next time the password is asked for again.",

  destination: "Where to",
  includes: "Includes",
  wholeText: "The whole server, by its operator’s decision: users with their password hashes and the TLS key, too.",
  documentsText: "Folders, documents, revisions and access rules; nobody’s account.",
  unknownText: "What the server’s own backup holds.",
  copy: "Copy",
  copyHere: "Save a copy on this computer",
  copyText: "Archive and key are fetched and checked here.",
  noCopyText: "Archive and key stay on the server’s disk.",
  cannotSend: "This server cannot send files: archive and key stay on its disk.",
  nameHint: "Left empty, the server names it after the time.",
  free: (size: string, at: string) => `${bold(size)} free on ${path(at)}`,
  staysThere: "The backup will lie on the server alone.",
  mayNotShort: "This account may not back up: see above.",
};

export const remoteProgress = {
  at: (address: string) => `through ${path(address)}`,
  untold: "The server does not tell how far it is.",
  sinceThen: "at work",
  lost: (problem: string) => `The connection was lost: ${problem}. It is being made again.`,
  found: "The connection is there again; the work goes on.",
  cancelBefore: "Cancel: nothing was asked yet, nothing is left",
  cancelThere: "Cancel: the server goes on by itself",
  cancelHere: "Cancel: nothing is left here, the server keeps its own",
  closing:
    "If the window closes now, nothing is left on this computer. The server may go on by itself, and its backup will lie on its disk.",
};

export const remoteDone = {
  verified: (value: number) => `Backed up, fetched and verified${withWarnings(value)}`,
  readable: (value: number) => `Backed up and fetched, not provable${withWarnings(value)}`,
  there: (value: number) => `Backed up on the server${withWarnings(value)}`,
  notFetched: "Backed up, but not fetched",
  onServer: "On the server",
  notChecked: "Nothing came to this computer, so nothing was checked here.",
  readableText: "It can be read, but it holds no proof of its bytes.",
  leftThere:
    "Archive and key lie side by side on the server’s disk, and the key can be read by every user of that machine. Fetch both with scp or sftp, then remove them there. The paths are those within the server’s folder.",
  serverHasIt: "The server still has its own copy, key included.",
  serverKeepsIt: "The server keeps its own copy, key included: the one here is not proven to be whole.",
  delete: "Delete it there…",
  deleteTitle: "Delete the backup on the server?",
  deleteText: (name: string) =>
    `Archive and key of ${path(name)} are removed from the server’s disk. The copy on this computer was verified and stays; it is then the only one.`,
  deleteNow: "Delete there",
  deleting: "Deleting…",
  keep: "Keep it",
  deleted: "The server’s own copy is deleted. The one here is the only one.",
  stillThere: (name: string) => `The backup lies on the server as ${path(name)}; nothing was left on this computer.`,
  nothingHere: "Nothing was left on this computer.",
  fetchAgain: "Fetch it again",
  fetch: "Fetch it",
  signInAgain: "Sign in again",
  cancelledBefore: "The server was not asked for a backup yet. Nothing was left there or on this computer.",
  cancelledThere: "The server goes on by itself, and its backup will lie on its disk. Nothing was left on this computer.",
};

export const known = {
  title: "Known servers",
  text: "Each server must show the certificate listed here. Window and command line share the list.",
  none: "None yet. A server is added when you trust its certificate.",
  since: (time: string) => `since ${time}`,
  forget: "Remove",
  forgotten: (address: string) =>
    `${path(address)} is removed. When you connect the next time, its certificate is shown to you as at first.`,
};
