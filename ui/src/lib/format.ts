/** Numbers, sizes and times as a person reads them. Everything takes the locale, nothing reads the clock. */
import { shown } from "./text";

const UNITS = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"] as const;

export const number = (value: number, locale: string) => new Intl.NumberFormat(locale).format(value);

/** `18.4 GiB`, `880 KiB`, `512 B`. */
export function bytes(value: number, locale: string): string {
  const unit = unitOf(value);
  return `${inUnit(value, unit, locale)} ${UNITS[unit]}`;
}

/** `7.7 / 18.4 GiB`: both in the unit of the whole. */
export function bytesOf(done: number, total: number, locale: string): string {
  const unit = unitOf(total);
  return `${inUnit(done, unit, locale)} / ${inUnit(total, unit, locale)} ${UNITS[unit]}`;
}

/** `2026-11-24 14:06:31` in local time: the same in every language, and sortable. */
export function exactTime(unixSeconds: number): string {
  return `${exactDate(unixSeconds)} ${clockTime(unixSeconds)}`;
}

/** `14:06:31`, local time. */
export function clockTime(unixSeconds: number): string {
  const time = new Date(unixSeconds * 1000);
  return [time.getHours(), time.getMinutes(), time.getSeconds()].map(twoDigits).join(":");
}

/** `2026-11-24`, local time. */
export function exactDate(unixSeconds: number): string {
  const time = new Date(unixSeconds * 1000);
  return [time.getFullYear(), twoDigits(time.getMonth() + 1), twoDigits(time.getDate())].join("-");
}

/** A long hexadecimal id, its middle left out; others as they are. */
export function shortId(id: string): string {
  return /^[0-9a-f]{32,}$/i.test(id) ? `${id.slice(0, 8)}…${id.slice(-6)}` : shown(id);
}

/** The parts of a path: the folder, and the name in it. */
export function splitPath(path: string): { folder: string; name: string } {
  const cut = Math.max(path.lastIndexOf("/"), path.lastIndexOf("\\"));
  if (cut < 0) return { folder: "", name: path };
  return { folder: path.slice(0, cut) || path.slice(0, 1), name: path.slice(cut + 1) };
}

/** `folder` continued with `parts`, in the way that `folder` itself is written. */
export function joinPath(folder: string, ...parts: string[]): string {
  const separator = folder.includes("\\") && !folder.includes("/") ? "\\" : "/";
  return [folder.replace(/[\\/]+$/, ""), ...parts].join(separator);
}

function unitOf(value: number): number {
  let unit = 0;
  // 1023.95 and more would be rounded to 1,024.0 of the smaller unit.
  while (unit < UNITS.length - 1 && value / 1024 ** unit >= 1023.95) unit += 1;
  return unit;
}

function inUnit(value: number, unit: number, locale: string): string {
  const amount = value / 1024 ** unit;
  const digits = unit === 0 || (unit < 3 && amount >= 100) ? 0 : 1;
  return new Intl.NumberFormat(locale, { minimumFractionDigits: digits, maximumFractionDigits: digits }).format(amount);
}

const twoDigits = (value: number) => String(value).padStart(2, "0");
