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
import type { RemoteReport } from "../lib/bindings/RemoteReport";
import type { RemoteRequest } from "../lib/bindings/RemoteRequest";
import type { Report } from "../lib/bindings/Report";
import type { Settings } from "../lib/bindings/Settings";
import * as backups from "./backups";
import * as samples from "./samples";
import * as servers from "./servers";
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
    case "connect_server":
      await pause(300);
      return outcomeOf(args.fingerprint === null ? (scenario.connect ?? servers.agent) : servers.agent);
    case "sign_in":
      return outcomeOf(scenario.signIn ?? servers.welcome);
    case "second_factor":
      return outcomeOf(servers.factorRefused);
    case "change_password":
      return servers.welcome;
    case "password_kept":
      return scenario.kept ?? "kept";
    case "back_up_server":
      return remoteBackup(args.request as RemoteRequest, args.onEvent as Channel, scenario);
    case "server_command":
      return "cfms-backup remote backup --server files.example.org:5105 --username lin.wei";
    case "known_servers":
      return scenario.known ?? servers.known;
    case "pick_folder":
      return "/media/other-disk/backups";
    case "pick_source":
      return "/srv/cfms";
    case "licences":
      return "Apache License\nVersion 2.0, January 2004\n".repeat(60);
    default:
      return lookedInto[command]?.(args) ?? null;
  }
}

const lookedInto = backups.answers();
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

/** The same through a server, which tells how far it is unless the scenario says that it does not. */
async function remoteBackup(request: RemoteRequest, channel: Channel, scenario: Scenario): Promise<RemoteReport> {
  cancelled = false;
  const total = samples.survey.content_bytes;
  const phases = (["server_work", "download", "verify"] as const).filter(
    (phase) => phase === "server_work" || request.copy !== null,
  );
  const planned = phases.map((phase) => ({ phase, total }));
  for (const [index, phase] of phases.entries()) {
    channel.onmessage({ event: "phase", phase, total: scenario.untold ? null : total });
    if (!scenario.untold) channel.onmessage({ event: "plan", phases: planned, snapshot_at: null });
    for (let at = 0; at < 1; at += 1 / (scenario.ticks ?? 60)) {
      if (scenario.endsAt !== undefined && (index + at) / phases.length >= scenario.endsAt) {
        if (scenario.line) channel.onmessage({ event: "connection", server: "", ...scenario.line });
        if (scenario.remoteEnd === undefined) await new Promise(() => undefined);
        break;
      }
      const item = phase === "server_work" ? (samples.titles[0] ?? null) : null;
      if (!scenario.untold)
        channel.onmessage({ event: "done", bytes: Math.round(at * total), item, items: 0, items_total: null });
      await pause(scenario.tick ?? 100);
      if (cancelled) throw samples.cancelled;
    }
  }
  return outcomeOf(scenario.remoteEnd ?? servers.report);
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
