//! `diff`: whatever happened to a server between two backups is told, and nothing else. The oracle is compare.py, which
//! reads bytes with openssl, tar and sqlite3, and tries rules on everybody that they could be about.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use rusqlite::Connection;
use serde_json::{Value, json};

use crate::harness::{Ground, Run, Seeded, golden, program, python, rounds};

type Words = BTreeMap<String, BTreeMap<String, Vec<String>>>;

fn diff(ground: &Ground, arguments: &[&Path], more: &[&str]) -> Run {
    let mut command = ground.command(program());
    command.arg("diff").args(arguments).arg("--json").args(more);
    command.output().expect("the program starts").into()
}

fn on_server(ground: &Ground, archive: &Path) -> Run {
    diff(ground, &[archive, "--data-dir".as_ref(), &ground.server()], &[])
}

/// What the program says, in the oracle's words.
fn told(run: &Run) -> Words {
    let mut words = Words::from([("folder".to_owned(), BTreeMap::new()), ("document".to_owned(), BTreeMap::new())]);
    for change in run.document()["changes"].as_array().unwrap() {
        let mut said = Vec::new();
        let is = |key: &str| change[key] == json!(true);
        match (change["old"].is_null(), change["new"].is_null()) {
            (true, _) => said.push("added".to_owned()),
            (_, true) => said.push("removed".to_owned()),
            _ => {}
        }
        said.extend(is("renamed").then(|| "renamed".to_owned()));
        said.extend(is("moved").then(|| "moved".to_owned()));
        let count = |key: &str| change[key].as_u64().unwrap();
        let revisions = count("revisions_added") + count("revisions_removed") + count("revisions_changed");
        said.extend((change["content"] != "same" || revisions > 0).then(|| "contents".to_owned()));
        for right in change["rights"].as_array().unwrap() {
            for (key, word) in [("lets_in_more", "wider"), ("lets_in_fewer", "narrower")] {
                let access = right["access"].as_str().unwrap();
                said.extend((right[key] == json!(true)).then(|| format!("{word}:{access}")));
            }
        }
        said.sort();
        let (kind, id) = (change["kind"].as_str().unwrap(), change["id"].as_str().unwrap());
        assert!(!said.is_empty() || change["old"]["status"] != change["new"]["status"], "{change}");
        if !said.is_empty() {
            words.get_mut(kind).unwrap().insert(id.to_owned(), said);
        }
    }
    words
}

fn expected(old: &Path, new: &Path) -> Words {
    serde_json::from_str(&python("compare.py", [old, new])).unwrap()
}

fn demo(ground: &Ground) {
    let server = ground.server();
    let run: Run = ground.command(program()).args(["demo", "--size=0"]).arg(&server).output().unwrap().into();
    run.ended(0);
}

/// Things that happen to a server, one after the other.
struct Life {
    database: Connection,
    chance: Seeded,
    serial: u64,
}

impl Life {
    /// Of the server in `root`. No server enforces foreign keys.
    fn of(root: &Path, seed: u64) -> Self {
        let database = Connection::open(root.join("app.db")).unwrap();
        database.pragma_update(None, "foreign_keys", false).unwrap();
        Self { database, chance: Seeded(seed), serial: 0 }
    }

    fn any(&mut self, table: &str) -> String {
        let count: i64 =
            self.database.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap();
        let at = self.chance.below(count.unsigned_abs());
        self.database.query_row(&format!("SELECT id FROM {table} LIMIT 1 OFFSET {at}"), [], |row| row.get(0)).unwrap()
    }

    fn rule(&mut self) -> String {
        let name = |chance: &mut Seeded| ["view", "sysop", "board", "audit", "财务"][chance.below(5) as usize];
        let mode = |chance: &mut Seeded| ["all", "any"][chance.below(2) as usize];
        let groups: Vec<_> = (0..self.chance.below(3))
            .map(|_| {
                let chance = &mut self.chance;
                json!({ "match": mode(chance), "rights": { "match": mode(chance), "require": [name(chance), name(chance)] },
                        "groups": { "match": mode(chance), "require": if chance.below(2) == 0 { vec![] } else { vec![name(chance)] } } })
            })
            .collect();
        json!({ "match": mode(&mut self.chance), "match_groups": groups }).to_string()
    }

    fn happens(&mut self, root: &Path) {
        self.serial += 1;
        let (document, folder, serial) = (self.any("documents"), self.any("folders"), self.serial);
        let access = ["read", "write", "move", "manage"][self.chance.below(4) as usize];
        let rule = self.rule();
        let db = &self.database;
        let run = |sql: &str, values: &[&str]| db.execute(sql, rusqlite::params_from_iter(values)).unwrap();
        match self.chance.below(11) {
            0 => run("UPDATE documents SET title = title || ' (new)' WHERE id = ?1", &[&document]),
            1 => run("UPDATE documents SET folder_id = ?2 WHERE id = ?1", &[&document, &folder]),
            2 => run("UPDATE documents SET folder_id = NULL WHERE id = ?1", &[&document]),
            3 => run("DELETE FROM documents WHERE id = ?1", &[&document]),
            4 => run("UPDATE folders SET name = name || '!' WHERE id = ?1", &[&folder]),
            5 => run(
                "INSERT INTO document_access_rules (access_type, document_id, rule_data) VALUES (?1, ?2, ?3)",
                &[access, &document, &rule],
            ),
            6 => run(
                "INSERT INTO folder_access_rules (access_type, folder_id, rule_data) VALUES (?1, ?2, ?3)",
                &[access, &folder, &rule],
            ),
            7 => run(
                "DELETE FROM document_access_rules WHERE document_id = (SELECT document_id FROM document_access_rules LIMIT 1)",
                &[],
            ),
            8 => run(
                "DELETE FROM folder_access_rules WHERE folder_id = (SELECT folder_id FROM folder_access_rules LIMIT 1)",
                &[],
            ),
            9 => run(
                "DELETE FROM document_revisions WHERE id = (SELECT max(id) FROM document_revisions WHERE document_id = ?1)",
                &[&document],
            ),
            _ => {
                let file = format!("new{serial}");
                fs::write(root.join("content").join(&file), format!("content {serial}")).unwrap();
                run(
                    "INSERT INTO files (id, sha256, path, created_time, active) VALUES (?1, NULL, './content/' || ?1, 1.0, 1)",
                    &[&file],
                );
                run(
                    "INSERT INTO document_revisions (document_id, file_id, created_time) VALUES (?1, ?2, 2000000000.5)",
                    &[&document, &file],
                )
            }
        };
    }
}

#[test]
fn whatever_happened_to_a_server_is_told_and_nothing_else() {
    for seed in 0..rounds(3, 40) {
        let ground = Ground::bare();
        demo(&ground);
        ground.create("old", &[]).ended(0);
        let old = ground.archive("old");
        assert_eq!(told(&on_server(&ground, &old).ended(0)), told(&diff(&ground, &[&old, &old], &[]).ended(0)));
        let mut life = Life::of(&ground.server(), seed);
        for _ in 0..25 {
            life.happens(&ground.server());
        }
        let expected = expected(&old, &ground.server());
        assert!(expected["document"].len() > 5 && !expected["folder"].is_empty(), "{seed}: {expected:?}");
        assert_eq!(told(&on_server(&ground, &old).ended(0)), expected, "seed {seed}");
        // Without manifest digests of the new side, and with them; and the other way round.
        ground.create("new", &["--documents-only"]).ended(0);
        let new = ground.archive("new");
        assert_eq!(told(&diff(&ground, &[&old, &new], &[]).ended(0)), expected, "seed {seed}");
        assert_eq!(told(&diff(&ground, &[&new, &old], &[]).ended(0)), self::expected(&new, &old), "seed {seed}");
    }
}

#[test]
fn what_lets_in_more_people_comes_first_and_is_said_in_words() {
    let ground = Ground::bare();
    demo(&ground);
    let database = Connection::open(ground.server().join("app.db")).unwrap();
    database
        .execute_batch(
            r#"INSERT INTO documents VALUES ('secret', 'Secret', 1.0, NULL), ('closed', 'Closed', 1.0, NULL);
               INSERT INTO document_access_rules (access_type, document_id, rule_data)
               VALUES ('read', 'secret', '{"match_groups": [{"groups": {"require": ["board"]}}]}');"#,
        )
        .unwrap();
    ground.create("old", &[]).ended(0);
    database
        .execute_batch(
            r#"DELETE FROM document_access_rules WHERE document_id = 'secret';
               INSERT INTO documents VALUES ('aaa', 'Added', 1.0, NULL);
               INSERT INTO document_access_rules (access_type, document_id, rule_data)
               VALUES ('read', 'closed', '{"match_groups": [{"groups": {"require": ["board"]}}]}');"#,
        )
        .unwrap();
    let run = on_server(&ground, &ground.archive("old")).ended(0);
    let document = run.document();
    let ids: Vec<_> =
        document["changes"].as_array().unwrap().iter().map(|change| change["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["secret", "closed", "aaa"]);
    let read = &document["changes"][0]["rights"][0];
    assert_eq!((&read["access"], &read["old_words"]), (&json!("read"), &json!(r#"the group "board""#)));
    assert_eq!((&read["new_words"], &read["lets_in_more"]), (&json!("everyone who is signed in"), &json!(true)));
    assert_eq!(document["totals"]["documents"]["rights_wider"], 1);
    let text: Run = ground
        .command(program())
        .arg("diff")
        .args([&ground.archive("old"), Path::new("-D"), &ground.server()])
        .output()
        .unwrap()
        .into();
    let text = text.ended(0).out;
    let lines = [
        "Open to more people",
        "Secret",
        "then: the group \"board\"",
        "now:  everyone",
        "Open to fewer",
        "Closed",
        "Added",
    ];
    let places: Vec<_> = lines.iter().map(|line| text.find(line).unwrap_or_else(|| panic!("{line}: {text}"))).collect();
    assert!(places.is_sorted(), "{text}");
}

#[test]
fn a_content_that_was_lost_or_changed_behind_the_servers_back_is_told() {
    let ground = Ground::with("small");
    ground.create("old", &[]).ended(0);
    let database = Connection::open(ground.server().join("app.db")).unwrap();
    let files: Vec<(String, String)> = database
        .prepare("SELECT id, path FROM files WHERE id IN (SELECT file_id FROM document_revisions) ORDER BY id")
        .unwrap()
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    assert!(files.len() >= 2, "{files:?}");
    fs::remove_file(ground.server().join(&files[0].1)).unwrap();
    fs::write(ground.server().join(&files[1].1), "longer than it ever was".repeat(1000)).unwrap();
    // A digest that contradicts its content, on the server alone, makes no other content of it.
    database
        .execute(
            "UPDATE files SET sha256 = ?1 WHERE id NOT IN (?2, ?3)",
            ["0".repeat(64).as_str(), &files[0].0, &files[1].0],
        )
        .unwrap();
    let old = ground.archive("old");
    let run = on_server(&ground, &old).ended(0);
    assert_eq!(told(&run), expected(&old, &ground.server()));
    let contents: Vec<Value> =
        run.document()["changes"].as_array().unwrap().iter().map(|change| change["content"].clone()).collect();
    assert!(contents.contains(&json!("gone")) && contents.contains(&json!("changed")), "{contents:?}");
    assert!(run.document()["contents_compared_by"]["bytes"].as_u64().unwrap() > 0 || files.len() == 2);
}

#[test]
fn damage_and_wrong_keys_end_as_everywhere_and_what_cannot_be_compared_is_a_warning() {
    let ground = Ground::with("small");
    ground.create("old", &[]).ended(0);
    ground.create("new", &[]).ended(0);
    let (old, new) = (ground.archive("old"), ground.archive("new"));
    diff(&ground, &[&old, &new], &["--strict"]).ended(0);
    let swapped = diff(&ground, &[&old, &new, "--new-key".as_ref(), &ground.key("old")], &[]);
    assert_eq!(swapped.ended(4).error_code(), "wrong_key");
    assert_eq!(diff(&ground, &[&old], &[]).code, Some(2), "a second is needed");
    assert_eq!(diff(&ground, &[&old, &new, "-D".as_ref(), &ground.server()], &[]).code, Some(2));
    let database = Connection::open(ground.server().join("app.db")).unwrap();
    database.execute("INSERT INTO folders SELECT 'odd', 'Odd', 1.0, NULL", []).unwrap();
    database
        .execute(
            "INSERT INTO folder_access_rules (access_type, folder_id, rule_data) VALUES ('read', 'odd', '[1]')",
            [],
        )
        .unwrap();
    ground.create("odd", &[]).ended(0);
    let odd = ground.archive("odd");
    let run = diff(&ground, &[&odd, &odd], &["--strict"]).ended(3);
    assert_eq!(
        (&run.document()["not_compared"][0]["id"], &run.document()["not_compared_total"]),
        (&json!("odd"), &json!(1))
    );
}

#[test]
fn real_servers_of_both_lines_are_compared_as_the_oracle_does() {
    let Some(golden) = golden() else { return };
    for name in ["server", "server_master"] {
        let ground = Ground::bare();
        let copied =
            std::process::Command::new("cp").arg("-r").args([golden.join(name), ground.server()]).status().unwrap();
        assert!(copied.success());
        ground.create("old", &[]).ended(0);
        let mut life = Life::of(&ground.server(), 7);
        for _ in 0..6 {
            let (folder, rule) = (life.any("folders"), life.rule());
            let sql = "INSERT INTO folder_access_rules (access_type, folder_id, rule_data) VALUES ('read', ?1, ?2)";
            life.database.execute(sql, [&folder, &rule]).unwrap();
            let (document, folder) = (life.any("documents"), life.any("folders"));
            life.database.execute("UPDATE documents SET folder_id = ?2 WHERE id = ?1", [&document, &folder]).unwrap();
        }
        let old = ground.archive("old");
        assert_eq!(told(&on_server(&ground, &old).ended(0)), expected(&old, &ground.server()), "{name}");
    }
    let ground = Ground::bare();
    let archive = golden.join("golden/golden.cfms.enc");
    let run = diff(&ground, &[&archive, "--data-dir".as_ref(), &golden.join("server")], &[]).ended(0);
    assert_eq!(told(&run), expected(&archive, &golden.join("server")), "a real server's own archive");
}
