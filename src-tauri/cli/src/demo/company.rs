//! The company whose server the demonstration shows: what it keeps, and who works there. All of it is invented.

use super::content::Kind;

/// Its server's name.
pub(crate) const SERVER_NAME: &str = "Harbour Works 海港工程";

/// A folder: its name and the folder that it lies in, as an index into this list.
pub(crate) struct Folder {
    /// The name.
    pub(crate) name: &'static str,
    /// Where it lies; `None` is the root.
    pub(crate) parent: Option<usize>,
}

/// A document: the folder that it lies in, title, kind, number of revisions.
pub(crate) struct Document {
    /// Where it lies, as an index into [`FOLDERS`]; `None` is the root.
    pub(crate) folder: Option<usize>,
    /// The title.
    pub(crate) title: &'static str,
    /// What it is.
    pub(crate) kind: Kind,
    /// How often it was written.
    pub(crate) revisions: u32,
}

/// A person with an account: name, nickname, groups.
pub(crate) struct User {
    /// What is typed to sign in.
    pub(crate) name: &'static str,
    /// What others see.
    pub(crate) nickname: &'static str,
    /// The groups.
    pub(crate) groups: &'static [&'static str],
}

/// An access rule: type, what it protects, the groups of which one must be held, the right that does as well.
pub(crate) struct Rule {
    /// `read`, `write`, `move` or `manage`.
    pub(crate) access: &'static str,
    /// The folder, as an index, or the document, by its title.
    pub(crate) target: Target,
    /// One of these groups lets in.
    pub(crate) groups: &'static [&'static str],
    /// So does this permission, where one is named.
    pub(crate) right: Option<&'static str>,
}

/// What a rule protects.
pub(crate) enum Target {
    /// A folder, as an index into [`FOLDERS`].
    Folder(usize),
    /// A document, by its title.
    Document(&'static str),
}

const fn folder(name: &'static str, parent: Option<usize>) -> Folder {
    Folder { name, parent }
}

const fn document(folder: usize, title: &'static str, kind: Kind, revisions: u32) -> Document {
    Document { folder: Some(folder), title, kind, revisions }
}

/// The readings' folder.
pub(crate) const MEASUREMENTS: usize = 9;
/// The photographs' folder.
pub(crate) const PHOTOS: usize = 17;
/// The old reports' folder.
pub(crate) const OLD_REPORTS: usize = 20;

/// Its folders.
pub(crate) const FOLDERS: [Folder; 22] = [
    folder("财务 Finance", None),
    folder("2025", Some(0)),
    folder("2026", Some(0)),
    folder("预算", Some(2)),
    folder("Invoices", Some(2)),
    folder("Engineering", None),
    folder("Drawings", Some(5)),
    folder("测试报告", Some(5)),
    folder("Pump station 3", Some(7)),
    folder("Measurements", Some(5)),
    folder("Legal", None),
    folder("合同 Contracts", Some(10)),
    folder("Signed", Some(11)),
    folder("人事 People", None),
    folder("Reviews", Some(13)),
    folder("入职 Onboarding", Some(13)),
    folder("Marketing", None),
    folder("Photos", Some(16)),
    folder("董事会 Board", None),
    folder("Archive", None),
    folder("2019–2023", Some(19)),
    folder("Empty for now", Some(19)),
];

/// The document whose content is missing: somebody tidied up by hand.
pub(crate) const MISSING: &str = "Fire safety plan 2019.pdf";

/// The documents that every demonstration has.
pub(crate) const DOCUMENTS: [Document; 46] = [
    Document { folder: None, title: "Welcome.md", kind: Kind::Notes, revisions: 2 },
    Document { folder: None, title: "使用须知.md", kind: Kind::ChineseNotes, revisions: 1 },
    document(0, "Chart of accounts.csv", Kind::Ledger(120), 1),
    document(1, "Annual accounts 2025.csv", Kind::Ledger(2600), 2),
    document(1, "Audit report 2025.pdf", Kind::Report(18), 1),
    document(2, "月度报表.csv", Kind::Ledger(900), 5),
    document(2, "Cash flow.csv", Kind::Ledger(700), 3),
    document(3, "预算表 2026.csv", Kind::Ledger(480), 4),
    document(3, "预算说明.md", Kind::ChineseNotes, 3),
    document(3, "Reserve \"winter\".md", Kind::Notes, 1),
    document(4, "Invoice 2026-001 Concrete.pdf", Kind::Report(1), 1),
    document(4, "Invoice 2026-002 Sheet piles.pdf", Kind::Report(2), 1),
    document(4, "Invoice 2026-003 水泵.pdf", Kind::Report(1), 2),
    document(5, "Project handbook.md", Kind::Notes, 6),
    document(5, "Risks & measures.csv", Kind::Ledger(60), 3),
    document(6, "Quay wall, section A-A.svg", Kind::Drawing, 4),
    document(6, "Quay wall, section B-B.svg", Kind::Drawing, 2),
    document(6, "Cable duct × drainage.svg", Kind::Drawing, 3),
    document(6, "码头平面图.svg", Kind::Drawing, 2),
    document(7, "试验大纲.md", Kind::ChineseNotes, 2),
    document(7, "混凝土强度试验.csv", Kind::Ledger(340), 1),
    document(8, "Test run, 6 hours.csv", Kind::Readings(600_000), 1),
    document(8, "Alarm list.csv", Kind::Ledger(90), 2),
    document(8, "Acceptance protocol.pdf", Kind::Report(7), 1),
    document(9, "Reading instructions.md", Kind::Notes, 1),
    document(10, "Insurance: persons with access to the crane.csv", Kind::Ledger(45), 2),
    document(11, "Framework agreement.pdf", Kind::Report(24), 3),
    document(11, "保密协议模板.md", Kind::ChineseNotes, 2),
    document(12, "合同-2026-001（已签署）.pdf", Kind::Report(12), 1),
    document(12, "合同-2026-002（已签署）.pdf", Kind::Report(15), 1),
    document(12, "Lease of the site office.pdf", Kind::Report(9), 1),
    document(13, "Staff list.csv", Kind::Ledger(38), 4),
    document(14, "年度评估.md", Kind::ChineseNotes, 1),
    document(14, "Review template.md", Kind::Notes, 2),
    document(15, "入职指南.md", Kind::ChineseNotes, 3),
    document(15, "First day 🙂.md", Kind::Notes, 1),
    document(16, "Press release, eastern pier.md", Kind::Notes, 3),
    document(16, "Logo.svg", Kind::Drawing, 1),
    document(18, "Minutes, January.md", Kind::Notes, 1),
    document(18, "Minutes, April.md", Kind::Notes, 2),
    document(18, "董事会决议.md", Kind::ChineseNotes, 2),
    document(18, "Strategy 2030.pdf", Kind::Report(31), 2),
    document(19, "What lies here.md", Kind::Notes, 1),
    document(20, "Tender 2021.pdf", Kind::Report(40), 1),
    document(20, "旧图纸清单.csv", Kind::Ledger(210), 1),
    document(20, MISSING, Kind::Report(14), 1),
];

/// The groups, with their display names.
pub(crate) const GROUPS: [(&str, Option<&str>); 6] = [
    ("sysop", Some("Administrators")),
    ("user", None),
    ("finance", Some("财务部")),
    ("engineering", Some("Engineering")),
    ("people", Some("人事部")),
    ("board", Some("董事会 Board")),
];

/// What the groups may do.
pub(crate) const PERMISSIONS: [(&str, &[&str]); 6] = [
    (
        "sysop",
        &[
            "move",
            "shutdown",
            "super_create_document",
            "super_create_directory",
            "super_list_directory",
            "create_document",
            "create_directory",
            "delete_document",
            "rename_document",
            "delete_directory",
            "rename_directory",
            "manage_system",
            "create_user",
            "delete_user",
            "rename_user",
            "get_user_info",
            "get_group_info",
            "change_user_groups",
            "super_set_passwd",
            "view_access_rules",
            "set_access_rules",
            "list_users",
            "list_groups",
            "create_group",
            "delete_group",
            "rename_group",
            "set_group_permissions",
            "bypass_lockdown",
            "apply_lockdown",
            "view_audit_logs",
        ],
    ),
    ("user", &["set_passwd"]),
    ("finance", &["create_document", "rename_document"]),
    ("engineering", &["create_document", "create_directory", "rename_document", "move"]),
    ("people", &["create_document", "get_user_info", "list_users"]),
    ("board", &["view_audit_logs"]),
];

/// Who has an account. The first is the administrator.
pub(crate) const USERS: [User; 6] = [
    User { name: "admin", nickname: "管理员", groups: &["sysop", "user"] },
    User { name: "lin.wei", nickname: "林薇", groups: &["user", "finance", "board"] },
    User { name: "mara.hoffmann", nickname: "Mara Hoffmann", groups: &["user", "engineering"] },
    User { name: "tomas.novak", nickname: "Tomáš Novák", groups: &["user", "engineering", "people"] },
    User { name: "chen.jie", nickname: "陈杰", groups: &["user", "board"] },
    User { name: "guest", nickname: "Guest", groups: &["user"] },
];

/// What is protected, and how.
pub(crate) const RULES: [Rule; 8] = [
    Rule { access: "read", target: Target::Folder(18), groups: &["board", "sysop"], right: None },
    Rule { access: "write", target: Target::Folder(18), groups: &["board"], right: None },
    Rule { access: "read", target: Target::Folder(13), groups: &["people"], right: Some("manage_system") },
    Rule { access: "manage", target: Target::Folder(0), groups: &["finance", "sysop"], right: None },
    Rule { access: "read", target: Target::Document("预算表 2026.csv"), groups: &["finance", "board"], right: None },
    Rule { access: "write", target: Target::Document("预算表 2026.csv"), groups: &["finance"], right: None },
    Rule { access: "read", target: Target::Document("Strategy 2030.pdf"), groups: &["board"], right: None },
    Rule {
        access: "move",
        target: Target::Document("合同-2026-001（已签署）.pdf"),
        groups: &["sysop"],
        right: Some("super_create_document"),
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_is_referred_to_exists() {
        for (index, folder) in FOLDERS.iter().enumerate() {
            assert!(folder.parent.is_none_or(|parent| parent < index), "{}", folder.name);
        }
        let is_group = |name: &str| GROUPS.iter().any(|(group, _)| *group == name);
        assert!(PERMISSIONS.iter().all(|(group, _)| is_group(group)));
        assert!(USERS.iter().flat_map(|user| user.groups).all(|group| is_group(group)));
        assert!(DOCUMENTS.iter().any(|document| document.title == MISSING));
        for rule in &RULES {
            assert!(rule.groups.iter().all(|group| is_group(group)));
            match rule.target {
                Target::Folder(index) => assert!(index < FOLDERS.len()),
                Target::Document(title) => assert!(DOCUMENTS.iter().any(|document| document.title == title), "{title}"),
            }
        }
    }
}
