//! What a restore warns of.

use cfms_backup::restore::{ContentTold, RestorePlan};

use super::PRINTED;
use crate::output::Output;
use crate::show;

/// Says what a person should know of the plan; how much there is of it.
pub(super) fn warn(plan: &RestorePlan, output: &Output) -> u64 {
    let line = |text: &str| show::line(text).into_owned();
    let contents = |told: &[ContentTold]| -> Vec<String> {
        told.iter().map(|told| format!("{}: {}", line(&told.file_id), line(&told.reason))).collect()
    };
    list(output, "the backup never held the content", &contents(&plan.missing), plan.missing_total);
    list(output, "damaged in the archive:", &contents(&plan.damaged), plan.damaged_total);
    let relocated: Vec<_> = plan
        .relocated
        .iter()
        .map(|content| {
            let (id, path, recorded) = (line(&content.file_id), line(&content.path), line(&content.recorded));
            format!("{id} goes to {path}, not to {recorded}: {}", content.reason)
        })
        .collect();
    list(output, "the content", &relocated, plan.relocated_total);
    let mended: Vec<_> = plan
        .mended
        .iter()
        .map(|mended| {
            let (setting, recorded) = (&mended.setting, line(&mended.recorded));
            format!("{setting} led out of the folder, to {recorded}; it is {} now", line(&mended.path))
        })
        .collect();
    list(output, "config.toml:", &mended, mended.len() as u64);
    let lines = |texts: &[String]| -> Vec<String> { texts.iter().map(|text| line(text)).collect() };
    let oddities = lines(&plan.schema_oddities);
    list(output, "the database has, as no known server's has, the", &oddities, oddities.len() as u64);
    let problems = lines(&plan.database_problems);
    list(output, "the database:", &problems, problems.len() as u64);
    plan.missing_total
        + plan.damaged_total
        + plan.relocated_total
        + (mended.len() + oddities.len() + problems.len()) as u64
        + warn_of_documents(plan, output)
}

fn warn_of_documents(plan: &RestorePlan, output: &Output) -> u64 {
    let line = |text: &str| show::line(text).into_owned();
    let conflicts: Vec<_> = plan
        .conflicts
        .iter()
        .map(|conflict| {
            let differs: Vec<_> = conflict.differs.iter().map(|name| line(name)).collect();
            format!("{} ({}): {}", line(&conflict.title), line(&conflict.id), differs.join(", "))
        })
        .collect();
    list(output, "there already, and otherwise:", &conflicts, plan.conflicts_total);
    let wider: Vec<_> = plan
        .wider_access
        .iter()
        .map(|wider| {
            let rights = wider.rights.iter().map(|right| {
                let access = format!("{:?}", right.access).to_lowercase();
                format!("{access}: {}, and not {}", line(&right.new_words), line(&right.old_words))
            });
            format!("{}: {}", line(&wider.path), rights.collect::<Vec<_>>().join("; "))
        })
        .collect();
    list(output, "open to more people than in the backup:", &wider, plan.wider_access_total);
    let dropped: Vec<_> = plan
        .dropped_columns
        .iter()
        .map(|column| {
            format!("{}.{} of {}", column.table, line(&column.column), show::count(column.rows, "row", "rows"))
        })
        .collect();
    list(output, "the database has no column for", &dropped, dropped.len() as u64);
    let quoted = |names: &[String]| -> Vec<String> { names.iter().map(|name| format!("{name:?}")).collect() };
    let (groups, rights) = (quoted(&plan.unknown_groups), quoted(&plan.unknown_rights));
    list(output, "rules name a group that the server does not have:", &groups, groups.len() as u64);
    list(output, "rules name a right that nobody on the server has:", &rights, rights.len() as u64);
    let count = |total: u64, what: &str| {
        if total > 0 {
            output.warn(&format!(
                "{} {} {what}",
                output.paint_warnings().yellow("warning:"),
                show::count(total, "row", "rows")
            ));
        }
    };
    count(plan.pointing_nowhere, "of the backup point at documents, folders or contents that are nowhere");
    count(plan.left_out, "of the backup repeat another's id, or have no place in the database, and are left out");
    if !plan.open_in.is_empty() {
        let processes: Vec<_> = plan.open_in.iter().map(u32::to_string).collect();
        let warning = output.paint_warnings().yellow("warning:");
        output.warn(&format!("{warning} a running server has the database open: process {}", processes.join(", ")));
    }
    if let Some(obstacle) = &plan.obstacle {
        output.warn(&format!("{} {}", output.paint_warnings().red("this stops it:"), line(&obstacle.message)));
    }
    plan.conflicts_total
        + plan.wider_access_total
        + plan.left_out
        + (dropped.len() + groups.len() + rights.len()) as u64
        + u64::from(plan.obstacle.is_some())
        + u64::from(!plan.open_in.is_empty())
}

fn list(output: &Output, what: &str, told: &[String], total: u64) {
    let warning = output.paint_warnings().yellow("warning:");
    for one in told.iter().take(PRINTED) {
        output.warn(&format!("{warning} {what} {one}"));
    }
    let more = total.saturating_sub(told.len().min(PRINTED) as u64);
    if more > 0 {
        output.warn(&format!("{warning} {what} …, and {} more", show::grouped(more)));
    }
}
