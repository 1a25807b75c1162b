/** Files that are dragged over the window: which part of it would take them. */
import type { Drag } from "./api";

/** Takes the first of the files that were dropped, or all of them. */
type Take = (path: string, all: string[]) => void;

class DropTarget {
  /** The name of the part under the pointer while something is dragged. */
  over = $state<string | null>(null);
  readonly #takers = new Map<string, Take>();

  /** An attachment: the element takes what is dropped on it. `name` also answers for the whole window if `"source"`. */
  takes(name: string, take: Take) {
    return (element: HTMLElement) => {
      element.dataset.drop = name;
      this.#takers.set(name, take);
      return () => {
        if (this.#takers.get(name) === take) this.#takers.delete(name);
      };
    };
  }

  follow({ at, dropped }: Drag): void {
    const under = at === null ? null : this.#nameAt(at);
    this.over = dropped.length > 0 ? null : under;
    const [path] = dropped;
    if (path !== undefined && under !== null) this.#takers.get(under)?.(path, dropped);
  }

  #nameAt({ x, y }: { x: number; y: number }): string | null {
    const element = document.elementFromPoint(x, y)?.closest<HTMLElement>("[data-drop]");
    const name = element?.dataset.drop ?? "source";
    return this.#takers.has(name) ? name : null;
  }
}

export const dropTarget = new DropTarget();
