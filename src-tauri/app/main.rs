//! The desktop application: a window over the engine.
//!
//! The page (`ui/`) shows and asks, the commands hand on to the engine, the engine does. Read in this order: [`window`],
//! [`commands`], [`running`] (the one backup that may run), [`server`] (the one line to a server), [`opened`] (the one backup
//! that is looked into), [`settings`].

mod arguments;
mod browsing;
mod command_line;
mod commands;
mod comparing;
mod desktop;
mod dock;
mod locale;
mod log;
mod opened;
mod outline;
mod places;
mod preview;
mod running;
mod server;
mod settings;
mod signals;
mod state;
mod window;

use std::process::ExitCode;

use rustix::process::{Resource, Rlimit, setrlimit};
use tauri::{Manager as _, RunEvent};

use arguments::Request;
use state::Application;

fn main() -> ExitCode {
    // Keys are in this process's memory: no core dump may carry one to disk. Failing to lower a limit is not possible.
    let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
    match arguments::parse(std::env::args_os().skip(1)) {
        Request::Help => say(&mut std::io::stdout(), arguments::HELP, ExitCode::SUCCESS),
        Request::Version => say(&mut std::io::stdout(), arguments::VERSION, ExitCode::SUCCESS),
        Request::Misunderstood(argument) => {
            let words = format!("{}: what is {argument:?}?\n\n{}", env!("CARGO_BIN_NAME"), arguments::HELP);
            say(&mut std::io::stderr(), &words, ExitCode::from(2))
        }
        Request::Open(source) => match open(source) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                let words = format!("{}: the window cannot be opened: {error}", env!("CARGO_BIN_NAME"));
                say(&mut std::io::stderr(), &words, ExitCode::FAILURE)
            }
        },
    }
}

fn open(source: Option<std::path::PathBuf>) -> tauri::Result<()> {
    tauri::Builder::default()
        .plugin(tauri_plugin_single_instance::init(|app, _arguments, _folder| window::bring_to_front(app)))
        .plugin(tauri_plugin_notification::init())
        .invoke_handler(tauri::generate_handler![
            commands::app_state,
            commands::save_settings,
            commands::source::survey,
            commands::source::destination_outlook,
            commands::backup::start_backup,
            commands::backup::cancel_backup,
            commands::backup::backup_command,
            commands::account::connect_server,
            commands::account::leave_server,
            commands::account::password_kept,
            commands::account::forget_password,
            commands::account::sign_in,
            commands::account::second_factor,
            commands::account::change_password,
            commands::remote::back_up_server,
            commands::remote::remove_from_server,
            commands::remote::server_command,
            commands::opened::find_pair,
            commands::opened::open_backup,
            commands::opened::close_backup,
            commands::opened::verify_backup,
            commands::opened::verify_command,
            commands::opened::stop_looking,
            commands::browse::list_rows,
            commands::browse::list_keys,
            commands::browse::open_row,
            commands::browse::search_titles,
            commands::browse::find_title,
            commands::browse::describe_row,
            commands::browse::sum_rows,
            commands::browse::preview_content,
            commands::browse::save_rows,
            commands::browse::save_command,
            commands::compare::compare_backup,
            commands::compare::compare_command,
            commands::compare::shape_changes,
            commands::compare::change_rows,
            commands::compare::open_change,
            commands::compare::find_change,
            commands::compare::describe_change,
            commands::compare::leave_comparison,
            commands::known::known_servers,
            commands::known::forget_server,
            commands::dialogs::pick_folder,
            commands::dialogs::pick_source,
            commands::dialogs::pick_backup,
            commands::show_in_folder,
            commands::open_logs_folder,
            commands::copy_text,
            commands::set_progress,
            commands::notify,
            commands::close_window,
            commands::licences,
        ])
        .setup(move |app| {
            let application = Application::start(app.path(), source)?;
            application.log.line(format_args!("started, version {}", env!("CARGO_PKG_VERSION")));
            log::name_the_place_of_panics(application.log.clone());
            app.manage(application);
            signals::stop_gently(app.handle().clone())?;
            window::open(app.handle())?;
            Ok(())
        })
        .build(tauri::generate_context!())?
        .run(|app, event| {
            if let RunEvent::Exit = event {
                let application = app.state::<Application>();
                application.running.stop_and_wait();
                application.opened.close();
                application.server.leave_and_wait();
                application.log.line(format_args!("ended"));
            }
        });
    Ok(())
}

/// Writes to a terminal that may be gone; there is nobody left to tell then.
fn say(to: &mut impl std::io::Write, words: &str, code: ExitCode) -> ExitCode {
    let _ = writeln!(to, "{}", words.trim_end());
    let _ = to.flush();
    code
}
