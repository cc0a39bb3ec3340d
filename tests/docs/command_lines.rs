//! Every command line that a page shows is one that the program understands. None is run.

use clap::Parser as _;
use clap::error::ErrorKind;
use sealift::cli::Cli;

use crate::pages::{self, Line, Page, Place};

#[test]
fn commands_on_pages_are_understood() {
    let mut wrong = vec![];
    let mut seen = 0;
    for page in pages::all() {
        for (number, text, whole) in command_lines(&page) {
            seen += 1;
            for why in commands_of(&text).filter_map(|command| fault(command, whole)) {
                wrong.push(format!("{}:{number}: {text}: {why}", page.path.display()));
            }
        }
    }
    assert!(seen > 20, "commands are not seen");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Whether a text claims to be all that is typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Whole {
    Yes,
    /// It may speak of a command and leave out what it needs.
    Perhaps,
}

/// Returns the commands of a page with their lines' numbers: of blocks, indented lines, and what stands in backticks.
fn command_lines(page: &Page) -> Vec<(usize, String, Whole)> {
    let mut found = vec![];
    let lines = page.lines();
    let mut lines = lines.iter().peekable();
    while let Some(line) = lines.next() {
        if line.place == Place::Prose && !line.text.starts_with("    ") {
            let spoken = line.text.split('`').skip(1).step_by(2).filter(|code| code.starts_with("sealift "));
            found.extend(spoken.map(|code| (line.number, code.to_owned(), Whole::Perhaps)));
        } else if line.place != Place::Block && is_command(line) {
            let mut text = line.text.trim().to_owned();
            while text.ends_with('\\') {
                text.pop();
                text.push_str(lines.next().map_or("", |next| next.text.trim()));
            }
            found.push((line.number, text, Whole::Yes));
        }
    }
    found
}

fn is_command(line: &Line<'_>) -> bool {
    line.text.trim_start().starts_with("sealift ")
}

/// Returns sealift's own commands among those of a line, which may be one after the other or a pipe.
fn commands_of(line: &str) -> impl Iterator<Item = &str> {
    let commands = [" && ", " | ", "; "].iter().fold(vec![line], |commands, between| {
        commands.into_iter().flat_map(|command| command.split(between)).collect()
    });
    commands.into_iter().map(str::trim).filter(|command| command.starts_with("sealift "))
}

/// Says what the program would not understand. Words in capital letters stand for others, and `...` for more of them.
fn fault(text: &str, whole: Whole) -> Option<String> {
    let Some(mut words) = shlex::split(text) else { return Some("quotes are not closed".to_owned()) };
    if let Some(redirected) = words.iter().position(|word| word.starts_with(['<', '>'])) {
        words.truncate(redirected);
    }
    let stands_for_another = |word: &String| word.chars().all(|c| c.is_ascii_uppercase());
    if words.get(1).is_some_and(stands_for_another) {
        return None;
    }
    words.retain(|word| word != "...");
    let error = Cli::try_parse_from(&words).err()?;
    let missing = [
        ErrorKind::MissingRequiredArgument,
        ErrorKind::MissingSubcommand,
        ErrorKind::InvalidValue,
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand,
    ];
    let told = [ErrorKind::DisplayHelp, ErrorKind::DisplayVersion];
    let fine = told.contains(&error.kind()) || whole == Whole::Perhaps && missing.contains(&error.kind());
    (!fine).then(|| error.to_string().lines().next().unwrap_or_default().to_owned())
}
