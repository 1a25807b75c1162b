/**
 * The border to the application: the only file that knows Tauri. One function a command, named as the command.
 * Every call that can fail rejects with an `ErrorReport`, or, if the application itself is at fault, with anything.
 */
import { Channel, invoke } from "@tauri-apps/api/core";
import { listen } from "@tauri-apps/api/event";
import { getCurrentWebview } from "@tauri-apps/api/webview";
import type { AppState } from "./bindings/AppState";
import type { BackupRequest } from "./bindings/BackupRequest";
import type { ChangeRank } from "./bindings/ChangeRank";
import type { ChangeRows } from "./bindings/ChangeRows";
import type { CompareRequest } from "./bindings/CompareRequest";
import type { Comparison } from "./bindings/Comparison";
import type { Described } from "./bindings/Described";
import type { Event } from "./bindings/Event";
import type { Extracted } from "./bindings/Extracted";
import type { FoundPair } from "./bindings/FoundPair";
import type { KeptPassword } from "./bindings/KeptPassword";
import type { KnownServer } from "./bindings/KnownServer";
import type { ListState } from "./bindings/ListState";
import type { ObjectChange } from "./bindings/ObjectChange";
import type { OpenedBackup } from "./bindings/OpenedBackup";
import type { Outlook } from "./bindings/Outlook";
import type { Preview } from "./bindings/Preview";
import type { RemoteReport } from "./bindings/RemoteReport";
import type { RemoteRequest } from "./bindings/RemoteRequest";
import type { Report } from "./bindings/Report";
import type { Rows } from "./bindings/Rows";
import type { SaveRequest } from "./bindings/SaveRequest";
import type { ServerFacts } from "./bindings/ServerFacts";
import type { Settings } from "./bindings/Settings";
import type { Survey } from "./bindings/Survey";
import type { Together } from "./bindings/Together";
import type { Verification } from "./bindings/Verification";
import type { Welcome } from "./bindings/Welcome";

export const appState = () => invoke<AppState>("app_state");

export const saveSettings = (settings: Settings) => invoke<void>("save_settings", { settings });

/** Looks at a server's folder or database. `allowOutside`: further folders that contents may be read from. */
export const survey = (path: string, allowOutside: string[]) => invoke<Survey>("survey", { path, allowOutside });

/** What would happen at a destination, for a backup of about `needed` bytes. No `name`: it is made of the time. */
export const destinationOutlook = (place: {
  archiveDir: string;
  keyDir: string | null;
  name: string | null;
  source: string | null;
  needed: number | null;
}) => invoke<Outlook>("destination_outlook", place);

/** Makes a backup; `onEvent` hears of its progress until the promise settles. */
export function startBackup(request: BackupRequest, onEvent: (event: Event) => void): Promise<Report> {
  const channel = new Channel<Event>();
  channel.onmessage = onEvent;
  return invoke<Report>("start_backup", { request, onEvent: channel });
}

export const cancelBackup = () => invoke<void>("cancel_backup");

/** The command line that does the same as `request`, quoted for a shell. */
export const backupCommand = (request: BackupRequest) => invoke<string>("backup_command", { request });

/** Calls a server. With a `fingerprint` that the person has compared, it is trusted from now on. */
export const connectServer = (address: string, fingerprint: string | null) =>
  invoke<ServerFacts>("connect_server", { address, fingerprint });

/** Hangs up; whatever is being asked there is stopped. */
export const leaveServer = () => invoke<void>("leave_server");

export const passwordKept = (address: string, username: string) =>
  invoke<KeptPassword>("password_kept", { address, username });

export const forgetPassword = (address: string, username: string) =>
  invoke<void>("forget_password", { address, username });

/** Signs in to the server that was called. No `password`: the keyring's. */
export const signIn = (username: string, password: string | null, remember: boolean) =>
  invoke<Welcome>("sign_in", { username, password, remember });

export const secondFactor = (factor: string) => invoke<Welcome>("second_factor", { factor });

/** Changes the password that has expired, and signs in with the new one. */
export const changePassword = (password: string) => invoke<Welcome>("change_password", { new: password });

/** Has the server make a backup, and fetches it if a copy is wanted; `onEvent` hears of its progress. */
export function backUpServer(request: RemoteRequest, onEvent: (event: Event) => void): Promise<RemoteReport> {
  const channel = new Channel<Event>();
  channel.onmessage = onEvent;
  return invoke<RemoteReport>("back_up_server", { request, onEvent: channel });
}

/** Has the server remove its own copy of a backup. */
export const removeFromServer = (name: string) => invoke<void>("remove_from_server", { name });

/** The command line that does the same as `request`; it asks for the password, or takes the keyring's. */
export const serverCommand = (server: string, username: string, keyring: boolean, request: RemoteRequest) =>
  invoke<string>("server_command", { server, username, keyring, request });

/** The archive and the key that one or two files are of, as far as they are found. */
export const findPair = (files: string[]) => invoke<FoundPair>("find_pair", { files });

/** Opens a backup to look into it. No `key`: the one beside it. */
export const openBackup = (archive: string, key: string | null, keepDamaged: boolean) =>
  invoke<OpenedBackup>("open_backup", { archive, key, keepDamaged });

export const closeBackup = () => invoke<void>("close_backup");

/** Reads a backup and checks it, whether it is open or not; `onEvent` hears of its progress. */
export function verifyBackup(archive: string, key: string | null, onEvent: (event: Event) => void) {
  const channel = new Channel<Event>();
  channel.onmessage = onEvent;
  return invoke<Verification>("verify_backup", { archive, key, onEvent: channel });
}

export const verifyCommand = (archive: string, key: string | null) =>
  invoke<string>("verify_command", { archive, key });

/** Stops a check, a saving or a comparison. */
export const stopLooking = () => invoke<void>("stop_looking");

/** The list of the opened backup's folders and documents. */
export const backupRows = {
  rows: (from: number, count: number) => invoke<Rows>("list_rows", { from, count }),
  keys: (from: number, to: number) => invoke<number[]>("list_keys", { from, to }),
  open: (key: number, open: boolean) => invoke<ListState>("open_row", { key, open }),
  find: (text: string, after: number) => invoke<number | null>("find_title", { text, after }),
};

/** Lists what has `text` in its title; with no text, the tree, in it the row `keep`. */
export const searchTitles = (text: string, keep: number | null) =>
  invoke<ListState>("search_titles", { text, keep });

export const describeRow = (key: number) => invoke<Described>("describe_row", { key });

export const sumRows = (keys: number[]) => invoke<Together>("sum_rows", { keys });

/** What there is to be seen of a document. No `revision`: of the one that the server shows. */
export const previewContent = (key: number, revision: number | null) =>
  invoke<Preview>("preview_content", { key, revision });

/** Takes rows out of the opened backup; `onEvent` hears of the progress. */
export function saveRows(request: SaveRequest, onEvent: (event: Event) => void) {
  const channel = new Channel<Event>();
  channel.onmessage = onEvent;
  return invoke<Extracted>("save_rows", { request, onEvent: channel });
}

/** The command line that takes out the same; `null` where no line could name it all. */
export const saveCommand = (request: SaveRequest) => invoke<string | null>("save_command", { request });

/** Holds the opened backup against another one or a server; `onEvent` hears of the progress. */
export function compareBackup(request: CompareRequest, onEvent: (event: Event) => void) {
  const channel = new Channel<Event>();
  channel.onmessage = onEvent;
  return invoke<Comparison>("compare_backup", { request, onEvent: channel });
}

export const compareCommand = (request: CompareRequest) => invoke<string>("compare_command", { request });

/** Shows only changes of `rank`, or all, as a tree or flat. */
export const shapeChanges = (rank: ChangeRank | null, asTree: boolean) =>
  invoke<ListState>("shape_changes", { rank, asTree });

/** The list of what differs; only one row of it can be selected. */
export const changeRows = {
  rows: (from: number, count: number) => invoke<ChangeRows>("change_rows", { from, count }),
  keys: () => Promise.resolve<number[]>([]),
  open: (key: number, open: boolean) => invoke<ListState>("open_change", { key, open }),
  find: (text: string, after: number) => invoke<number | null>("find_change", { text, after }),
};

export const describeChange = (number: number) => invoke<ObjectChange>("describe_change", { number });

export const leaveComparison = () => invoke<void>("leave_comparison");

export const knownServers = () => invoke<KnownServer[]>("known_servers");

export const forgetServer = (host: string, port: number) => invoke<void>("forget_server", { host, port });

/** Asks for a folder with the system's dialog; `null` if the person thought better of it. */
export const pickFolder = (title: string, start: string | null) =>
  invoke<string | null>("pick_folder", { title, start });

/** Asks for a server's folder, or for its database file. */
export const pickSource = (title: string, start: string | null, kind: "folder" | "file") =>
  invoke<string | null>("pick_source", { title, start, kind });

/** Asks for a backup's archive or key, or for its key alone. */
export const pickBackup = (title: string, start: string | null, part: "either" | "key") =>
  invoke<string | null>("pick_backup", { title, start, part });

export const showInFolder = (path: string) => invoke<void>("show_in_folder", { path });

/** Puts `text` on the clipboard, through the application where the page may not. */
export async function copyText(text: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    await invoke<void>("copy_text", { text });
  }
}

/** Shows whole percents in the window's title and in the task bar; `null` ends it. */
export const setProgress = (percent: number | null) => invoke<void>("set_progress", { percent });

export const notify = (title: string, body: string) => invoke<void>("notify", { title, body });

/** Closes the window, whatever is going on. */
export const closeWindow = () => invoke<void>("close_window");

export const licences = () => invoke<string>("licences");

export const openLogsFolder = () => invoke<void>("open_logs_folder");

/** Calls `ask` when the person closes the window while a backup is running. */
export const onCloseRequested = (ask: () => void) => listen("close-requested", ask);

/** A file or folder that is dragged over the window. Positions are in CSS pixels. */
export type Drag = { at: { x: number; y: number } | null; dropped: string[] };

export const onDrag = (handle: (drag: Drag) => void) =>
  getCurrentWebview().onDragDropEvent(({ payload }) => {
    if (payload.type === "leave") return handle({ at: null, dropped: [] });
    const scale = window.devicePixelRatio || 1;
    const at = { x: payload.position.x / scale, y: payload.position.y / scale };
    handle({ at, dropped: payload.type === "drop" ? payload.paths : [] });
  });
