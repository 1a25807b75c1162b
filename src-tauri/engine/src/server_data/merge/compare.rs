//! Comparing what belongs to objects: rules and revisions, each folded into one value.

use super::Merge;
use crate::error::Result;
use crate::server_data::incoming::{Kind, TargetColumn};

impl Merge<'_> {
    /// Makes the temporary tables that [`folded`] looks into.
    pub(super) fn fold(&self) -> Result<()> {
        for (kind, owner) in
            [(Kind::FolderRules, "folder_id"), (Kind::DocumentRules, "document_id"), (Kind::Revisions, "document_id")]
        {
            if !self.has(kind) {
                continue;
            }
            let table = kind.table();
            let owners = if owner == "folder_id" { "folders" } else { "documents" };
            let compared: Vec<_> = self.columns(kind).iter().filter(|column| is_compared(column, owner)).collect();
            let value = |alias: &str, is_incoming: bool| {
                let values: Vec<_> = compared.iter().map(|column| value_of(column, alias, is_incoming)).collect();
                let values = if values.is_empty() { vec!["''".to_owned()] } else { values };
                let one = values.join(" || char(31) || ");
                format!("cfms_digest(group_concat({one}, char(30) ORDER BY {one}))")
            };
            let (here, there) = (value("r", true), value("r", false));
            self.run(&format!(
                "DROP TABLE IF EXISTS temp.incoming_{table};
                 DROP TABLE IF EXISTS temp.present_{table};
                 CREATE TEMP TABLE incoming_{table} (owner PRIMARY KEY, folded) WITHOUT ROWID;
                 CREATE TEMP TABLE present_{table} (owner PRIMARY KEY, folded) WITHOUT ROWID;
                 INSERT INTO temp.incoming_{table} SELECT r.incoming_owner, {here} FROM incoming.{table} r
                     WHERE r.incoming_owner IS NOT NULL GROUP BY 1;
                 INSERT INTO temp.present_{table} SELECT r.{owner}, {there} FROM main.{table} r
                     WHERE r.{owner} IN (SELECT id FROM incoming.{owners}) GROUP BY 1",
            ))?;
        }
        Ok(())
    }

    /// The SQL that holds where the object `i` of the backup has the same of that kind as `m` of the server.
    pub(super) fn folded(&self, kind: Kind) -> String {
        let table = kind.table();
        if !self.has(kind) {
            return format!("NOT EXISTS (SELECT 1 FROM incoming.{table} r WHERE r.incoming_owner = i.incoming_seq)");
        }
        format!(
            "(SELECT folded FROM temp.incoming_{table} WHERE owner = i.incoming_seq) IS \
             (SELECT folded FROM temp.present_{table} WHERE owner = m.id)"
        )
    }
}

/// Numbers that rows only count themselves with are not compared.
fn is_compared(column: &TargetColumn, owner: &str) -> bool {
    let name = column.name.to_ascii_lowercase();
    column.is_carried && ![owner, "id", "parent_revision_id"].contains(&name.as_str())
}

fn value_of(column: &TargetColumn, alias: &str, is_incoming: bool) -> String {
    let quoted = format!("{alias}.{}", column.quoted);
    let value =
        if is_incoming && column.is_not_null { format!("coalesce({quoted}, {})", column.filling()) } else { quoted };
    let is_rule = column.name.eq_ignore_ascii_case("rule_data");
    if is_rule { format!("quote(cfms_rule({value}))") } else { format!("quote({value})") }
}
