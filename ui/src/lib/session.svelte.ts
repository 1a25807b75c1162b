/** What lives as long as the window: the settings, the page that is shown, the form and the backup. */
import { language } from "../i18n/language.svelte";
import * as api from "./api";
import type { AppState } from "./bindings/AppState";
import type { KnownServer } from "./bindings/KnownServer";
import type { RecentServer } from "./bindings/RecentServer";
import type { RemoteReport } from "./bindings/RemoteReport";
import type { Settings } from "./bindings/Settings";
import type { SourceKind } from "./bindings/SourceKind";
import { Backups } from "./backups.svelte";
import { asFailure, type Failure } from "./errors";
import { BackupForm, ownBackupsFolder } from "./form.svelte";
import { BackupJob, remoteWarnings } from "./job.svelte";
import { RemoteForm } from "./remote.svelte";
import { plain } from "./text";

export type Page = (typeof PAGES)[number];

/** The pages, in the order of the rail and of their keys. */
export const PAGES = ["backup", "backups", "settings"] as const;

/** How many sources are offered again. */
const RECENT = 5;

export class Session {
  page = $state<Page>("backup");
  /** The settings are known, so what is drawn from now on will stay. */
  opened = $state(false);
  app = $state.raw<AppState | null>(null);
  settings = $state.raw<Settings>({
    language: "system",
    theme: "system",
    archive_dir: null,
    key_dir: null,
    verify: true,
    notifications: true,
    source: "computer",
    last_source: null,
    recent_sources: [],
    recent_servers: [],
  });
  settingsFailure = $state.raw<Failure | null>(null);
  startFailure = $state.raw<Failure | null>(null);
  /** The person closed the window while a backup is running, and is asked. */
  closing = $state(false);
  /** A system dialog is open. */
  picking = $state(false);

  readonly form = new BackupForm();
  readonly remote = new RemoteForm((server) => void this.#rememberServer(server));
  readonly job = new BackupJob();
  readonly backups = new Backups();
  readonly #systemIsDark = window.matchMedia("(prefers-color-scheme: dark)");

  /** Loads the settings and looks at the source that the program was started with, or at the one used last. */
  async open(): Promise<void> {
    this.#systemIsDark.addEventListener("change", () => this.#dress());
    try {
      this.app = await api.appState();
      this.settings = this.app.settings;
    } catch (thrown) {
      this.startFailure = asFailure(thrown);
    }
    language.choose(this.settings.language, this.app?.locale ?? "en");
    this.#dress();
    this.#preferArchiveDir();
    this.#preferKeyDir();
    const [newest] = this.settings.recent_servers;
    if (newest !== undefined) this.remote.choose(newest);
    // A source that was named at the start is one on this computer.
    if (this.app?.demo) this.settings = { ...this.settings, source: "computer" };
    this.opened = true;
    const source = this.app?.demo ?? this.settings.last_source ?? this.app?.data_dir_last ?? null;
    if (source !== null) void this.look(source);
  }

  /** Changes settings, at once and on disk. */
  async change(changes: Partial<Settings>): Promise<void> {
    this.settings = { ...this.settings, ...changes };
    language.choose(this.settings.language, this.app?.locale ?? "en");
    this.#dress();
    if ("archive_dir" in changes) this.#preferArchiveDir();
    if ("key_dir" in changes) this.#preferKeyDir();
    await this.#save();
  }

  /** Shows the servers of this computer, or those at the other end of a line. */
  async chooseKind(source: SourceKind): Promise<void> {
    if (source === "server") this.remote.lookForPassword();
    if (source !== this.settings.source) await this.change({ source });
  }

  /** Looks at a source and remembers it if it is one. */
  async look(path: string): Promise<void> {
    if (!(await this.form.look(path))) return;
    const source = this.form.lookedAt ?? path;
    if (this.settings.last_source === source) return;
    const recent = [source, ...this.settings.recent_sources.filter((other) => other !== source)].slice(0, RECENT);
    await this.change({ last_source: source, recent_sources: recent });
  }

  /** Asks for a source with the system's dialog, one at a time. */
  async chooseSource(kind: "folder" | "file"): Promise<void> {
    await this.chooseKind("computer");
    const { source } = language.t;
    const title = kind === "folder" ? source.pickFolderTitle : source.pickFileTitle;
    const start = this.form.survey?.root ?? this.app?.home ?? null;
    const path = await this.pick(() => api.pickSource(title, start, kind));
    if (path !== null) await this.look(path);
  }

  /** Asks for a backup to look into, or for the key of the one whose archive is known. */
  async chooseBackup(part: "either" | "key" = "either"): Promise<void> {
    const { backups } = language.t;
    const { archive } = this.backups;
    const start = archive === "" ? (this.settings.archive_dir ?? this.app?.home ?? null) : archive;
    const title = part === "key" ? backups.pickKeyTitle : backups.pickTitle;
    const file = await this.pick(() => api.pickBackup(title, start, part));
    if (file === null) return;
    await this.backups.choose(part === "key" ? [archive, file] : [file]);
  }

  /** Shows a system dialog unless one is open: they do not block the window, and two would be a riddle. */
  async pick(ask: () => Promise<string | null>): Promise<string | null> {
    if (this.picking) return null;
    this.picking = true;
    try {
      return await ask();
    } catch {
      return null;
    } finally {
      this.picking = false;
    }
  }

  /** Begins the backup that the form describes; on the way to a server, goes on. */
  async start(): Promise<void> {
    if (this.settings.source === "server") return this.#startRemote();
    if (this.form.obstacle !== null) return;
    await this.#run(() => this.job.start(this.form.request(this.settings.verify), this.form.survey));
  }

  /** Does the same once more. */
  async tryAgain(): Promise<void> {
    const { request, survey, remote } = this.job;
    if (remote !== null) await this.#run(() => this.job.startRemote(remote));
    else if (request !== null) await this.#run(() => this.job.start(request, survey));
  }

  /** Fetches the backup that the server has made, as it has one already. */
  async fetchAgain(): Promise<void> {
    const { onServer } = this.job;
    if (onServer !== null) await this.fetch(onServer);
  }

  /** Fetches a backup of that name as the one that was asked for. */
  async fetch(made: string): Promise<void> {
    const { remote } = this.job;
    if (remote === null) return;
    await this.#run(() => this.job.startRemote({ ...remote, request: { ...remote.request, made } }));
  }

  /** Forgets a server's certificate. Whoever is signed in there is signed out: the line would not come back. */
  async forgetServer({ host, port }: KnownServer): Promise<void> {
    await api.forgetServer(host, port);
    if (this.remote.facts?.address.endsWith(`${host}:${port}`)) this.remote.leave();
  }

  /** Shows the form as it was; free space and names are as they are now. */
  backToForm(): void {
    this.job.dismiss();
    this.lookAgain();
  }

  /** Mounted disks and free space change while nobody looks. */
  lookAgain(): void {
    if (this.settings.source === "computer") this.form.place.foresee();
    else if (this.remote.stage === "signedIn") this.remote.place.foresee();
  }

  /** After a backup that was done: a name belongs to one backup. */
  finish(): void {
    if (this.job.remote !== null) {
      this.remote.place.chooseName("");
      return this.backToForm();
    }
    this.form.place.chooseName("");
    // A yes to missing contents was for the backup that is done.
    this.form.allowMissing = false;
    this.backToForm();
    if (this.form.lookedAt !== null) void this.form.look(this.form.lookedAt);
  }

  /** Stops the backup, waits for its end, and closes the window. */
  async stopAndClose(): Promise<void> {
    await this.job.cancel();
    await this.#running;
    await api.closeWindow();
  }

  #running: Promise<void> = Promise.resolve();
  #saving: Promise<void> = Promise.resolve();

  async #startRemote(): Promise<void> {
    const { remote } = this;
    if (remote.stage === "form") return remote.connect();
    const { facts, user, obstacle } = remote;
    if (remote.stage !== "signedIn" || facts === null || user === null || obstacle !== null) return;
    const keyring = remote.kept === "kept";
    await this.#run(() =>
      this.job.startRemote({ request: remote.request(), facts, username: user.username, keyring }),
    );
  }

  async #rememberServer(server: RecentServer): Promise<void> {
    const others = this.settings.recent_servers.filter(
      ({ address, username }) => address !== server.address || username !== server.username,
    );
    await this.change({ recent_servers: [server, ...others].slice(0, RECENT) });
  }

  #preferArchiveDir(): void {
    this.form.preferArchiveDir(this.settings.archive_dir);
    this.remote.place.offer(this.settings.archive_dir ?? "");
  }

  #preferKeyDir(): void {
    for (const { place } of [this.form, this.remote]) place.chooseKeyDir(this.settings.key_dir ?? "");
  }

  /** Saves the settings as they are now, after what is being saved: the newest must be the last. */
  #save(): Promise<void> {
    const settings = this.settings;
    this.#saving = this.#saving.then(async () => {
      try {
        await api.saveSettings(settings);
        this.settingsFailure = null;
      } catch (thrown) {
        this.settingsFailure = asFailure(thrown);
      }
    });
    return this.#saving;
  }

  async #run(work: () => Promise<void>): Promise<void> {
    this.page = "backup";
    this.#running = work();
    await this.#running;
    this.closing = false;
    this.#rememberFolders();
    this.#tell();
  }

  /** The folders in which a backup was written are the next one's; those in which one failed are not. */
  #rememberFolders(): void {
    const { report, request, survey, remote, remoteReport } = this.job;
    const written = report !== null ? request : (remoteReport?.copy ?? null) !== null ? remote?.request.copy : null;
    if (!written) return;
    const own = survey !== null && written.archive_dir === ownBackupsFolder(survey);
    const archive_dir = own ? this.settings.archive_dir : written.archive_dir;
    const { key_dir } = written;
    if (archive_dir === this.settings.archive_dir && key_dir === this.settings.key_dir) return;
    this.settings = { ...this.settings, archive_dir, key_dir };
    void this.#save();
  }

  /** Says how a backup ended to a person who looks elsewhere. */
  #tell(): void {
    const away = document.hidden || !document.hasFocus();
    if (!away || !this.settings.notifications || this.job.face === "cancelled") return;
    const { t } = language;
    const title = this.job.face === "failed" ? t.failed.notification : t.done.notification;
    void api.notify(title, plain(headline(this.job))).catch(() => undefined);
  }

  #dress(): void {
    const { theme } = this.settings;
    const dark = theme === "dark" || (theme === "system" && this.#systemIsDark.matches);
    document.documentElement.dataset.theme = dark ? "dark" : "light";
  }
}

/** How a backup ended, in one line. */
export function headline(job: BackupJob): string {
  const { done, cancelled, failed, remoteDone } = language.t;
  const { face, report, remoteReport } = job;
  if (face === "failed") return job.onServer === null || isNotThere(job) ? failed.title : remoteDone.notFetched;
  if (face === "incomplete") return done.incomplete;
  if (remoteReport !== null) {
    const warnings = warningsOf(remoteReport);
    if (remoteReport.copy === null) return remoteDone.there(warnings);
    return remoteReport.copy.verification.verdict === "verified"
      ? remoteDone.verified(warnings)
      : remoteDone.readable(warnings);
  }
  if (report === null) return cancelled.title;
  const warnings = report.warnings_total;
  if (report.verification === null) return warnings > 0 ? done.unverifiedWarnings(warnings) : done.unverified;
  return warnings > 0 ? done.verifiedWarnings(warnings) : done.verified;
}

/** The server has no backup of the name that was to be fetched. */
export const isNotThere = (job: BackupJob) => job.failure?.code === "not_on_server";

/** What there is to know of a server's backup: the server's warnings, or, where it told none, what checking found. */
function warningsOf({ made, copy }: RemoteReport): number {
  return remoteWarnings({ made, copy }).length || (copy?.verification.findings_total ?? 0);
}
