/** Access rules in words. */
import type { Dictionary } from "../i18n/language.svelte";
import type { Access } from "./bindings/Access";
import type { AccessTold } from "./bindings/AccessTold";
import type { Condition } from "./bindings/Condition";

/** Whom a condition lets in. `isPart`: within another condition. */
export function inWords(condition: Condition, t: Dictionary, isPart = false): string {
  const { access } = t;
  switch (condition.kind) {
    case "everyone":
      return access.everyone;
    case "nobody":
      return access.nobody;
    case "not_understood":
      return access.notUnderstood;
    case "right":
      return access.right([condition.of], true);
    case "group":
      return access.group([condition.of], true);
    default: {
      const all = condition.kind === "all";
      const rights = condition.of.flatMap((part) => (part.kind === "right" ? [part.of] : []));
      const groups = condition.of.flatMap((part) => (part.kind === "group" ? [part.of] : []));
      const others = condition.of.filter(({ kind }) => kind !== "right" && kind !== "group");
      const words = others.map((part) => inWords(part, t, true));
      if (groups.length > 0) words.unshift(access.group(groups, all));
      if (rights.length > 0) words.unshift(access.right(rights, all));
      const joined = words.join(all ? access.and : access.or);
      return isPart && words.length > 1 ? access.brackets(joined) : joined;
    }
  }
}

/** What may be done, by whom: kinds of access that the same people have are told together. */
export function together(told: readonly AccessTold[]): { kinds: Access[]; condition: Condition }[] {
  const groups: { kinds: Access[]; condition: Condition; same: string }[] = [];
  for (const { access, condition } of told) {
    const same = JSON.stringify(condition);
    const found = groups.find((group) => group.same === same);
    if (found) found.kinds.push(access);
    else groups.push({ kinds: [access], condition, same });
  }
  return groups;
}
