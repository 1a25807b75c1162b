//! The standalone test of the feature's specification.

use crate::program::{command, names, run};

#[test]
fn the_selftest_prints_what_the_specification_shows() {
    let folder = tempfile::tempdir().unwrap();
    let output = command(["selftest", "--progress=none"]).env("TMPDIR", folder.path()).output().unwrap();
    let run = crate::program::Run::from(output);
    assert_eq!((run.code, run.err.as_str()), (Some(0), ""), "{run:?}");
    let expected = [
        "Setting up test database...",
        "Test database setup complete.",
        "",
        "Testing backup generation...",
        "",
        "Backup generated successfully!",
        "Archive path: */content/backups/test_backup.cfms.enc",
        "Key path: */content/backups/test_backup.key",
        "Metadata: {",
        "  \"version\": \"1.0\",",
        "  \"created_at\": *,",
        "  \"documents_count\": 2,",
        "  \"folders_count\": 1,",
        "  \"files_count\": 2",
        "}",
        "",
        "Archive size: * bytes",
        "",
        "✓ All backup tests passed!",
        "",
        "==================================================",
        "SUCCESS: Backup generation functionality works!",
        "==================================================",
    ];
    let lines: Vec<_> = run.out.lines().collect();
    assert_eq!(lines.len(), expected.len(), "{}", run.out);
    for (line, pattern) in lines.iter().zip(expected) {
        let fits = match pattern.split_once('*') {
            Some((start, end)) => {
                line.starts_with(start) && line.ends_with(end) && line.len() > start.len() + end.len()
            }
            None => *line == pattern,
        };
        assert!(fits, "{line:?} is not {pattern:?}");
    }
    assert_eq!(names(folder.path()), [""; 0], "the temporary folder is empty again");
}

#[test]
fn the_selftest_as_json_is_the_report() {
    let document = run(["selftest", "--json"]).document();
    assert_eq!(document["metadata"]["documents_count"], 2);
    assert_eq!(document["verification"]["verdict"], "verified");
    assert_eq!(document["warnings"].as_array().unwrap().len(), 0);
}
