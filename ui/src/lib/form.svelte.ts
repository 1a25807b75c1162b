/** What the person entered for a backup, and what is known of it before it is begun. */
import * as api from "./api";
import type { BackupRequest } from "./bindings/BackupRequest";
import type { Outlook } from "./bindings/Outlook";
import type { Scope } from "./bindings/Scope";
import type { Survey } from "./bindings/Survey";
import { asFailure, type Failure } from "./errors";
import { joinPath } from "./format";

/** Why a backup cannot be begun. */
export type Obstacle =
  | "noSource"
  | "changed"
  | "looking"
  | "sourceError"
  | "incomplete"
  | "noFolder"
  | "badName"
  | "archiveProblem"
  | "keyProblem"
  | "noSpace";

/** Typing is over when nothing was typed for this long, in milliseconds. */
const TYPED = 200;

export class BackupForm {
  /** The text of the source's field: what was typed, which need not have been looked at yet. */
  source = $state("");
  scope = $state<Scope>("whole_server");
  archiveDir = $state("");
  keyDir = $state("");
  name = $state("");
  allowOutside = $state.raw<string[]>([]);
  allowMissing = $state(false);

  /** The path that is being looked at, or was last. */
  lookedAt = $state<string | null>(null);
  looking = $state(false);
  survey = $state.raw<Survey | null>(null);
  sourceFailure = $state.raw<Failure | null>(null);
  outlook = $state.raw<Outlook | null>(null);

  readonly needed = $derived(
    this.survey === null
      ? null
      : this.scope === "whole_server"
        ? this.survey.estimated_bytes
        : this.survey.estimated_bytes_documents_only,
  );
  readonly obstacle: Obstacle | null = $derived(this.#obstacleNow());

  /** The archive's folder is the one that was proposed, so another source proposes another. */
  #archiveProposed = true;
  #preferredArchiveDir: string | null = null;
  #looks = 0;
  #outlooks = 0;
  #outlookTimer: ReturnType<typeof setTimeout> | undefined;

  /** Takes over the folders that the settings offer. */
  prefer(archiveDir: string | null, keyDir: string | null): void {
    this.#preferredArchiveDir = archiveDir;
    if (this.#archiveProposed) this.archiveDir = archiveDir ?? this.#ownBackupsFolder();
    this.keyDir = keyDir ?? "";
    this.foresee();
  }

  /** Looks at a server. Resolves to whether one was found; an answer that came too late counts for nothing. */
  async look(path: string): Promise<boolean> {
    const wanted = path.trim();
    if (wanted !== this.lookedAt) {
      this.allowOutside = [];
      this.allowMissing = false;
      this.survey = null;
    }
    this.source = wanted;
    const look = ++this.#looks;
    if (wanted === "") {
      this.lookedAt = null;
      this.looking = false;
      this.survey = null;
      this.sourceFailure = null;
      return false;
    }
    this.lookedAt = wanted;
    this.looking = true;
    this.sourceFailure = null;
    try {
      const survey = await api.survey(wanted, this.allowOutside);
      if (look !== this.#looks) return false;
      this.survey = survey;
      if (this.#archiveProposed) this.archiveDir = this.#preferredArchiveDir ?? this.#ownBackupsFolder();
    } catch (thrown) {
      if (look !== this.#looks) return false;
      this.survey = null;
      this.sourceFailure = asFailure(thrown);
    }
    this.looking = false;
    this.foresee();
    return this.survey !== null;
  }

  /** Looks once more at what was looked at, with other folders allowed. */
  async allow(folders: string[]): Promise<void> {
    this.allowOutside = folders;
    if (this.lookedAt !== null) await this.look(this.lookedAt);
  }

  chooseArchiveDir(path: string): void {
    this.archiveDir = path;
    this.#archiveProposed = false;
    this.foresee();
  }

  chooseKeyDir(path: string): void {
    this.keyDir = path;
    this.foresee();
  }

  chooseScope(scope: Scope): void {
    this.scope = scope;
    this.foresee();
  }

  chooseName(name: string): void {
    this.name = name;
    this.foresee();
  }

  /** Has the destination looked at, once typing is over. */
  foresee(): void {
    clearTimeout(this.#outlookTimer);
    this.#outlookTimer = setTimeout(() => void this.foreseeNow(), TYPED);
  }

  async foreseeNow(): Promise<void> {
    const call = ++this.#outlooks;
    const archiveDir = this.archiveDir.trim();
    if (archiveDir === "") {
      this.outlook = null;
      return;
    }
    const keyDir = this.keyDir.trim() || null;
    const [name, source] = [this.name || null, this.survey?.database ?? null];
    const outlook = await api
      .destinationOutlook({ archiveDir, keyDir, name, source, needed: this.needed })
      .catch(() => null);
    if (call === this.#outlooks) this.outlook = outlook;
  }

  /** What the engine is to do. */
  request(verify: boolean): BackupRequest {
    return {
      source: this.lookedAt ?? this.source.trim(),
      archive_dir: this.archiveDir.trim(),
      key_dir: this.keyDir.trim() || null,
      name: this.name || null,
      scope: this.scope,
      verify,
      allow_missing: this.allowMissing,
      allow_outside: [...this.allowOutside],
      require_other_disk: false,
    };
  }

  #ownBackupsFolder(): string {
    return this.survey === null ? "" : ownBackupsFolder(this.survey);
  }

  #obstacleNow(): Obstacle | null {
    if (this.looking) return "looking";
    if (this.sourceFailure !== null) return "sourceError";
    if (this.survey === null) return "noSource";
    if (this.source.trim() !== this.lookedAt) return "changed";
    if (this.survey.incomplete && !this.allowMissing) return "incomplete";
    if (this.archiveDir.trim() === "") return "noFolder";
    const { archive, key, name_problem } = this.outlook ?? {};
    if (name_problem) return "badName";
    if (archive?.problem) return archive.problem.code === "no_space" ? "noSpace" : "archiveProblem";
    if (key?.problem) return "keyProblem";
    if (archive && archive.free_bytes !== null && this.needed !== null && archive.free_bytes < this.needed)
      return "noSpace";
    return null;
  }
}

/** Where a server itself puts its backups. */
export const ownBackupsFolder = (survey: Survey) => joinPath(survey.root, "content", "backups");
