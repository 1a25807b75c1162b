/** The opened backup held against another one, or against a server: with which, and what differs. */
import * as api from "./api";
import type { ChangeRank } from "./bindings/ChangeRank";
import type { ChangeRow } from "./bindings/ChangeRow";
import type { CompareRequest } from "./bindings/CompareRequest";
import type { Comparison } from "./bindings/Comparison";
import type { ObjectChange } from "./bindings/ObjectChange";
import { asFailure, type Failure } from "./errors";
import { List } from "./list.svelte";
import type { Task } from "./task.svelte";

export class Comparer {
  isServer = $state(false);
  /** What stands in the fields. */
  archive = $state("");
  key = $state("");
  server = $state("");

  failure = $state.raw<Failure | null>(null);
  comparison = $state.raw<Comparison | null>(null);
  list = $state.raw<List<ChangeRow> | null>(null);
  rank = $state<ChangeRank | null>(null);
  asTree = $state(false);
  /** What is known of the change that is selected. */
  change = $state.raw<ObjectChange | null>(null);
  #looks = 0;
  readonly #task: Task;

  constructor(task: Task) {
    this.#task = task;
  }

  readonly total = $derived(this.comparison?.ranks.reduce((sum, { count }) => sum + count, 0) ?? 0);
  readonly request: CompareRequest | null = $derived.by(() => {
    const path = (this.isServer ? this.server : this.archive).trim();
    if (path === "") return null;
    return { path, key: this.isServer ? null : this.key.trim() || null, is_server: this.isServer };
  });

  /** Takes over one or two files of the other backup. */
  async choose(files: string[]): Promise<void> {
    try {
      const { archive, key } = await api.findPair(files);
      if (archive !== null && archive !== this.archive) this.key = "";
      this.archive = archive ?? this.archive;
      this.key = key ?? this.key;
      this.isServer = false;
    } catch (thrown) {
      this.failure = asFailure(thrown);
    }
  }

  async start(): Promise<void> {
    if (this.request === null || this.#task.running) return;
    this.failure = null;
    try {
      const key = this.isServer ? null : (this.request.key ?? (await api.findPair([this.request.path])).key);
      const request = { ...this.request, key };
      const comparison = await this.#task.run("compare", (hear) => api.compareBackup(request, hear));
      this.rank = null;
      this.asTree = false;
      this.change = null;
      this.list = new List<ChangeRow>(api.changeRows, comparison.list, false);
      this.comparison = comparison;
    } catch (thrown) {
      this.failure = asFailure(thrown);
    }
  }

  /** Shows only changes of `rank`, or all, as a tree or flat. */
  async shape(rank: ChangeRank | null, asTree: boolean): Promise<void> {
    this.rank = rank;
    this.asTree = asTree;
    const { list } = this;
    if (list === null) return;
    const state = await api.shapeChanges(rank, asTree);
    if (list !== this.list) return;
    // Rows have other numbers in another shape.
    list.selected.clear();
    list.current = null;
    this.change = null;
    await list.change(state, null);
  }

  async look(number: number | null): Promise<void> {
    const look = ++this.#looks;
    try {
      const change = number === null ? null : await api.describeChange(number);
      if (look === this.#looks) this.change = change;
    } catch {
      if (look === this.#looks) this.change = null;
    }
  }

  /** Goes back to the question with what. */
  leave(): void {
    this.failure = null;
    if (this.comparison === null) return;
    this.comparison = null;
    this.list = null;
    this.change = null;
    void api.leaveComparison().catch(() => undefined);
  }
}
