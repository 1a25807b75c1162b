import { mockIPC } from "@tauri-apps/api/mocks";
import { beforeEach, describe, expect, test } from "vitest";
import type { BackupRequest } from "../src/lib/bindings/BackupRequest";
import type { Event } from "../src/lib/bindings/Event";
import type { PlannedPhase } from "../src/lib/bindings/PlannedPhase";
import type { Report } from "../src/lib/bindings/Report";
import { BackupJob } from "../src/lib/job.svelte";
import * as samples from "../src/mock/samples";

const request: BackupRequest = {
  source: "/srv/cfms",
  archive_dir: "/media/backup",
  key_dir: null,
  name: null,
  scope: "whole_server",
  verify: true,
  allow_missing: false,
  allow_outside: [],
  require_other_disk: false,
};

const plan: PlannedPhase[] = [
  { phase: "encrypt", total: 1000 },
  { phase: "verify", total: 1000 },
];

const done = (bytes: number, item: string | null = null): Event => ({
  event: "done",
  bytes,
  item,
  items: 1,
  items_total: 4,
});

let now = 0;
let settle: (report: Report) => void;
let refuse: (reason: unknown) => void;

function running(): { job: BackupJob; ended: Promise<void> } {
  mockIPC((command) => {
    if (command === "start_backup")
      return new Promise<Report>((resolve, reject) => {
        settle = resolve;
        refuse = reject;
      });
    return null;
  });
  const job = new BackupJob(() => now);
  return { job, ended: job.start(request, samples.survey) };
}

beforeEach(() => {
  now = 0;
});

describe("a line that breaks", () => {
  const line = (state: "lost" | "found"): Event => ({ event: "connection", server: "s", state, problem: null });

  test("has no rate and no time left while it is down, and is measured anew when it is back", () => {
    const { job } = running();
    job.hear({ event: "plan", phases: plan, snapshot_at: null });
    job.hear({ event: "phase", phase: "encrypt", total: 1000 });
    for (const at of [1, 2, 3]) {
      now = at * 1000;
      job.hear(done(at * 100));
    }
    expect(job.rate).toBeCloseTo(100);
    job.hear(line("lost"));
    now = 60_000;
    job.tick();
    expect([job.rate, job.secondsLeft]).toEqual([null, null]);

    job.hear(line("found"));
    now = 61_000;
    job.hear(done(400));
    expect(job.rate).toBeCloseTo(100);
    expect(job.line).not.toBeNull();
    now = 70_000;
    job.tick();
    expect(job.line).toBeNull();
  });

  test("is no reason for bytes to run backwards where a phase learns its total", () => {
    const { job } = running();
    job.hear({ event: "phase", phase: "encrypt", total: null });
    job.hear(done(400));
    job.hear({ event: "phase", phase: "encrypt", total: 2000 });
    expect([job.bytes, job.total]).toEqual([400, 2000]);
  });
});

describe("progress", () => {
  test("the percent is of all phases, reading back included", () => {
    const { job } = running();
    job.hear({ event: "plan", phases: plan, snapshot_at: 1e9 });
    job.hear({ event: "phase", phase: "encrypt", total: 1000 });
    job.hear(done(1000));
    expect(job.percent).toBe(50);
    job.hear({ event: "phase", phase: "verify", total: 1000 });
    job.hear(done(500));
    expect(job.percent).toBe(75);
    expect(job.steps.map(({ state }) => state)).toEqual(["done", "done", "now", "ahead"]);
  });

  test("it never runs backwards, whatever order the events come in", () => {
    const { job } = running();
    job.hear({ event: "plan", phases: plan, snapshot_at: null });
    job.hear({ event: "phase", phase: "encrypt", total: 1000 });
    let before = 0;
    for (const bytes of [100, 700, 300, 900, 0]) {
      job.hear(done(bytes));
      expect(job.percent).toBeGreaterThanOrEqual(before);
      before = job.percent;
    }
    job.hear({ event: "plan", phases: [...plan, { phase: "publish", total: 9000 }], snapshot_at: null });
    expect(job.percent).toBe(before);
  });

  test("a lost event heals with the next", () => {
    const { job } = running();
    job.hear({ event: "plan", phases: plan, snapshot_at: null });
    job.hear({ event: "phase", phase: "verify", total: 1000 });
    job.hear(done(1000));
    expect(job.percent).toBe(99);
  });

  test("a hundred percent are reached by the end alone", async () => {
    const { job, ended } = running();
    job.hear({ event: "plan", phases: plan, snapshot_at: null });
    job.hear({ event: "phase", phase: "verify", total: 1000 });
    job.hear(done(5000));
    expect(job.percent).toBe(99);
    settle(samples.report);
    await ended;
    expect(job.percent).toBe(100);
  });

  test("a contents growth beyond the plan does not spill into the next phase", () => {
    const { job } = running();
    job.hear({ event: "plan", phases: plan, snapshot_at: null });
    job.hear({ event: "phase", phase: "encrypt", total: 1000 });
    job.hear(done(1500));
    expect(job.percent).toBe(50);
  });

  test("phases before the plan is known show no percent, only their own step", () => {
    const { job } = running();
    job.hear({ event: "phase", phase: "snapshot", total: 100 });
    job.hear(done(50));
    expect(job.percent).toBe(0);
    expect(job.steps[0]).toEqual({ phase: "snapshot", state: "now", fraction: 0.5 });
  });

  test("the time left includes reading back, and is told only once a rate is known", () => {
    const { job } = running();
    job.hear({ event: "plan", phases: plan, snapshot_at: null });
    job.hear({ event: "phase", phase: "encrypt", total: 1000 });
    now = 1000;
    job.hear(done(100));
    expect(job.secondsLeft).toBeNull();
    now = 3000;
    job.hear(done(300));
    // 700 to encrypt and 1000 to read back at 100 a second.
    expect(job.secondsLeft).toBeCloseTo(17, 5);
    expect(job.rate).toBeCloseTo(100, 5);
  });

  test("a moment of another speed moves the rate a little", () => {
    const { job } = running();
    job.hear({ event: "plan", phases: [{ phase: "encrypt", total: 1e6 }], snapshot_at: null });
    job.hear({ event: "phase", phase: "encrypt", total: 1e6 });
    for (let second = 1; second <= 10; second += 1) {
      now = second * 1000;
      job.hear(done(second * 100));
    }
    now = 11_000;
    job.hear(done(3000));
    expect(job.rate).toBeGreaterThan(100);
    expect(job.rate).toBeLessThan(1000);
  });

  test("what stands still is not shown as going on", () => {
    const { job } = running();
    job.hear({ event: "plan", phases: plan, snapshot_at: null });
    job.hear({ event: "phase", phase: "encrypt", total: 1000 });
    now = 3000;
    job.hear(done(300));
    const before = job.secondsLeft ?? 0;
    for (now = 4000; now <= 30_000; now += 1000) job.tick();
    expect(job.rate).toBeLessThan(10);
    expect(job.secondsLeft).toBeGreaterThan(before * 10);
  });

  test("a backup that is not read back passes that step over", () => {
    const { job } = running();
    job.request = { ...request, verify: false };
    expect(job.steps.map(({ state }) => state)).toEqual(["now", "ahead", "skipped", "ahead"]);
  });

  test("warnings are counted as they come", () => {
    const { job } = running();
    for (const warning of samples.manyWarnings(5000)) job.hear({ event: "warning", warning });
    expect(job.warningsCount).toBe(5000);
    expect(job.lastWarning?.document_id).toBe("d4999");
  });
});

describe("the five endings", () => {
  test.each(["done", "done_with_warnings", "incomplete"] as const)("%s", async (outcome) => {
    const { job, ended } = running();
    settle({ ...samples.report, outcome });
    await ended;
    expect(job.face).toBe(outcome);
  });

  test("cancelled is not failed", async () => {
    const { job, ended } = running();
    await job.cancel();
    expect(job.stopping).toBe(true);
    refuse(samples.cancelled);
    await ended;
    expect(job.face).toBe("cancelled");
    expect(job.stopping).toBe(false);
  });

  test("failed keeps the failure, and the request to try again", async () => {
    const { job, ended } = running();
    refuse(samples.diskFull);
    await ended;
    expect(job.face).toBe("failed");
    expect(job.failure?.code).toBe("no_space");
    expect(job.request).toEqual(request);
  });

  test("an application that breaks is a failure too, never a silent end", async () => {
    const { job, ended } = running();
    refuse("command start_backup not found");
    await ended;
    expect(job.face).toBe("failed");
    expect(job.failure?.code).toBe("unexpected");
  });

  test("a second start while one is running does nothing", async () => {
    const { job } = running();
    await job.start({ ...request, source: "/other" }, null);
    expect(job.request?.source).toBe("/srv/cfms");
  });

  test("events that come after the end change nothing", async () => {
    const { job, ended } = running();
    settle(samples.report);
    await ended;
    job.hear({ event: "phase", phase: "encrypt", total: 10 });
    expect(job.percent).toBe(100);
    expect(job.phase).toBeNull();
  });
});
