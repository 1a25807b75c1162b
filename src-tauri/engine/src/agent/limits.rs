//! What one client, or many, may cost. `docs/AGENT.md` lists these.

use std::time::Duration;

use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

use crate::protocol::MAX_MESSAGE;

/// Connections at once.
pub(super) const CONNECTIONS: usize = 512;
/// Connections of one address at once.
pub(super) const CONNECTIONS_OF_ADDRESS: usize = 256;
/// Those of them on which nobody has signed in who may make backups.
pub(super) const STRANGERS_OF_ADDRESS: usize = 64;
/// Connections of one user who may make backups, from wherever.
pub(super) const CONNECTIONS_OF_USER: usize = 8;
/// For TCP, TLS and WebSocket handshakes and the first request together.
pub(super) const FIRST_REQUEST: Duration = Duration::from_secs(8);
/// Between two requests of a client on which nobody has signed in who may make backups: somebody may be typing a password, and who takes longer has a
/// client that connects again.
pub(super) const IDLE_STRANGER: Duration = Duration::from_secs(60);
/// Bytes of a message of such a client.
pub(super) const STRANGERS_MESSAGE: usize = 64 * 1024;
/// Between two requests of any other: as long as a token lives.
pub(super) const IDLE_USER: Duration = Duration::from_secs(3600);
/// Between two pings, and what is left to answer one.
pub(super) const PING: Duration = Duration::from_secs(20);
/// For a message to leave.
pub(super) const SEND: Duration = Duration::from_secs(60);
/// Requests of one client that wait for the answer to an earlier one; more are left in the network.
pub(super) const WAITING_REQUESTS: usize = 8;
/// Password hashes computed at once. An argon2id hash of a CFMS server costs 64 MiB.
pub(super) const HASHES: usize = 2;
/// KiB that a hash may cost; one that costs more is not computed.
pub(super) const HASH_KIB: u32 = 256 * 1024;
/// How long the turn to try a password, and then to compute its hash, is waited for.
pub(super) const HASH_WAIT: Duration = Duration::from_secs(20);
/// When a failed login is answered, counted from the request: as servers do it, and the same for every reason.
pub(super) const FAILED_LOGIN: Duration = Duration::from_secs(3);
/// Downloads of archives at once.
pub(super) const DOWNLOADS: usize = 8;
/// Those of one user.
pub(super) const DOWNLOADS_OF_USER: usize = 4;
/// Bytes of a download's message.
pub(super) const CHUNK: usize = 256 * 1024;
/// For goodbyes.
pub(super) const FAREWELL: Duration = Duration::from_secs(1);
/// For running work to end when the agent stops.
pub(super) const SHUTDOWN: Duration = Duration::from_secs(10);

/// The sizes of a connection's messages and buffers.
pub(super) fn websocket() -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(4 * 1024)
        .write_buffer_size(16 * 1024)
        .max_write_buffer_size(2 * MAX_MESSAGE)
        .max_message_size(Some(MAX_MESSAGE))
        .max_frame_size(Some(MAX_MESSAGE))
}
