//! Servers and certificates in words.

use cfms_backup::Certificate;
use cfms_backup::remote::ServerFacts;

use crate::show;

/// What a server says of itself.
pub(super) fn server(facts: &ServerFacts) -> Vec<(&'static str, String)> {
    let what = match &facts.agent {
        Some(version) => format!("our agent, version {}", show::line(version)),
        None => "a CFMS server".to_owned(),
    };
    let backups = match (facts.backs_up, facts.sends_files, facts.whole_server) {
        (false, ..) => "no backup action: back it up on its own machine, or run our agent there (cfms-backup serve)",
        (true, false, _) => "onto its own disk only, if it has the action; it cannot send them",
        (true, true, Some(true)) => "of the whole server; it sends them",
        (true, true, _) => "of the documents; it sends them",
    };
    let mut rows = vec![
        ("Address", show::line(&facts.address).into_owned()),
        ("Is", what),
        ("Version", show::line(&facts.version).into_owned()),
        ("Protocol", facts.protocol_version.to_string()),
        ("Backups", backups.to_owned()),
    ];
    if facts.lockdown {
        rows.push(("State", "locked down by an administrator".to_owned()));
    }
    match &facts.certificate {
        Some(shown) => rows.extend(certificate(shown)),
        None => rows.push(("Line", "NOT encrypted".to_owned())),
    }
    rows
}

/// What a person compares.
pub(super) fn certificate(certificate: &Certificate) -> Vec<(&'static str, String)> {
    let day = |time: Option<i64>| time.map_or_else(|| "?".to_owned(), |time| show::time(time as f64));
    let signer = match certificate.self_signed {
        true => "itself".to_owned(),
        false => show::line(&certificate.issuer).into_owned(),
    };
    vec![
        ("Fingerprint", certificate.fingerprint.to_string()),
        ("For", show::line(&certificate.names.join(", ")).into_owned()),
        ("Valid", format!("{} to {}", day(certificate.not_before), day(certificate.not_after))),
        ("Signed by", signer),
    ]
}
