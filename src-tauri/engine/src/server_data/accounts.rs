//! A server's users, as its live database has them at this moment.

use std::collections::BTreeSet;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension, Row};
use zeroize::Zeroizing;

use super::rows::text_of;

/// A user, and all that decides what the user may do.
pub(crate) struct Account {
    /// The name.
    pub(crate) username: String,
    /// What the user is called.
    pub(crate) nickname: Option<String>,
    /// Hex of a salted SHA-256, or on later servers a PHC string of argon2id.
    pub(crate) pass_hash: Zeroizing<String>,
    /// What the older hashes are salted with.
    pub(crate) salt: Option<String>,
    /// When the password was last changed, in Unix seconds; `None` on servers that do not record it.
    pub(crate) password_changed: Option<f64>,
    /// When the account was made, in Unix seconds.
    pub(crate) created: Option<f64>,
    /// Made anew with every change of the password.
    pub(crate) secret_key: Zeroizing<String>,
    /// Whether an administrator disabled the account.
    pub(crate) is_disabled: bool,
    /// The secret of the second factor in base32, where one is wanted. It may be empty, and then nothing is right.
    pub(crate) totp_secret: Option<Zeroizing<String>>,
    /// The user's own permissions.
    pub(crate) permissions: Vec<Permission>,
    /// The groups, those whose time is over among them.
    pub(crate) memberships: Vec<Membership>,
}

/// A permission that is given or taken away.
pub(crate) struct Permission {
    pub(crate) name: String,
    pub(crate) is_granted: bool,
    pub(crate) span: Span,
}

/// That a user is in a group.
pub(crate) struct Membership {
    pub(crate) group: String,
    pub(crate) span: Span,
    /// Those of the group.
    pub(crate) permissions: Vec<Permission>,
}

/// From when to when something holds, in Unix seconds; `None` is without end.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Span {
    pub(crate) start: Option<f64>,
    pub(crate) end: Option<f64>,
}

/// Who asks, as far as the database knows.
pub(crate) struct Lookup {
    /// `None` for a name that nobody has.
    pub(crate) account: Option<Account>,
    /// Subnets that an administrator banned, in CIDR notation.
    pub(crate) banned_subnets: Vec<String>,
    /// Whether passwords are argon2id hashes, as on later servers.
    pub(crate) is_argon2: bool,
}

/// What it takes to know what a user may do.
const TABLES: [&str; 5] = ["users", "user_groups", "user_permissions", "user_memberships", "group_permissions"];

/// Looks for the user of that name. `Err` is the table that a CFMS server's database would have.
pub(super) fn look_up(connection: &Connection, username: &str) -> rusqlite::Result<Result<Lookup, &'static str>> {
    for table in TABLES {
        if columns_of(connection, table)?.is_empty() {
            return Ok(Err(table));
        }
    }
    let columns = columns_of(connection, "users")?;
    let account = connection
        .query_row("SELECT * FROM users WHERE username = ?", [username], |row| account(row, &columns))
        .optional()?;
    let account = match account {
        Some(mut account) => {
            account.permissions = permissions(connection, "user_permissions", "username", username)?;
            account.memberships = memberships(connection, username)?;
            Some(account)
        }
        None => None,
    };
    Ok(Ok(Lookup { account, banned_subnets: banned_subnets(connection)?, is_argon2: !columns.contains("salt") }))
}

fn account(row: &Row<'_>, columns: &BTreeSet<String>) -> rusqlite::Result<Account> {
    // A column that this server's version does not have is as good as a null.
    let value = |name: &str| if columns.contains(name) { row.get_ref(name) } else { Ok(ValueRef::Null) };
    let text = |name: &str| Ok::<_, rusqlite::Error>(some_text(value(name)?));
    let secret = |name: &str| Ok::<_, rusqlite::Error>(Zeroizing::new(text_of(value(name)?)));
    let wants_totp = is_true(value("totp_enabled")?);
    Ok(Account {
        username: text_of(value("username")?),
        nickname: text("nickname")?,
        pass_hash: secret("pass_hash")?,
        salt: text("salt")?,
        password_changed: number(value("passwd_last_modified")?),
        created: number(value("created_time")?),
        secret_key: secret("secret_key")?,
        is_disabled: is_true(value("status")?),
        totp_secret: if wants_totp { Some(secret("totp_secret")?) } else { None },
        permissions: Vec::new(),
        memberships: Vec::new(),
    })
}

fn memberships(connection: &Connection, username: &str) -> rusqlite::Result<Vec<Membership>> {
    let mut statement =
        connection.prepare("SELECT group_name, start_time, end_time FROM user_memberships WHERE username = ?")?;
    let rows = statement.query_map([username], |row| Ok((text_of(row.get_ref(0)?), span(row, 1)?)))?;
    rows.map(|row| {
        let (group, span) = row?;
        // The rights of a group that is not there any more count for nothing.
        let exists = connection.query_row(
            "SELECT EXISTS (SELECT 1 FROM user_groups WHERE group_name = ?)",
            [&group],
            |row| row.get::<_, bool>(0),
        )?;
        let permissions =
            if exists { permissions(connection, "group_permissions", "group_name", &group)? } else { Vec::new() };
        Ok(Membership { group, span, permissions })
    })
    .collect()
}

fn permissions(connection: &Connection, table: &str, owner: &str, name: &str) -> rusqlite::Result<Vec<Permission>> {
    let query = format!("SELECT permission, granted, start_time, end_time FROM {table} WHERE {owner} = ?");
    let mut statement = connection.prepare(&query)?;
    let rows = statement.query_map([name], |row| {
        // What is not plainly granted is taken away.
        let is_granted = number(row.get_ref(1)?).is_some_and(|granted| granted != 0.0);
        let name = text_of(row.get_ref(0)?);
        Ok(Permission { name, is_granted, span: span(row, 2)? })
    })?;
    rows.collect()
}

fn banned_subnets(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    if !columns_of(connection, "banned_subnets")?.contains("subnet") {
        return Ok(Vec::new());
    }
    let mut statement = connection.prepare("SELECT subnet FROM banned_subnets")?;
    let rows = statement.query_map([], |row| Ok(text_of(row.get_ref(0)?)))?;
    rows.collect()
}

fn columns_of(connection: &Connection, table: &str) -> rusqlite::Result<BTreeSet<String>> {
    let mut statement = connection.prepare("SELECT name FROM pragma_table_info(?)")?;
    let rows = statement.query_map([table], |row| row.get(0))?;
    rows.collect()
}

fn span(row: &Row<'_>, start: usize) -> rusqlite::Result<Span> {
    Ok(Span { start: number(row.get_ref(start)?), end: number(row.get_ref(start + 1)?) })
}

fn some_text(value: ValueRef<'_>) -> Option<String> {
    (value != ValueRef::Null).then(|| text_of(value))
}

fn number(value: ValueRef<'_>) -> Option<f64> {
    match value {
        ValueRef::Integer(value) => Some(value as f64),
        ValueRef::Real(value) => Some(value),
        _ => None,
    }
}

/// Anything but 0 and null: of a state that is not understood the worse is taken.
fn is_true(value: ValueRef<'_>) -> bool {
    !matches!(value, ValueRef::Null | ValueRef::Integer(0)) && number(value) != Some(0.0)
}
