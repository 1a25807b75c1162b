/**
 * The application played by the page itself, for work on the window's looks: `npm run dev`, then
 * `http://localhost:1420/#SCENARIO,light|dark,en|zh`. The scenarios are the names in `scenarios.ts`.
 */
import { emit } from "@tauri-apps/api/event";
import { mockIPC, mockWindows } from "@tauri-apps/api/mocks";
import type { AppState } from "../lib/bindings/AppState";
import type { BackupRequest } from "../lib/bindings/BackupRequest";
import type { ErrorReport } from "../lib/bindings/ErrorReport";
import type { Event } from "../lib/bindings/Event";
import type { Report } from "../lib/bindings/Report";
import type { Settings } from "../lib/bindings/Settings";
import * as samples from "./samples";
import { scenarios, type Scenario } from "./scenarios";

type Channel = { onmessage: (event: Event) => void };

export function install(): void {
  const [name = "ready", theme = "dark", language = "en"] = decodeURIComponent(location.hash.slice(1)).split(",");
  const scenario = scenarios[name] ?? scenarios.ready;
  if (!scenario) return;
  const state: AppState = {
    ...samples.appState,
    ...scenario.app,
    settings: {
      ...samples.appState.settings,
      ...scenario.settings,
      theme: theme === "light" ? "light" : "dark",
      language: language.startsWith("zh") ? "zh-CN" : "en",
    },
  };
  mockWindows("main");
  mockIPC((command, args) => answer(command, args as Record<string, unknown>, scenario, state), {
    shouldMockEvents: true,
  });
  // The application freezes it, so the window must do without touching it.
  Object.freeze(Object.prototype);
  void perform(scenario);
}

async function answer(
  command: string,
  args: Record<string, unknown>,
  scenario: Scenario,
  state: AppState,
): Promise<unknown> {
  switch (command) {
    case "app_state":
      return state;
    case "save_settings":
      state.settings = args.settings as Settings;
      return null;
    case "survey":
      await pause(scenario.surveyTakes ?? 120);
      return outcomeOf(scenario.survey ?? samples.survey);
    case "destination_outlook":
      return {
        ...samples.outlook,
        key_beside_archive: args.keyDir === null,
        name_problem: String(args.name).includes("/") ? samples.badName(String(args.name)) : null,
        ...scenario.outlook,
      };
    case "start_backup":
      return backup(args.request as BackupRequest, args.onEvent as Channel, scenario);
    case "cancel_backup":
      cancelled = true;
      return null;
    case "backup_command":
      return `cfms-backup create --data-dir ${(args.request as BackupRequest).source}`;
    case "pick_folder":
      return "/media/other-disk/backups";
    case "pick_source":
      return "/srv/cfms";
    case "licences":
      return "Apache License\nVersion 2.0, January 2004\n".repeat(60);
    default:
      return null;
  }
}

let cancelled = false;

/** A backup of some seconds, which stops where the scenario wants it to. */
async function backup(request: BackupRequest, channel: Channel, scenario: Scenario): Promise<Report> {
  cancelled = false;
  const total = samples.survey.content_bytes;
  const phases: [Event & { event: "phase" }, number][] = [
    [{ event: "phase", phase: "snapshot", total: 12_300_000 }, 12_300_000],
    [{ event: "phase", phase: "encrypt", total }, total],
  ];
  if (request.verify) phases.push([{ event: "phase", phase: "verify", total }, total]);
  phases.push([{ event: "phase", phase: "publish", total: null }, 0]);
  const planned = phases.map(([{ phase }, bytes]) => ({ phase, total: bytes }));
  const whole = planned.reduce((sum, { total: bytes }) => sum + bytes, 0);
  const tick = scenario.tick ?? 100;
  const step = total / (scenario.ticks ?? 60);
  let done = 0;
  for (const [phase, bytes] of phases) {
    channel.onmessage(phase);
    if (phase.phase === "encrypt") {
      channel.onmessage({ event: "plan", phases: planned, snapshot_at: samples.report.snapshot_at });
      for (const warning of scenario.warnings ?? samples.warnings.slice(0, 1))
        channel.onmessage({ event: "warning", warning });
    }
    for (let at = 0; at < bytes; at += step) {
      if (scenario.endsAt !== undefined && (done + at) / whole >= scenario.endsAt) {
        if (scenario.end === undefined) await new Promise(() => undefined);
        return outcomeOf(scenario.end as Report | ErrorReport);
      }
      const items = Math.round((at / bytes) * 1310);
      const item = samples.titles[Math.floor(at / step / 4) % samples.titles.length] ?? null;
      channel.onmessage({ event: "done", bytes: Math.round(at), item, items, items_total: 1310 });
      await pause(tick);
      if (cancelled) throw samples.cancelled;
    }
    done += bytes;
  }
  return outcomeOf(scenario.end ?? samples.report);
}

/** An error report is thrown, as the application rejects with it. */
function outcomeOf<T extends object>(answer: T | ErrorReport): T {
  if ("code" in answer) throw answer;
  return answer;
}

async function perform(scenario: Scenario): Promise<void> {
  await pause(500);
  for (const testid of scenario.clicks ?? []) {
    document.querySelector<HTMLElement>(`[data-testid="${testid}"]`)?.click();
    await pause(scenario.clickPause ?? 150);
  }
  if (scenario.closes) {
    await pause(600);
    await emit("close-requested");
  }
  document.documentElement.dataset.performed = "";
}

const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));
