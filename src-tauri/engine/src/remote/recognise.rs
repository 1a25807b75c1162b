//! Which line of servers the one at the other end is of.
//!
//! A later server stays silent where it is spoken to in plain JSON, and an older one hangs up at the later framing. So
//! the later framing is tried first, and what hangs up is called again.

use std::time::Duration;

use serde_json::{Map, Value};

use super::connection::{Connection, Framing};
use super::dial::Dial;
use super::quoting::{Unsaid, cleaned};
use crate::error::{Error, RemoteError, Result};
use crate::protocol::{LAST_PLAIN_PROTOCOL, Request, ServerInfo, action, code};

/// How long a server may take to say who it is.
const PATIENCE: Duration = Duration::from_secs(15);

/// Asks the server who it is. The connection is the one to go on with.
pub(super) async fn recognise(dial: &dyn Dial, unsaid: &Unsaid) -> Result<(ServerInfo, Framing, Connection)> {
    let mut later = open(dial, Framing::Streams, unsaid).await?;
    match ask(dial, &mut later).await {
        Ok(info) if info.protocol_version > LAST_PLAIN_PROTOCOL => return Ok((info, Framing::Streams, later)),
        // Our agent answers that question in both.
        Ok(_) => {}
        Err(Error::Cancelled) => return Err(Error::Cancelled),
        Err(_) => {}
    }
    drop(later);
    let mut plain = open(dial, Framing::Plain, unsaid).await?;
    let info = ask(dial, &mut plain).await?;
    Ok((info, Framing::Plain, plain))
}

/// Who hangs up before anything was said is no server of ours, as far as is known yet.
async fn open(dial: &dyn Dial, framing: Framing, unsaid: &Unsaid) -> Result<Connection> {
    Connection::open(dial, framing, unsaid).await.map_err(|error| match error {
        Error::Remote(error) => match *error {
            RemoteError::ConnectionLost { server, problem } => RemoteError::NotCfmsServer { server, problem }.into(),
            error => error.into(),
        },
        error => error,
    })
}

async fn ask(dial: &dyn Dial, connection: &mut Connection) -> Result<ServerInfo> {
    let not_cfms = |problem| Error::from(RemoteError::NotCfmsServer { server: dial.server(), problem });
    let request = Request::new(action::SERVER_INFO, Value::Object(Map::new()));
    let response = match connection.ask(request, Some(PATIENCE), &mut |_| {}).await {
        Ok(response) => response,
        Err(Error::Remote(error)) => {
            return Err(match *error {
                RemoteError::ConnectionLost { problem, .. } => not_cfms(format!("asked who it is, {problem}")),
                RemoteError::Silent { seconds, .. } => {
                    not_cfms(format!("asked who it is, it says nothing for {seconds} s"))
                }
                RemoteError::Protocol { problem, quoted, .. } => not_cfms(match quoted.is_empty() {
                    true => problem.to_owned(),
                    false => format!("{problem} (“{quoted}”)"),
                }),
                error => error.into(),
            });
        }
        Err(error) => return Err(error),
    };
    match response.code {
        code::OK => serde_json::from_value(response.data)
            .map_err(|_| not_cfms("its answer to server_info has another shape".to_owned())),
        code => Err(not_cfms(format!("it refuses to say who it is: {} ({code})", cleaned(&response.message)))),
    }
}
