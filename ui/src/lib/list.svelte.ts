/**
 * A list that lies in the application: the page has only the rows around those that it shows.
 *
 * The list changes as a whole, told by its epoch. What is shown stays until the new rows are there, so nothing blinks.
 */
import { SvelteSet } from "svelte/reactivity";

export type ListState = { epoch: number; rows: number; at: number | null };
/** What is known of every row, whatever it is of. */
export type ListRow = { key: number; open: boolean; has_below: boolean; above: number | null };

/** Where a list lies. */
export type Source<R extends ListRow> = {
  rows: (from: number, count: number) => Promise<{ epoch: number; rows: R[] }>;
  keys: (from: number, to: number) => Promise<number[]>;
  open: (key: number, open: boolean) => Promise<ListState>;
  find: (text: string, after: number) => Promise<number | null>;
};

/** Rows that are asked for at once. */
const CHUNK = 128;
/** Rows that are kept. */
const KEPT = 40 * CHUNK;
/** How long letters that are typed belong together. Milliseconds. */
const TYPING = 800;

export class List<R extends ListRow> {
  total = $state(0);
  /** The row with the keyboard. */
  at = $state(0);
  /** The first row that is drawn; told by who draws. */
  first = $state(0);
  /** Rows that fit. */
  height = 20;
  /** The numbers of the rows that are selected. */
  readonly selected = new SvelteSet<number>();
  /** The selection in the order in which it came: the last one is described. */
  current = $state<number | null>(null);
  /** Asks who draws to bring the row with the keyboard into sight. */
  reveal = $state(0);

  #epoch = 0;
  #chunks = $state.raw(new Map<number, R[]>());
  #asked = new Map<number, Promise<void>>();
  #anchor = 0;
  #typed = { text: "", at: 0 };
  readonly #source: Source<R>;
  readonly #many: boolean;

  /** `many`: several rows can be selected. */
  constructor(source: Source<R>, state: ListState, many = true) {
    this.#source = source;
    this.#many = many;
    this.#epoch = state.epoch;
    this.total = state.rows;
  }

  row(index: number): R | undefined {
    return this.#chunks.get(Math.floor(index / CHUNK))?.[index % CHUNK];
  }

  /** Where the row of that number is, if it is here. */
  indexOf(key: number): number | null {
    for (const [chunk, rows] of this.#chunks) {
      const place = rows.findIndex((row) => row.key === key);
      if (place >= 0) return chunk * CHUNK + place;
    }
    return null;
  }

  /** Whether all rows from one to another are here. */
  has(from: number, to: number): boolean {
    for (let chunk = Math.floor(from / CHUNK); chunk * CHUNK < Math.min(to, this.total); chunk += 1)
      if (!this.#chunks.has(chunk)) return false;
    return true;
  }

  /** Fetches the rows from one to another, and those that come next. */
  async need(from: number, to: number): Promise<void> {
    const [first, last] = [Math.floor(Math.max(0, from) / CHUNK), Math.floor(Math.max(0, to - 1) / CHUNK)];
    const wanted = [];
    for (let chunk = first; chunk <= last; chunk += 1) wanted.push(this.#fetch(chunk));
    await Promise.all(wanted);
    for (const near of [last + 1, first - 1]) void this.#fetch(near);
  }

  /** Goes over to the list as it is now. */
  async change(state: ListState, at: number | null = state.at): Promise<void> {
    const first = at === null ? 0 : Math.max(0, Math.min(this.first, at));
    const from = Math.floor(first / CHUNK);
    const count = Math.ceil((first % CHUNK) / CHUNK + this.height / CHUNK + 0.01) * CHUNK;
    const { epoch, rows } = await this.#source.rows(from * CHUNK, Math.max(count, CHUNK));
    if (epoch !== state.epoch || epoch < this.#epoch) return;
    const chunks = new Map<number, R[]>();
    for (let start = 0; start < rows.length; start += CHUNK) chunks.set(from + start / CHUNK, rows.slice(start, start + CHUNK));
    this.#epoch = epoch;
    this.#asked.clear();
    this.#chunks = chunks;
    this.total = state.rows;
    this.at = Math.min(at ?? 0, Math.max(0, state.rows - 1));
    this.#anchor = this.at;
    if (at === null) this.first = 0;
    this.reveal += 1;
  }

  /** Selects a row alone; with `adds` beside what is selected already, with `extends` all from the last one to it. */
  async select(index: number, { adds = false, extend = false }: { adds?: boolean; extend?: boolean } = {}): Promise<void> {
    await this.need(index, index + 1);
    const key = this.row(index)?.key;
    if (key === undefined) return;
    this.at = index;
    if (extend && this.#many) {
      const [from, to] = [Math.min(this.#anchor, index), Math.max(this.#anchor, index)];
      const keys = await this.#keys(from, to);
      if (!adds) this.selected.clear();
      for (const one of keys) this.selected.add(one);
      this.current = key;
      return;
    }
    this.#anchor = index;
    if (adds && this.#many) {
      if (this.selected.delete(key)) this.current = [...this.selected].at(-1) ?? null;
      else {
        this.selected.add(key);
        this.current = key;
      }
      return;
    }
    this.selected.clear();
    this.selected.add(key);
    this.current = key;
  }

  async selectAll(): Promise<void> {
    if (!this.#many || this.total === 0) return;
    for (const key of await this.#source.keys(0, this.total - 1)) this.selected.add(key);
    this.current ??= this.row(this.at)?.key ?? null;
  }

  /** Opens or closes a folder. */
  async toggle(index: number, open?: boolean): Promise<void> {
    await this.need(index, index + 1);
    const row = this.row(index);
    if (row === undefined || !row.has_below || row.open === open) return;
    await this.change(await this.#source.open(row.key, open ?? !row.open));
  }

  async toggleRow(key: number): Promise<void> {
    const index = this.indexOf(key);
    if (index !== null) await this.toggle(index);
  }

  /** A key was pressed. Returns whether it meant something here; `act` does the row's own thing. */
  press(event: KeyboardEvent, act: (row: R) => void): boolean {
    const { key, shiftKey: extend } = event;
    const ctrl = event.ctrlKey || event.metaKey;
    if (event.altKey || this.total === 0) return false;
    const target = this.#target(key);
    if (target !== null) {
      this.#typed.text = "";
      this.#go(Math.max(0, Math.min(this.total - 1, target)), extend, ctrl);
      return true;
    }
    const row = this.row(this.at);
    if (key === "ArrowRight" || key === "ArrowLeft") {
      if (row !== undefined) this.#sideways(row, key === "ArrowRight");
      return true;
    }
    if (key === "Enter" && !ctrl) {
      if (row?.has_below) void this.toggle(this.at);
      else if (row !== undefined) act(row);
      return true;
    }
    if (key === " " && (ctrl || this.#typed.text === "")) {
      void this.select(this.at, { adds: ctrl || !extend, extend });
      return true;
    }
    if (ctrl && key.toLowerCase() === "a") {
      void this.selectAll();
      return true;
    }
    if (ctrl || key.length !== 1) return false;
    this.#type(key);
    return true;
  }

  #go(index: number, extend: boolean, ctrl: boolean): void {
    if (ctrl && !extend && this.#many) this.at = index;
    else void this.select(index, { extend, adds: ctrl && extend });
    // Before the row is here, so that held keys go on.
    this.at = index;
    this.reveal += 1;
  }

  #target(key: string): number | null {
    const page = Math.max(1, this.height - 1);
    const steps: Record<string, number> = {
      ArrowDown: this.at + 1,
      ArrowUp: this.at - 1,
      PageDown: this.at + page,
      PageUp: this.at - page,
      Home: 0,
      End: this.total - 1,
    };
    return steps[key] ?? null;
  }

  #sideways(row: R, right: boolean): void {
    if (right && row.has_below && !row.open) void this.toggle(this.at, true);
    else if (right && row.has_below) this.#go(this.at + 1, false, false);
    else if (!right && row.open) void this.toggle(this.at, false);
    else if (!right && row.above !== null) this.#go(row.above, false, false);
  }

  /** Goes to the next title that begins with what is typed; one letter again and again goes from one to the next. */
  #type(letter: string): void {
    const now = performance.now();
    const before = now - this.#typed.at < TYPING ? this.#typed.text : "";
    const again = before !== "" && [...before].every((one) => one === letter);
    const text = before + letter;
    this.#typed = { text, at: now };
    setTimeout(() => {
      if (this.#typed.at === now) this.#typed.text = "";
    }, TYPING);
    const after = before === "" || again ? this.at + 1 : this.at;
    void this.#source.find(again ? letter : text, after).then((found) => {
      if (found !== null && this.#typed.at === now) this.#go(found, false, false);
    });
  }

  async #keys(from: number, to: number): Promise<number[]> {
    const keys = [];
    for (let index = from; index <= to; index += 1) {
      const key = this.row(index)?.key;
      if (key === undefined) return this.#source.keys(from, to);
      keys.push(key);
    }
    return keys;
  }

  #fetch(chunk: number): Promise<void> {
    if (chunk < 0 || chunk * CHUNK >= this.total || this.#chunks.has(chunk)) return Promise.resolve();
    const asked = this.#asked.get(chunk);
    if (asked !== undefined) return asked;
    const fetching = this.#source.rows(chunk * CHUNK, CHUNK).then(
      ({ epoch, rows }) => {
        if (epoch !== this.#epoch) return;
        const chunks = new Map(this.#chunks);
        if (chunks.size * CHUNK >= KEPT) for (const far of farFrom(chunk, chunks.keys())) chunks.delete(far);
        chunks.set(chunk, rows);
        this.#chunks = chunks;
        this.#asked.delete(chunk);
      },
      () => void this.#asked.delete(chunk),
    );
    this.#asked.set(chunk, fetching);
    return fetching;
  }
}

/** The half of the chunks that is farthest from one. */
function farFrom(chunk: number, all: Iterable<number>): number[] {
  const sorted = [...all].sort((one, other) => Math.abs(other - chunk) - Math.abs(one - chunk));
  return sorted.slice(0, Math.floor(sorted.length / 2));
}
