//! Which line of servers the one at the other end is of.
//!
//! A later server stays silent where it is spoken to in plain JSON, and an older one hangs up at the later framing. So
//! the later framing is tried first, and what hangs up is called again. A line may break for other reasons too: the
//! question is asked some times more before a break is taken for an answer.

use std::time::Duration;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::asking::{Retry, lost};
use super::connection::{self, Connection, Framing};
use super::dial::{self, Dial};
use super::quoting::{Unsaid, cleaned};
use crate::error::{Error, RemoteError, Result};
use crate::job::Job;
use crate::protocol::{LAST_PLAIN_PROTOCOL, Request, ServerInfo, action, code};

/// How long a server may take to say who it is.
const PATIENCE: Duration = Duration::from_secs(15);
/// Seconds between attempts: fewer than where a server is known to be there.
const PAUSES: &[u64] = &[1, 2, 4, 8];

/// Who the server is. The connection is the one to go on with.
pub(super) type Recognised = (ServerInfo, Framing, Connection);

/// Asks the server who it is, again where the line breaks.
pub(super) async fn recognise(dial: &dyn Dial, unsaid: &Unsaid, job: &Job) -> Result<Recognised> {
    let mut retry = Retry::with(&dial.server(), PAUSES);
    let mut breaks = Vec::new();
    loop {
        let error = match ask_in_both(dial, unsaid).await {
            Ok(recognised) => {
                retry.found(job);
                return Ok(recognised);
            }
            Err(error) => error,
        };
        match lost(&error) {
            // Where nobody has answered yet, there is no line to get back.
            Some(_) if breaks.is_empty() && is_unreachable(&error) => return Err(error),
            // Each silence takes its time, and says no more than the one before.
            Some(problem) if is_silence(problem) && breaks.iter().any(|known| known == problem) => return Err(error),
            Some(problem) => breaks.push(problem.to_owned()),
            None => return Err(error),
        }
        retry.pause(error, job).await.map_err(|error| verdict(error, &breaks))?;
    }
}

async fn ask_in_both(dial: &dyn Dial, unsaid: &Unsaid) -> Result<Recognised> {
    let mut later = Connection::open(dial, Framing::Streams, unsaid).await?;
    let first = match ask(dial, &mut later, unsaid).await {
        Ok(info) if info.protocol_version > LAST_PLAIN_PROTOCOL => return Ok((info, Framing::Streams, later)),
        // Our agent answers that question in both.
        Ok(_) => None,
        Err(error) => Some(error),
    };
    drop(later);
    let mut plain = Connection::open(dial, Framing::Plain, unsaid).await?;
    match (ask(dial, &mut plain, unsaid).await, first) {
        (Ok(info), _) => Ok((info, Framing::Plain, plain)),
        // A later server whose line broke says nothing to plain JSON.
        (Err(Error::Remote(error)), Some(first))
            if matches!(*error, RemoteError::Silent { .. }) && lost(&first).is_some() =>
        {
            Err(first)
        }
        (Err(Error::Remote(error)), _) => Err(match *error {
            RemoteError::Silent { server, seconds } => RemoteError::NotCfmsServer {
                server,
                problem: format!("asked who it is, it says nothing for {seconds} s"),
            }
            .into(),
            error => error.into(),
        }),
        (Err(error), _) => Err(error),
    }
}

async fn ask(dial: &dyn Dial, connection: &mut Connection, unsaid: &Unsaid) -> Result<ServerInfo> {
    let not_cfms = |problem: &str, quoted: &str| {
        let problem = match quoted.is_empty() {
            true => problem.to_owned(),
            false => format!("{problem} (“{quoted}”)"),
        };
        Error::from(RemoteError::NotCfmsServer { server: dial.server(), problem })
    };
    let request = Request::new(action::SERVER_INFO, Value::Object(Map::new()));
    let response = match connection.ask(request, Some(PATIENCE), &mut |_| {}).await {
        Ok(response) => response,
        Err(Error::Remote(error)) => {
            return Err(match *error {
                RemoteError::ConnectionLost { server, problem } => {
                    RemoteError::ConnectionLost { server, problem: format!("asked who it is, {problem}") }.into()
                }
                RemoteError::Protocol { problem, quoted, .. } => not_cfms(problem, &quoted),
                error => error.into(),
            });
        }
        Err(error) => return Err(error),
    };
    match response.code {
        code::OK => ServerInfo::deserialize(&response.data).map_err(|_| {
            let quoted = unsaid.quoted(response.data.to_string().as_bytes());
            not_cfms("its answer to server_info has another shape", &quoted)
        }),
        code => {
            let problem = format!("it refuses to say who it is: {} ({code})", cleaned(&response.message));
            Err(not_cfms(&problem, ""))
        }
    }
}

/// What to make of the last break: one that came each time may be all that this server says. Silence is no answer.
fn verdict(error: Error, breaks: &[String]) -> Error {
    let is_the_same = breaks.windows(2).all(|two| two[0] == two[1]);
    match error {
        Error::Remote(error) => match *error {
            RemoteError::ConnectionLost { server, problem } if is_the_same && !is_silence(&problem) => {
                let problem = format!("{problem}, each time that it was called");
                RemoteError::NotCfmsServer { server, problem }.into()
            }
            error => error.into(),
        },
        error => error,
    }
}

/// Whether somebody let himself be called and said nothing.
fn is_silence(problem: &str) -> bool {
    [dial::NO_TLS_ANSWER, connection::NO_ANSWER].contains(&problem)
}

fn is_unreachable(error: &Error) -> bool {
    matches!(error, Error::Remote(error) if matches!(**error, RemoteError::Unreachable { .. }))
}
