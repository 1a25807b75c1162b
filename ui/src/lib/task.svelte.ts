/** Work with a backup that is looked into, from its click to its end: a check, a saving, a comparison. One at a time. */
import * as api from "./api";
import type { Event } from "./bindings/Event";
import type { Phase } from "./bindings/Phase";

export type Work = "check" | "save" | "compare";

export class Task {
  /** What is being done. */
  work = $state<Work | null>(null);
  /** Stopping was asked for, and the end is awaited. */
  stopping = $state(false);
  phase = $state<Phase | null>(null);
  bytes = $state(0);
  total = $state<number | null>(null);
  item = $state<string | null>(null);
  items = $state(0);
  itemsTotal = $state<number | null>(null);

  readonly running = $derived(this.work !== null);
  /** Whole percents of the phase; `null` where its end is not known. */
  readonly percent = $derived.by(() => {
    if (this.total) return Math.min(100, Math.floor((this.bytes / this.total) * 100));
    if (this.itemsTotal) return Math.min(100, Math.floor((this.items / this.itemsTotal) * 100));
    return null;
  });

  /** Does the work; rejects as it does. */
  async run<T>(work: Work, begin: (hear: (event: Event) => void) => Promise<T>): Promise<T> {
    this.#enter(null, null);
    this.work = work;
    this.stopping = false;
    try {
      return await begin((event) => this.#hear(event));
    } finally {
      this.work = null;
      this.stopping = false;
    }
  }

  /** Asks the work to stop. */
  async stop(): Promise<void> {
    if (!this.running || this.stopping) return;
    this.stopping = true;
    try {
      await api.stopLooking();
    } catch {
      this.stopping = false;
    }
  }

  #hear(event: Event): void {
    if (!this.running) return;
    if (event.event === "phase") {
      if (event.phase === this.phase) this.total = event.total;
      else this.#enter(event.phase, event.total);
    } else if (event.event === "done") {
      this.bytes = Math.max(this.bytes, event.bytes);
      this.items = Math.max(this.items, event.items);
      this.itemsTotal = event.items_total;
      this.item = event.item;
    }
  }

  #enter(phase: Phase | null, total: number | null): void {
    this.phase = phase;
    this.total = total;
    this.bytes = 0;
    this.items = 0;
    this.itemsTotal = null;
    this.item = null;
  }
}
