/** The keys that work everywhere in the window. */
import { PAGES, type Session } from "./session.svelte";

export function onKey(event: KeyboardEvent, session: Session): void {
  if (event.defaultPrevented || document.querySelector("dialog[open]")) return;
  if (event.ctrlKey !== event.metaKey && !event.altKey && !event.shiftKey) {
    const action = shortcut(event.key.toLowerCase(), session);
    if (action) {
      event.preventDefault();
      action();
    }
  } else if (event.key === "Enter" && !event.ctrlKey && !event.metaKey && !isControl(event.target)) {
    const main = document.querySelector<HTMLElement>("[data-main]");
    if (main) {
      event.preventDefault();
      main.click();
    }
  }
}

function shortcut(key: string, session: Session): (() => void) | undefined {
  switch (key) {
    case ",":
      return () => (session.page = "settings");
    case "b":
      return () => startFromKey(session);
    case "o":
      return () => chooseFromKey(session);
    default:
      return pageOfKey(key, session);
  }
}

function pageOfKey(key: string, session: Session): (() => void) | undefined {
  const page = PAGES[Number(key) - 1];
  return page && (() => (session.page = page));
}

function startFromKey(session: Session): void {
  session.page = "backup";
  if (session.job.running) return;
  if (session.job.ended) session.backToForm();
  else void session.start();
}

function chooseFromKey(session: Session): void {
  session.page = "backups";
  void session.chooseBackup();
}

/** Whether a control has its own use for Enter. */
const isControl = (target: EventTarget | null) =>
  target instanceof HTMLElement && target.closest("button, a, input, select, textarea, summary") !== null;
