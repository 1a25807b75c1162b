//! The servers that are trusted, by window and command line alike.

use cfms_backup::remote::{Address, KnownServer, KnownServers};

use super::{Answer, blocking};

#[tauri::command]
pub(crate) async fn known_servers() -> Answer<Vec<KnownServer>> {
    blocking(|| KnownServers::of_this_user().map_or_else(|| Ok(Vec::new()), |known| known.list())).await
}

#[tauri::command]
pub(crate) async fn forget_server(host: String, port: u16) -> Answer<()> {
    blocking(move || match KnownServers::of_this_user() {
        Some(known) => known.forget(&Address::parse(&format!("{host}:{port}"))?).map(drop),
        None => Ok(()),
    })
    .await
}
