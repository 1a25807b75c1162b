/**
 * One backup, from the click to its end. The views only show what is here.
 *
 * The engine's events carry absolute values, so a lost one heals with the next. What is shown of them never runs
 * backwards: the percent counts bytes over all planned phases, reading back included, and 100 is reached by the end alone.
 */
import * as api from "./api";
import type { BackupRequest } from "./bindings/BackupRequest";
import type { Event } from "./bindings/Event";
import type { Line } from "./bindings/Line";
import type { Outcome } from "./bindings/Outcome";
import type { Phase } from "./bindings/Phase";
import type { PlannedPhase } from "./bindings/PlannedPhase";
import type { RemoteReport } from "./bindings/RemoteReport";
import type { RemoteRequest } from "./bindings/RemoteRequest";
import type { Report } from "./bindings/Report";
import type { ServerFacts } from "./bindings/ServerFacts";
import type { Survey } from "./bindings/Survey";
import type { Warning } from "./bindings/Warning";
import { asFailure, type Failure } from "./errors";

/** What a backup looks like from outside: none yet, running, or one of the five endings. */
export type Face = "idle" | "running" | "done" | "done_with_warnings" | "incomplete" | "cancelled" | "failed";

export type StepState = "done" | "now" | "ahead" | "skipped";
export type Step = { phase: Phase; state: StepState; fraction: number };

/** A backup through a server: what it is to do, and whom it knows. */
export type RemoteTask = { request: RemoteRequest; facts: ServerFacts; username: string; keyring: boolean };

/** The steps that are shown; looking at the contents is part of taking the state. */
const STEPS: Phase[] = ["snapshot", "encrypt", "verify", "publish"];
const REMOTE_STEPS: Phase[] = ["connect", "server_work", "download", "verify"];

/** Weight of the newest measurement in the smoothed rate, for each second that it spans. */
const RATE_WEIGHT = 0.3;
/** Measuring over less than this says more of the disk's cache than of the backup. Milliseconds. */
const RATE_SPAN = 500;
/** Without an event for this long, a phase stands still. Milliseconds. */
const STALLED_AFTER = 2000;
/** How long it is said that the line is there again. Milliseconds. */
const FOUND_FOR = 8000;
/** How long a rate is watched before it is believed. Milliseconds. */
const RATE_TRUSTED_AFTER = 2000;

export class BackupJob {
  face = $state<Face>("idle");
  /** Stopping was asked for, and the end is awaited. */
  stopping = $state(false);
  request = $state.raw<BackupRequest | null>(null);
  /** What was known of the server when the backup began. */
  survey = $state.raw<Survey | null>(null);
  /** The backup is one through a server. */
  remote = $state.raw<RemoteTask | null>(null);

  phase = $state<Phase | null>(null);
  snapshotAt = $state<number | null>(null);
  /** Bytes of the phase that is running. */
  bytes = $state(0);
  total = $state<number | null>(null);
  item = $state<string | null>(null);
  items = $state(0);
  itemsTotal = $state<number | null>(null);
  /** Whole percents of the whole backup. */
  percent = $state(0);
  /** Bytes a second of the phase that is running, smoothed; `null` while too little is known. */
  rate = $state<number | null>(null);
  /** Seconds to the end of the backup, reading back included. */
  secondsLeft = $state<number | null>(null);
  warningsCount = $state(0);
  lastWarning = $state.raw<Warning | null>(null);

  /** What became of the line to the server, if it ever broke. */
  line = $state.raw<{ state: Line; problem: string | null } | null>(null);
  /** Seconds since the backup began. */
  elapsed = $state(0);

  report = $state.raw<Report | null>(null);
  remoteReport = $state.raw<RemoteReport | null>(null);
  failure = $state.raw<Failure | null>(null);
  endedAt = $state<Date | null>(null);

  readonly running = $derived(this.face === "running");
  readonly ended = $derived(this.face !== "idle" && this.face !== "running");
  readonly steps: Step[] = $derived(this.#stepsNow());
  /** The server was asked to make a backup. */
  readonly asked = $derived(this.remote !== null && (this.phase !== null || this.remote.request.made !== null));
  /** The name of the backup that lies on the server, once there is one. */
  readonly onServer = $derived(this.remoteReport?.made?.backup_name ?? this.remote?.request.made ?? null);

  #plan: PlannedPhase[] = $state.raw([]);
  /** Whether it is known how far the backup is: some servers do not tell. */
  readonly measured = $derived(this.remote === null || this.#plan.length > 0 || this.percent > 0);
  #measured = { at: 0, bytes: 0, since: 0 };
  #begun = 0;
  #lineSince = 0;
  readonly #now: () => number;

  /** `now`: a clock that never goes back, in milliseconds. */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** Makes the backup. Settles when it has ended, whichever way; how, the face says. */
  async start(request: BackupRequest, survey: Survey | null): Promise<void> {
    if (this.running) return;
    this.#reset();
    this.request = request;
    this.survey = survey;
    await this.#run(async () => {
      this.report = await api.startBackup(request, (event) => this.hear(event));
      return this.report.outcome;
    });
  }

  /** Makes a backup through a server. */
  async startRemote(task: RemoteTask): Promise<void> {
    if (this.running) return;
    this.#reset();
    this.remote = task;
    await this.#run(async () => {
      const report = await api.backUpServer(task.request, (event) => this.hear(event));
      this.remoteReport = report;
      if (report.failure !== null) throw report.failure;
      return remoteOutcome(report);
    });
  }

  async #run(work: () => Promise<Outcome>): Promise<void> {
    this.face = "running";
    this.#begun = this.#now();
    try {
      const outcome = await work();
      this.percent = 100;
      this.face = outcome;
    } catch (thrown) {
      const failure = asFailure(thrown);
      this.failure = failure;
      this.face = failure.code === "cancelled" ? "cancelled" : "failed";
    }
    this.elapsed = (this.#now() - this.#begun) / 1000;
    this.endedAt = new Date();
    this.stopping = false;
  }

  /** Asks the backup to stop. It may still end otherwise, if it was at its end already. */
  async cancel(): Promise<void> {
    if (!this.running || this.stopping) return;
    this.stopping = true;
    try {
      await api.cancelBackup();
    } catch {
      // The backup goes on, so its button must work again.
      this.stopping = false;
    }
  }

  /** Forgets an ended backup: the form is shown again. */
  dismiss(): void {
    if (this.running) return;
    this.#reset();
    this.face = "idle";
  }

  hear(event: Event): void {
    if (!this.running) return;
    if (event.event === "plan") {
      this.#plan = event.phases;
      this.snapshotAt = event.snapshot_at;
    } else if (event.event === "phase") {
      this.total = event.total;
      // A phase that is told once more has only learnt its total.
      if (event.phase !== this.phase) this.#enter(event.phase);
    } else if (event.event === "done") {
      this.bytes = Math.max(this.bytes, event.bytes);
      this.items = Math.max(this.items, event.items);
      this.itemsTotal = event.items_total;
      this.item = event.item;
      this.#measure();
    } else if (event.event === "connection") {
      this.line = { state: event.state, problem: event.problem };
      this.#lineSince = this.#now();
      // What was measured before says nothing of a line that is down, nor of the next one.
      this.secondsLeft = null;
      this.#measureAnew();
      return;
    } else {
      this.warningsCount += 1;
      this.lastWarning = event.warning;
      return;
    }
    this.percent = Math.max(this.percent, this.#percentNow());
    this.secondsLeft = this.#secondsLeftNow();
  }

  /** Time passed: if no bytes went through in it, the rate falls and the time left grows. */
  tick(): void {
    this.elapsed = (this.#now() - this.#begun) / 1000;
    if (this.line?.state === "found" && this.#now() - this.#lineSince >= FOUND_FOR) this.line = null;
    if (!this.running || this.rate === null || this.#now() - this.#measured.at < STALLED_AFTER) return;
    this.#measure();
    this.secondsLeft = this.#secondsLeftNow();
  }

  #enter(phase: Phase): void {
    this.phase = phase;
    this.bytes = 0;
    this.items = 0;
    this.itemsTotal = null;
    this.item = null;
    this.line = null;
    this.#measureAnew();
  }

  #measureAnew(): void {
    const now = this.#now();
    this.rate = null;
    this.#measured = { at: now, bytes: this.bytes, since: now };
  }

  #percentNow(): number {
    const whole = sum(this.#plan);
    if (whole === 0) return 0;
    return Math.min(99, Math.floor((this.#doneOfPlan() / whole) * 100));
  }

  #doneOfPlan(): number {
    const current = this.#currentIndex();
    if (current < 0) return 0;
    const here = this.#plan[current]?.total ?? 0;
    return sum(this.#plan.slice(0, current)) + Math.min(this.bytes, here);
  }

  /** Where in the plan the running phase is; a phase that was not planned lies behind those planned before it. */
  #currentIndex(): number {
    if (this.phase === null) return -1;
    const phase = this.phase;
    const exact = this.#plan.findIndex((planned) => planned.phase === phase);
    if (exact >= 0) return exact;
    const order = ORDER.indexOf(phase);
    return this.#plan.filter((planned) => ORDER.indexOf(planned.phase) < order).length;
  }

  #measure(): void {
    if (this.line?.state === "lost") return;
    const now = this.#now();
    const span = now - this.#measured.at;
    if (span < RATE_SPAN) return;
    const rate = ((this.bytes - this.#measured.bytes) / span) * 1000;
    const weight = 1 - (1 - RATE_WEIGHT) ** (span / 1000);
    this.rate = this.rate === null ? rate : this.rate + (rate - this.rate) * weight;
    this.#measured = { ...this.#measured, at: now, bytes: this.bytes };
  }

  /** The phases ahead are taken to run at the rate of the one that is running: reading back is rarely slower. */
  #secondsLeftNow(): number | null {
    const watched = this.#now() - this.#measured.since;
    if (this.line?.state === "lost") return null;
    if (this.rate === null || this.rate <= 0 || (this.secondsLeft === null && watched < RATE_TRUSTED_AFTER)) {
      return this.phase === "verify" || this.phase === "publish" ? this.secondsLeft : null;
    }
    return (sum(this.#plan) - this.#doneOfPlan()) / this.rate;
  }

  #stepsNow(): Step[] {
    const verify = this.request?.verify ?? true;
    const steps = this.remote === null ? STEPS : remoteSteps(this.remote.request);
    const at = this.phase === null ? 0 : placeIn(steps, this.phase);
    return steps.map((phase, index) => {
      if (phase === "verify" && !verify) return { phase, state: "skipped", fraction: 0 };
      if (index < at) return { phase, state: "done", fraction: 1 };
      if (index > at) return { phase, state: "ahead", fraction: 0 };
      return { phase, state: "now", fraction: this.total ? Math.min(1, this.bytes / this.total) : 0 };
    });
  }

  #reset(): void {
    this.stopping = false;
    this.request = null;
    this.survey = null;
    this.remote = null;
    this.line = null;
    this.elapsed = 0;
    this.remoteReport = null;
    this.phase = null;
    this.snapshotAt = null;
    this.bytes = 0;
    this.total = null;
    this.item = null;
    this.items = 0;
    this.itemsTotal = null;
    this.percent = 0;
    this.rate = null;
    this.secondsLeft = null;
    this.warningsCount = 0;
    this.lastWarning = null;
    this.report = null;
    this.failure = null;
    this.endedAt = null;
    this.#plan = [];
    this.#measured = { at: 0, bytes: 0, since: 0 };
  }
}

const ORDER: Phase[] = [
  "connect",
  "server_work",
  "download",
  "snapshot",
  "survey",
  "encrypt",
  "verify",
  "publish",
];

/** Looking at the contents is part of taking the state; what comes after the last step has none of its own. */
function placeIn(steps: Phase[], phase: Phase): number {
  const index = steps.indexOf(phase === "survey" ? "snapshot" : phase);
  return index < 0 ? steps.length : index;
}

/** Those that such a backup goes through: one that is made already is only fetched, one without a copy is not. */
const remoteSteps = ({ made, copy }: RemoteRequest) =>
  REMOTE_STEPS.filter((phase) => (phase === "server_work" ? made === null : phase === "connect" || copy !== null));

/** How a backup through a server ended. What lies there alone was not checked by anybody, but that is no warning. */
function remoteOutcome({ made, copy }: RemoteReport): Outcome {
  if (copy !== null) return copy.outcome === "done" && made?.warnings.length ? "done_with_warnings" : copy.outcome;
  if (made?.incomplete) return "incomplete";
  return remoteWarnings({ made, copy }).length > 0 ? "done_with_warnings" : "done";
}

/** What a person should know of it. That a server cannot send files has words of its own. */
export const remoteWarnings = ({ made, copy }: Pick<RemoteReport, "made" | "copy">): Warning[] =>
  [...(made?.warnings ?? []), ...(copy?.warnings ?? [])].filter(({ code }) => code !== "left_on_server");

const sum = (phases: PlannedPhase[]) => phases.reduce((total, { total: bytes }) => total + bytes, 0);
