//! Signing in: where the password comes from, and what a server wants beside it.

use std::io::{self, BufRead, IsTerminal};

use cfms_backup::protocol::Secret;
use cfms_backup::remote::{Address, Remote, SignIn, keyring};
use cfms_backup::{Code, Job, Warning, WarningCode};

use crate::args::AccountArgs;
use crate::exit::Exit;
use crate::failure::{Failure, Result};
use crate::output::Output;

/// Second factors and new passwords that are asked for before giving up.
const ATTEMPTS: u32 = 3;

/// Signs in, and answers what the server asks for, as far as there is somebody to ask. What is not as it was wished is a
/// warning.
pub(super) async fn sign_in(
    server: &mut Remote,
    address: &Address,
    args: &AccountArgs,
    output: &Output,
    job: &Job,
) -> Result<Vec<Warning>> {
    let (password, mut second_factor) = password(address, args)?;
    let mut who = SignIn { username: args.username.clone(), password, second_factor: None };
    let mut attempts = 0;
    while let Err(error) = server.sign_in(&who, job).await {
        attempts += 1;
        match error.code() {
            _ if attempts > ATTEMPTS => return Err(error.into()),
            Code::SecondFactorWanted | Code::SecondFactorRefused => {
                if error.code() == Code::SecondFactorRefused && is_somebody_there() {
                    output.warn("That was not it.");
                }
                let given = second_factor.take().map(Ok);
                match given.or_else(|| ask(&format!("Second factor of {}: ", args.username))) {
                    Some(factor) => who.second_factor = Some(factor?),
                    None => return Err(error.into()),
                }
            }
            Code::PasswordExpired => match new_password(&args.username, output) {
                Some(new) => {
                    let new = new?;
                    server.set_password(&who.username, &who.password, &new, job).await?;
                    output.warn("The password is changed.");
                    who.password = new;
                }
                None => return Err(error.into()),
            },
            _ => return Err(error.into()),
        }
    }
    Ok(args.remember.then(|| remember(address, &who)).flatten().into_iter().collect())
}

/// A backup that can be made is not given up for a keyring.
fn remember(address: &Address, who: &SignIn) -> Option<Warning> {
    let error = keyring::remember(address, &who.username, &who.password).err()?;
    let problem = error.params().remove("problem").unwrap_or_default();
    Some(Warning::new(WarningCode::NotRemembered, format!("the password is not in the system's keyring: {problem}")))
}

/// The password, and a second factor where it came along.
fn password(address: &Address, args: &AccountArgs) -> Result<(Secret, Option<Secret>)> {
    if args.password_stdin {
        let mut lines = io::stdin().lock();
        let password = line(&mut lines)?.ok_or_else(|| missing("there is no password on standard input"))?;
        return Ok((password, line(&mut lines)?));
    }
    if let Some(name) = &args.password_env {
        let value = std::env::var(name).ok().filter(|value| !value.is_empty());
        let password = value.ok_or_else(|| missing(&format!("the environment variable {name} holds no password")))?;
        return Ok((Secret::from(password), None));
    }
    if args.keyring {
        return Ok((keyring::password(address, &args.username)?, None));
    }
    let prompt = format!("Password of {} on {address}: ", args.username);
    let password = ask(&prompt).unwrap_or_else(|| Err(missing("there is no terminal to ask for the password")))?;
    Ok((password, None))
}

/// A line without its end; `None` if there is none.
fn line(input: &mut impl BufRead) -> Result<Option<Secret>> {
    // Sized beforehand: a buffer that grows leaves copies of a password behind.
    let mut line = String::with_capacity(4096);
    input.read_line(&mut line).map_err(|error| Failure::io("read", "standard input", error))?;
    line.truncate(line.trim_end_matches(['\r', '\n']).len());
    Ok(Some(Secret::from(line)).filter(|line| !line.expose().is_empty()))
}

/// Asks at the terminal, without showing what is typed; `None` where there is none.
fn ask(prompt: &str) -> Option<Result<Secret>> {
    if !is_somebody_there() {
        return None;
    }
    let typed = rpassword::prompt_password(crate::show::line(prompt)).map(Secret::from);
    Some(typed.map_err(|error| match error.kind() {
        io::ErrorKind::Interrupted => cfms_backup::Error::Cancelled.into(),
        _ => Failure::io("read", "the terminal", error),
    }))
}

fn is_somebody_there() -> bool {
    io::stdin().is_terminal()
}

/// A new password, typed twice the same; `None` where nobody can be asked.
fn new_password(username: &str, output: &Output) -> Option<Result<Secret>> {
    if is_somebody_there() {
        output.warn("The password has expired or must be changed before anybody can sign in with it.");
    }
    for _ in 0..ATTEMPTS {
        let first = match ask(&format!("New password of {username}: "))? {
            Ok(first) => first,
            Err(failure) => return Some(Err(failure)),
        };
        match ask("The same again: ")? {
            Ok(second) if second.expose() == first.expose() => return Some(Ok(first)),
            Ok(_) => output.warn("These were not the same."),
            Err(failure) => return Some(Err(failure)),
        }
    }
    None
}

fn missing(message: &str) -> Failure {
    Failure::new("usage", message, Exit::Usage)
        .advise("Use --password-stdin, --password-env or --keyring, or run it in a terminal.")
}
