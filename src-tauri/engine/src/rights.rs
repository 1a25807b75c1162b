//! Access rules: what they require of a person, in words and compared.
//!
//! A server keeps a rule as JSON, `{"match": "all"|"any", "match_groups": [{"match", "rights": {"match", "require"},
//! "groups": {"match", "require"}}]}`. Here it becomes a [`Condition`]: everyone, or a right, or a group, or all or any of
//! several conditions. Conditions are always in one simplest form, so two that mean the same mostly are the same.

use std::collections::BTreeSet;
use std::fmt;

use serde::Serialize;
use serde_json::Value;
use ts_rs::TS;

/// Alternatives that are looked at before two conditions are called not comparable.
const MAX_ALTERNATIVES: usize = 4096;

/// What a rule can be about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum Access {
    /// Reading it.
    Read,
    /// Changing it.
    Write,
    /// Putting it elsewhere.
    Move,
    /// Changing its rules.
    Manage,
}

impl Access {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Read, Self::Write, Self::Move, Self::Manage];

    /// Which rules must hold, by their `access_type`.
    pub fn rule_types(self) -> &'static [&'static str] {
        match self {
            Self::Read => &["read"],
            Self::Write => &["read", "write"],
            Self::Move => &["move"],
            Self::Manage => &["read", "manage"],
        }
    }
}

/// Whom something is open to.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, TS)]
#[serde(rename_all = "snake_case", tag = "kind", content = "of")]
#[ts(export)]
pub enum Condition {
    /// Everybody who is signed in.
    Everyone,
    /// Nobody.
    Nobody,
    /// Those who have a right.
    Right(String),
    /// Those who are in a group.
    Group(String),
    /// Those for whom all of these hold.
    All(Vec<Condition>),
    /// Those for whom one of these holds.
    Any(Vec<Condition>),
    /// Nobody knows: the rule is not one that a server writes.
    NotUnderstood,
}

/// A rule of a document or folder.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, TS)]
#[ts(export)]
pub struct Rule {
    /// What it is about: `read`, `write`, `move`, `manage`, or what else stands there.
    pub access_type: String,
    /// Whom it lets in.
    pub condition: Condition,
}

/// Who could do something, and who can.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
#[ts(export)]
pub struct RightChange {
    /// What.
    pub access: Access,
    /// Who could.
    pub old: Condition,
    /// Who can.
    pub new: Condition,
    /// Who could, in English.
    pub old_words: String,
    /// Who can, in English.
    pub new_words: String,
    /// Whether somebody may be let in who was not.
    pub lets_in_more: bool,
    /// Whether somebody who was let in may not be any more.
    pub lets_in_fewer: bool,
}

impl Condition {
    /// The condition of a server's `rule_data`.
    pub fn of_rule_data(rule_data: &Value) -> Self {
        match rule_data {
            Value::Null => Self::Everyone,
            Value::Object(rule) if rule.is_empty() => Self::Everyone,
            Value::Array(rule) if rule.is_empty() => Self::Everyone,
            Value::Object(rule) => of_rule(rule).unwrap_or(Self::NotUnderstood),
            _ => Self::NotUnderstood,
        }
    }

    /// What holds when all of `conditions` do.
    pub fn all(conditions: impl IntoIterator<Item = Self>) -> Self {
        let mut parts = BTreeSet::new();
        for condition in conditions {
            match condition {
                Self::Everyone => {}
                Self::Nobody => return Self::Nobody,
                Self::All(more) => parts.extend(more),
                condition => drop(parts.insert(condition)),
            }
        }
        if parts.len() > 1 {
            Self::All(parts.into_iter().collect())
        } else {
            parts.pop_first().unwrap_or(Self::Everyone)
        }
    }

    /// What holds when one of `conditions` does.
    pub fn any(conditions: impl IntoIterator<Item = Self>) -> Self {
        let mut parts = BTreeSet::new();
        for condition in conditions {
            match condition {
                Self::Nobody => {}
                Self::Everyone => return Self::Everyone,
                Self::Any(more) => parts.extend(more),
                condition => drop(parts.insert(condition)),
            }
        }
        if parts.len() > 1 { Self::Any(parts.into_iter().collect()) } else { parts.pop_first().unwrap_or(Self::Nobody) }
    }

    /// Whether it lets in anyone whom `other` does not, for some combination of rights and groups. Where that is too
    /// much to find out, it is said to.
    pub fn lets_in_more_than(&self, other: &Self) -> bool {
        if self == other {
            return false;
        }
        match self.alternatives() {
            // Conditions only ask for more, so whoever has just what one alternative needs shows whether that is enough.
            Some(alternatives) => alternatives.iter().any(|has| !other.holds(has)),
            None => true,
        }
    }

    /// Whether nothing in it is [`Condition::NotUnderstood`].
    pub fn is_understood(&self) -> bool {
        match self {
            Self::All(parts) | Self::Any(parts) => parts.iter().all(Self::is_understood),
            condition => *condition != Self::NotUnderstood,
        }
    }

    fn holds(&self, has: &BTreeSet<&Self>) -> bool {
        match self {
            Self::Everyone => true,
            Self::Nobody => false,
            Self::All(parts) => parts.iter().all(|part| part.holds(has)),
            Self::Any(parts) => parts.iter().any(|part| part.holds(has)),
            atom => has.contains(atom),
        }
    }

    /// Every combination of rights and groups that is just enough.
    fn alternatives(&self) -> Option<Vec<BTreeSet<&Self>>> {
        let alternatives = match self {
            Self::Everyone => vec![BTreeSet::new()],
            Self::Nobody => Vec::new(),
            Self::Any(parts) => {
                let parts: Option<Vec<_>> = parts.iter().map(Self::alternatives).collect();
                parts?.concat()
            }
            Self::All(parts) => parts.iter().try_fold(vec![BTreeSet::new()], |so_far, part| {
                let more = part.alternatives()?;
                if so_far.len().saturating_mul(more.len()) > MAX_ALTERNATIVES {
                    return None;
                }
                Some(so_far.iter().flat_map(|one| more.iter().map(move |other| one | other)).collect())
            })?,
            atom => vec![BTreeSet::from([atom])],
        };
        (alternatives.len() <= MAX_ALTERNATIVES).then_some(alternatives)
    }

    fn write(&self, f: &mut fmt::Formatter<'_>, is_part: bool) -> fmt::Result {
        match self {
            Self::Everyone => f.write_str("everyone who is signed in"),
            Self::Nobody => f.write_str("nobody"),
            Self::Right(name) => write!(f, "the right {name:?}"),
            Self::Group(name) => write!(f, "the group {name:?}"),
            Self::NotUnderstood => f.write_str("a rule that cannot be understood"),
            Self::All(parts) => write_parts(f, parts, " and ", "all", is_part),
            Self::Any(parts) => write_parts(f, parts, " or ", "one", is_part),
        }
    }
}

/// `all of the rights "a", "b" and the group "c"`; in brackets where it is itself a part. Names are quoted and escaped, as
/// they may hold anything.
impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(f, false)
    }
}

fn write_parts(
    f: &mut fmt::Formatter<'_>,
    parts: &[Condition],
    joint: &str,
    how_many: &str,
    is_part: bool,
) -> fmt::Result {
    let rights: Vec<_> =
        parts.iter().filter_map(|part| if let Condition::Right(name) = part { Some(name) } else { None }).collect();
    let groups: Vec<_> =
        parts.iter().filter_map(|part| if let Condition::Group(name) = part { Some(name) } else { None }).collect();
    let others = parts.iter().filter(|part| !matches!(part, Condition::Right(_) | Condition::Group(_)));
    let mut joint_is_due = false;
    let mut join = |f: &mut fmt::Formatter<'_>| {
        if std::mem::replace(&mut joint_is_due, true) { f.write_str(joint) } else { Ok(()) }
    };
    let is_mixed = [!rights.is_empty(), !groups.is_empty()].into_iter().filter(|is_there| *is_there).count()
        + others.clone().count()
        > 1;
    if is_part && is_mixed {
        f.write_str("(")?;
    }
    for (names, one, many) in [(&rights, "right", "rights"), (&groups, "group", "groups")] {
        match names.as_slice() {
            [] => continue,
            [name] => {
                join(f)?;
                write!(f, "the {one} {name:?}")?;
            }
            names => {
                join(f)?;
                write!(f, "{how_many} of the {many} ")?;
                for (index, name) in names.iter().enumerate() {
                    write!(f, "{}{name:?}", if index > 0 { ", " } else { "" })?;
                }
            }
        }
    }
    for part in others {
        join(f)?;
        part.write(f, true)?;
    }
    if is_part && is_mixed { f.write_str(")") } else { Ok(()) }
}

impl RightChange {
    /// The change of whom something is open to; nothing where the same are let in.
    pub(crate) fn of(access: Access, old: Condition, new: Condition) -> Option<Self> {
        let (lets_in_more, lets_in_fewer) = (new.lets_in_more_than(&old), old.lets_in_more_than(&new));
        (lets_in_more || lets_in_fewer).then(|| Self {
            access,
            old_words: old.to_string(),
            new_words: new.to_string(),
            old,
            new,
            lets_in_more,
            lets_in_fewer,
        })
    }
}

/// How several conditions are joined.
#[derive(Clone, Copy, PartialEq)]
enum Mode {
    All,
    Any,
}

impl Mode {
    fn of(value: Option<&Value>) -> Option<Self> {
        match value.map(|value| value.as_str()) {
            None | Some(Some("all")) => Some(Self::All),
            Some(Some("any")) => Some(Self::Any),
            Some(_) => None,
        }
    }

    fn join(self, conditions: impl IntoIterator<Item = Condition>) -> Condition {
        match self {
            Self::All => Condition::all(conditions),
            Self::Any => Condition::any(conditions),
        }
    }
}

fn of_rule(rule: &serde_json::Map<String, Value>) -> Option<Condition> {
    let groups = rule.get("match_groups")?.as_array()?;
    let groups = groups.iter().filter(|group| group.as_object().is_none_or(|group| !group.is_empty()));
    let conditions = groups.map(|group| of_group(group).unwrap_or(Condition::NotUnderstood));
    Some(Mode::of(rule.get("match"))?.join(conditions))
}

fn of_group(group: &Value) -> Option<Condition> {
    let group = group.as_object()?;
    let required = |key: &str, kind: fn(String) -> Condition| -> Option<Option<Condition>> {
        let Some(required) = group.get(key) else { return Some(None) };
        let required = required.as_object()?;
        let names: Option<Vec<_>> = match required.get("require") {
            None => Some(Vec::new()),
            Some(names) => names.as_array()?.iter().map(|name| name.as_str().map(str::to_owned)).collect(),
        };
        let (names, mode) = (names?, Mode::of(required.get("match"))?);
        Some((!names.is_empty()).then(|| mode.join(names.into_iter().map(kind))))
    };
    Some(match (required("rights", Condition::Right)?, required("groups", Condition::Group)?) {
        (Some(rights), Some(groups)) => Mode::of(group.get("match"))?.join([rights, groups]),
        // Where only one of the two requires something, it alone decides, whatever `match` says.
        (one, other) => one.or(other).unwrap_or(Condition::Everyone),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(rule: Value) -> Condition {
        Condition::of_rule_data(&rule)
    }

    fn words(rule: Value) -> String {
        of(rule).to_string()
    }

    #[test]
    fn empty_rules_let_everyone_in_and_an_empty_list_under_any_nobody() {
        assert_eq!(of(json!({})), Condition::Everyone);
        assert_eq!(of(json!({ "match": "all", "match_groups": [] })), Condition::Everyone);
        assert_eq!(of(json!({ "match_groups": [{}, { "rights": { "require": [] } }] })), Condition::Everyone);
        assert_eq!(of(json!({ "match": "any", "match_groups": [] })), Condition::Nobody);
        assert_eq!(
            of(json!({ "match": "any", "match_groups": [{}] })),
            Condition::Nobody,
            "empty groups are passed over"
        );
        assert_eq!(of(json!({ "match": "any", "match_groups": [{ "match": "all" }] })), Condition::Everyone);
    }

    #[test]
    fn a_rule_is_said_in_words() {
        let finance = json!({ "match": "any", "match_groups": [
            { "match": "any", "rights": { "match": "all", "require": ["manage_system", "view_audit_logs"] },
              "groups": { "match": "any", "require": ["sysop", "财务部"] } },
            { "match": "all", "rights": { "match": "any", "require": ["super_create_document"] },
              "groups": { "match": "all", "require": [] } } ] });
        assert_eq!(
            words(finance),
            r#"the right "super_create_document" or one of the groups "sysop", "财务部" or all of the rights "manage_system", "view_audit_logs""#
        );
        let both = json!({ "match_groups": [{ "rights": { "match": "any", "require": ["a", "b"] }, "groups": { "require": ["c", "d"] } }] });
        assert_eq!(words(both), r#"all of the groups "c", "d" and one of the rights "a", "b""#);
        let nested = json!({ "match": "any", "match_groups": [
            { "rights": { "require": ["a"] }, "groups": { "require": ["b"] } }, { "groups": { "require": ["\u{1b}[2J"] } }] });
        assert_eq!(words(nested), r#"the group "\u{1b}[2J" or (the right "a" and the group "b")"#);
    }

    #[test]
    fn what_no_server_writes_is_not_understood() {
        for rule in [
            json!("text"),
            json!(1),
            json!([1]),
            json!({ "match_groups": 5 }),
            json!({ "x": 1 }),
            json!({ "match": "some", "match_groups": [] }),
            json!({ "match_groups": [{ "rights": { "require": [5] } }] }),
        ] {
            assert_eq!(of(rule.clone()), Condition::NotUnderstood, "{rule}");
        }
    }

    #[test]
    fn who_gains_access_is_found_by_meaning_and_not_by_form() {
        let right = |name: &str| Condition::Right(name.to_owned());
        let (a, b, c) = (|| right("a"), || right("b"), || right("c"));
        let both = Condition::all([a(), b()]);
        let either = Condition::any([a(), b()]);
        assert!(either.lets_in_more_than(&both) && !both.lets_in_more_than(&either));
        assert!(Condition::Everyone.lets_in_more_than(&either) && !either.lets_in_more_than(&Condition::Everyone));
        assert!(!Condition::Nobody.lets_in_more_than(&both) && both.lets_in_more_than(&Condition::Nobody));
        let spread = Condition::any([Condition::all([a(), c()]), Condition::all([b(), c()])]);
        let joined = Condition::all([c(), either]);
        assert!(!spread.lets_in_more_than(&joined) && !joined.lets_in_more_than(&spread));
        assert!(a().lets_in_more_than(&b()) && b().lets_in_more_than(&a()));
        let many = |from: u32| {
            Condition::all((from..from + 40).map(|n| Condition::any([right(&n.to_string()), right(&format!("x{n}"))])))
        };
        assert!(many(0).lets_in_more_than(&many(1)), "what is too much to find out is not called harmless");
        assert!(!many(0).lets_in_more_than(&many(0)));
    }
}
