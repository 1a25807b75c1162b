/** Times in words. */
import type { Dictionary } from "../i18n/language.svelte";
import { exactDate } from "./format";

/** `4 min ago`; beyond a month, or in the future, the date. Both times in Unix seconds. */
export function ago(then: number, now: number, t: Dictionary): string {
  const seconds = now - then;
  if (seconds < -60) return exactDate(then);
  if (seconds < 60) return t.time.now;
  if (seconds < 3600) return t.time.minutes(Math.floor(seconds / 60));
  if (seconds < 86_400) return t.time.hours(Math.floor(seconds / 3600));
  const days = Math.floor(seconds / 86_400);
  return days <= 30 ? t.time.days(days) : exactDate(then);
}

/** `1 min 12 s`, as measured. */
export function duration(seconds: number, t: Dictionary): string {
  const whole = Math.round(seconds);
  if (whole < 1) return t.time.shorterThanASecond;
  return t.time.duration(Math.floor(whole / 3600), Math.floor((whole % 3600) / 60), whole >= 3600 ? 0 : whole % 60);
}

/** `4 min`, as guessed: no finer than a guess can be. */
export function roughDuration(seconds: number, t: Dictionary): string {
  if (seconds < 60) return t.time.seconds(Math.max(5, Math.ceil(seconds / 5) * 5));
  const minutes = Math.ceil(seconds / 60);
  return t.time.duration(Math.floor(minutes / 60), minutes % 60, 0);
}
