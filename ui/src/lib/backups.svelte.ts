/** The backup that is looked into: which, what it is, its list, and what is being done with it. */
import { language } from "../i18n/language.svelte";
import * as api from "./api";
import type { Described } from "./bindings/Described";
import type { Extracted } from "./bindings/Extracted";
import type { OpenedBackup } from "./bindings/OpenedBackup";
import type { Row } from "./bindings/Row";
import type { SaveRequest } from "./bindings/SaveRequest";
import type { Together } from "./bindings/Together";
import type { Verification } from "./bindings/Verification";
import { Comparer } from "./comparer.svelte";
import { asFailure, type Failure } from "./errors";
import { splitPath } from "./format";
import { List } from "./list.svelte";
import { Task } from "./task.svelte";

export type Tab = "overview" | "contents" | "checks" | "compare";

/** What became of a saving. */
export type Saved = { output: string; extracted: Extracted | null; failure: Failure | null };

/** How long a search waits for the next letter. Milliseconds. */
const SEARCH_AFTER = 120;

export class Backups {
  /** What stands in the fields. */
  archive = $state("");
  key = $state("");
  opening = $state(false);
  failure = $state.raw<Failure | null>(null);

  opened = $state.raw<OpenedBackup | null>(null);
  tab = $state<Tab>("contents");
  list = $state.raw<List<Row> | null>(null);
  searched = $state("");

  /** What is known of the row that was selected last. */
  described = $state.raw<Described | null>(null);
  /** How much is selected, where that is more than one row. */
  sum = $state.raw<Together | null>(null);
  allRevisions = $state(false);
  saved = $state.raw<Saved | null>(null);

  verification = $state.raw<Verification | null>(null);
  checkFailure = $state.raw<Failure | null>(null);

  readonly task = new Task();
  readonly comparer = new Comparer(this.task);
  /** The name of the backup. */
  readonly name = $derived(splitPath(this.opened?.archive_path ?? this.archive).name.replace(/\.cfms\.enc$/, ""));
  #searching: ReturnType<typeof setTimeout> | undefined;
  #looks = 0;

  /** Takes over one or two files, and opens the backup if both are known. */
  async choose(files: string[]): Promise<void> {
    if (this.opening || this.task.running) return;
    try {
      const { archive, key } = await api.findPair(files);
      if (archive !== null && archive !== this.archive) this.#forget();
      this.archive = archive ?? this.archive;
      this.key = key ?? (archive === null ? (files[0] ?? "") : "");
    } catch (thrown) {
      this.failure = asFailure(thrown);
      return;
    }
    if (this.archive !== "") await this.open();
  }

  /** Opens what stands in the fields. `keepDamaged`: what is whole of it, if it is damaged. */
  async open(keepDamaged = false): Promise<void> {
    const archive = this.archive.trim();
    if (this.opening || this.task.running || archive === "") return;
    this.opening = true;
    this.failure = null;
    try {
      const key = this.key.trim() || (await api.findPair([archive])).key;
      const opened = await api.openBackup(archive, key, keepDamaged);
      this.#forgetContents();
      this.list = new List<Row>(api.backupRows, opened.list);
      this.opened = opened;
      this.tab = opened.flaws.length > 0 ? "overview" : "contents";
      this.archive = opened.archive_path;
      this.key = opened.key_path;
    } catch (thrown) {
      // What was open is closed already.
      this.#forgetContents();
      this.failure = asFailure(thrown);
    } finally {
      this.opening = false;
    }
  }

  /** Closes the backup; its key is forgotten. */
  async close(): Promise<void> {
    await this.task.stop();
    await api.closeBackup().catch(() => undefined);
    this.#forget();
    this.archive = "";
    this.key = "";
  }

  /** Lists what has a text in its title, once no further letter comes. */
  search(text: string): void {
    this.searched = text;
    clearTimeout(this.#searching);
    this.#searching = setTimeout(() => void this.#search(), SEARCH_AFTER);
  }

  /** Leaves the search for the tree, with the row that was selected last in sight. */
  async showInTree(): Promise<void> {
    clearTimeout(this.#searching);
    this.searched = "";
    await this.#search();
  }

  /** Learns what is to be known of what is selected. */
  async look(current: number | null, selected: number[]): Promise<void> {
    const look = ++this.#looks;
    try {
      const described = current === null ? null : await api.describeRow(current);
      const sum = selected.length < 2 ? null : await api.sumRows(selected);
      if (look === this.#looks) [this.described, this.sum] = [described, sum];
    } catch {
      if (look === this.#looks) [this.described, this.sum] = [null, null];
    }
  }

  request(output: string): SaveRequest {
    return { keys: [...(this.list?.selected ?? [])], output, all_revisions: this.allRevisions };
  }

  /** Takes what is selected out into a folder. */
  async save(output: string): Promise<void> {
    const request = this.request(output);
    if (this.task.running || request.keys.length === 0) return;
    this.saved = null;
    try {
      const extracted = await this.task.run("save", (hear) => api.saveRows(request, hear));
      this.saved = { output, extracted, failure: null };
    } catch (thrown) {
      this.saved = { output, extracted: null, failure: asFailure(thrown) };
    }
  }

  /** Checks the backup whose paths stand in the fields, open or not. */
  async check(): Promise<void> {
    if (this.task.running) return;
    const archive = this.archive.trim();
    this.verification = null;
    this.checkFailure = null;
    try {
      const key = this.key.trim() || null;
      const verification = await this.task.run("check", (hear) => api.verifyBackup(archive, key, hear));
      if (archive === this.archive.trim()) this.verification = verification;
    } catch (thrown) {
      this.checkFailure = asFailure(thrown);
    }
  }

  async #search(): Promise<void> {
    const { list } = this;
    if (list === null) return;
    const keep = list.current;
    try {
      const state = await api.searchTitles(this.searched, keep);
      if (list === this.list) await list.change(state);
    } catch {
      // The backup was closed meanwhile.
    }
  }

  #forget(): void {
    this.#forgetContents();
    this.failure = null;
    this.verification = null;
    this.checkFailure = null;
  }

  #forgetContents(): void {
    clearTimeout(this.#searching);
    this.#looks += 1;
    this.comparer.leave();
    this.opened = null;
    this.list = null;
    this.searched = "";
    this.described = null;
    this.sum = null;
    this.saved = null;
    this.allRevisions = false;
  }
}

/** How a check ended, in one sentence. */
export function verdictWords(verification: Verification): string {
  const { checks } = language.t;
  return { verified: checks.verified, readable: checks.readable, damaged: checks.damaged }[verification.verdict];
}
