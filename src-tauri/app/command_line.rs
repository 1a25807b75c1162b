//! What the window does, as a command that does the same.

use std::path::Path;

/// Writes an argument so that a POSIX shell reads it as it is.
///
/// Control characters are written as escapes: pasted raw into a terminal they could be keys, not text.
pub(crate) fn quoted(argument: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./:=@%+,".contains(c);
    if !argument.is_empty() && argument.chars().all(plain) {
        return argument.to_owned();
    }
    if !argument.chars().any(char::is_control) {
        return format!("'{}'", argument.replace('\'', r"'\''"));
    }
    let mut text = String::from("$'");
    for c in argument.chars() {
        match c {
            '\'' | '\\' => text.extend(['\\', c]),
            c if c.is_control() => c.encode_utf8(&mut [0; 4]).bytes().for_each(|byte| {
                // Octal, always three digits: a digit that follows cannot become part of it.
                text.push_str(&format!("\\{byte:03o}"));
            }),
            c => text.push(c),
        }
    }
    text.push('\'');
    text
}

/// A command line that grows.
pub(crate) struct CommandLine(String);

impl CommandLine {
    /// Begins with the program and its verb.
    pub(crate) fn new(words: &str) -> Self {
        Self(words.to_owned())
    }

    /// Adds a flag that stands alone, if `wanted`.
    pub(crate) fn flag(mut self, name: &str, wanted: bool) -> Self {
        if wanted {
            self.0.push(' ');
            self.0.push_str(name);
        }
        self
    }

    /// Adds an argument that stands alone.
    pub(crate) fn argument(mut self, value: &str) -> Self {
        self.0.push(' ');
        self.0.push_str(&quoted(value));
        self
    }

    /// Adds an option with its value.
    pub(crate) fn option(mut self, name: &str, value: &str) -> Self {
        self.0.push_str(&format!(" {name} {}", quoted(value)));
        self
    }

    /// Adds an option with a path.
    pub(crate) fn path(self, name: &str, value: &Path) -> Self {
        self.option(name, &value.display().to_string())
    }

    /// The line.
    pub(crate) fn finish(self) -> String {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn a_shell_reads_every_argument_as_it_was() {
        let awkward =
            ["", "plain-1.2", "two words", "it's", r"back\slash", "$HOME `id` \"x\" !", "财务", "-n", "*", "~"];
        for argument in awkward {
            assert_eq!(read_by("sh", argument), argument.as_bytes());
        }
    }

    #[test]
    fn control_characters_are_escaped_and_still_read_as_they_were() {
        for argument in ["line\nline", "\u{1b}[31mred", "tab\t'quote'\\7", "\u{85}next"] {
            assert!(!quoted(argument).chars().any(char::is_control));
            assert_eq!(read_by("bash", argument), argument.as_bytes());
        }
    }

    fn read_by(shell: &str, argument: &str) -> Vec<u8> {
        let script = format!("printf %s {}", quoted(argument));
        Command::new(shell).args(["-c", &script]).output().unwrap().stdout
    }
}
