/** Where a backup goes and how it is called, and what is known of that before it is begun. */
import * as api from "./api";
import type { Outlook } from "./bindings/Outlook";

/** Why nothing can be written there. */
export type DestinationObstacle = "noFolder" | "badName" | "archiveProblem" | "keyProblem" | "noSpace";

/** What is to be written, as far as known: the server's database on this computer, and bytes. */
export type Load = { source: string | null; needed: number | null };

/** Typing is over when nothing was typed for this long, in milliseconds. */
const TYPED = 200;

export class Destination {
  archiveDir = $state("");
  keyDir = $state("");
  name = $state("");
  outlook = $state.raw<Outlook | null>(null);

  readonly obstacle: DestinationObstacle | null = $derived(this.#obstacleNow());

  /** The archive's folder is the one that was proposed, so another source proposes another. */
  #proposed = true;
  #outlooks = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  readonly #load: () => Load;

  constructor(load: () => Load) {
    this.#load = load;
  }

  /** Proposes a folder for the archive: it stands until the person chooses one. */
  propose(archiveDir: string): void {
    if (this.#proposed) this.archiveDir = archiveDir;
  }

  /** Offers another folder for the archive, whatever was chosen before. */
  offer(archiveDir: string): void {
    this.#proposed = true;
    this.archiveDir = archiveDir;
    this.foresee();
  }

  chooseArchiveDir(path: string): void {
    this.archiveDir = path;
    this.#proposed = false;
    this.foresee();
  }

  chooseKeyDir(path: string): void {
    this.keyDir = path;
    this.foresee();
  }

  chooseName(name: string): void {
    this.name = name;
    this.foresee();
  }

  /** Has it looked at, once typing is over. */
  foresee(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.foreseeNow(), TYPED);
  }

  async foreseeNow(): Promise<void> {
    const call = ++this.#outlooks;
    const archiveDir = this.archiveDir.trim();
    if (archiveDir === "") {
      this.outlook = null;
      return;
    }
    const [keyDir, name] = [this.keyDir.trim() || null, this.name || null];
    const outlook = await api.destinationOutlook({ archiveDir, keyDir, name, ...this.#load() }).catch(() => null);
    if (call === this.#outlooks) this.outlook = outlook;
  }

  #obstacleNow(): DestinationObstacle | null {
    if (this.archiveDir.trim() === "") return "noFolder";
    if (isRelative(this.archiveDir)) return "archiveProblem";
    if (isRelative(this.keyDir)) return "keyProblem";
    const { archive, key, name_problem } = this.outlook ?? {};
    if (name_problem) return "badName";
    if (archive?.problem) return archive.problem.code === "no_space" ? "noSpace" : "archiveProblem";
    // Without a folder of its own, the key goes to the archive's.
    if (key?.problem) return this.keyDir.trim() === "" ? "archiveProblem" : "keyProblem";
    const { needed } = this.#load();
    if (archive && archive.free_bytes !== null && needed !== null && archive.free_bytes < needed) return "noSpace";
    return null;
  }
}

/** Whether a path that was typed does not say from where it goes: below what it lies, nobody would see. */
export const isRelative = (path: string) => !/^\s*($|\/|~\s*$|~\/)/.test(path);
