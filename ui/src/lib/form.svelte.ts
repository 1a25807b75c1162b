/** What the person entered for a backup, and what is known of it before it is begun. */
import * as api from "./api";
import type { BackupRequest } from "./bindings/BackupRequest";
import type { Scope } from "./bindings/Scope";
import type { Survey } from "./bindings/Survey";
import { Destination, type DestinationObstacle } from "./destination.svelte";
import { asFailure, type Failure } from "./errors";
import { joinPath } from "./format";

/** Why a backup cannot be begun. */
export type Obstacle =
  | "noSource"
  | "changed"
  | "looking"
  | "sourceError"
  | "incomplete"
  | DestinationObstacle;

export class BackupForm {
  /** The text of the source's field: what was typed, which need not have been looked at yet. */
  source = $state("");
  scope = $state<Scope>("whole_server");
  allowOutside = $state.raw<string[]>([]);
  allowMissing = $state(false);

  /** The path that is being looked at, or was last. */
  lookedAt = $state<string | null>(null);
  looking = $state(false);
  survey = $state.raw<Survey | null>(null);
  sourceFailure = $state.raw<Failure | null>(null);

  readonly needed = $derived(
    this.survey === null
      ? null
      : this.scope === "whole_server"
        ? this.survey.estimated_bytes
        : this.survey.estimated_bytes_documents_only,
  );
  readonly place: Destination = new Destination(() => ({ source: this.survey?.database ?? null, needed: this.needed }));
  readonly obstacle: Obstacle | null = $derived(this.#obstacleNow());

  #preferredArchiveDir: string | null = null;
  #looks = 0;

  /** Takes over the archive's folder that the settings offer. */
  preferArchiveDir(archiveDir: string | null): void {
    this.#preferredArchiveDir = archiveDir;
    this.place.offer(archiveDir ?? this.#ownBackupsFolder());
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
      this.place.propose(this.#preferredArchiveDir ?? this.#ownBackupsFolder());
    } catch (thrown) {
      if (look !== this.#looks) return false;
      this.survey = null;
      this.sourceFailure = asFailure(thrown);
      // The folder of the server that was looked at before is none of this one's.
      this.place.propose(this.#preferredArchiveDir ?? "");
    }
    this.looking = false;
    this.place.foresee();
    return this.survey !== null;
  }

  /** Looks once more at what was looked at, with other folders allowed. */
  async allow(folders: string[]): Promise<void> {
    this.allowOutside = folders;
    if (this.lookedAt !== null) await this.look(this.lookedAt);
  }

  chooseScope(scope: Scope): void {
    this.scope = scope;
    this.place.foresee();
  }

  /** What the engine is to do. */
  request(verify: boolean): BackupRequest {
    return {
      source: this.lookedAt ?? this.source.trim(),
      archive_dir: this.place.archiveDir.trim(),
      key_dir: this.place.keyDir.trim() || null,
      name: this.place.name || null,
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
    return this.place.obstacle;
  }
}

/** Where a server itself puts its backups. */
export const ownBackupsFolder = (survey: Survey) => joinPath(survey.root, "content", "backups");
