//! Asks the person at the terminal: yes or no, a name to be typed, a secret that is not shown.
//!
//! While a question stands, keys are read one by one and the terminal sends no signals, so that Ctrl-C ends the
//! question like an answer does and the terminal is put back in order.

use std::io;
use std::sync::{Mutex, PoisonError};

use rustix::termios::{LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr};
use secrecy::SecretString;
use unicode_width::UnicodeWidthChar;

use super::sink::Sink;
use crate::error::{Class, Context, Problem, Result};

/// The terminal's own modes, while a question has changed them.
static BEFORE: Mutex<Option<Termios>> = Mutex::new(None);

/// Puts the terminal back in order if a question stands; for a program that is about to end at once.
pub fn restore_terminal() {
    if let Some(before) = BEFORE.lock().unwrap_or_else(PoisonError::into_inner).take() {
        // There is nothing left to do if this fails.
        let _ = tcsetattr(io::stdin(), OptionalActions::Now, &before);
    }
}

/// Whether what is typed is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Echo {
    Shown,
    Hidden,
}

/// Asks until the answer is yes or no; the empty answer is no.
pub(super) fn yes_or_no(question: &str, screen: &Sink) -> Result<bool> {
    loop {
        let answer = ask(&format!("{question} [y/N] "), Echo::Shown, screen)?;
        match answer.trim().to_lowercase().as_str() {
            "y" | "yes" => return Ok(true),
            "" | "n" | "no" => return Ok(false),
            _ => screen.say("please answer y or n\n"),
        }
    }
}

/// Asks for `name` to be typed, and tells whether it was.
pub(super) fn name(name: &str, screen: &Sink) -> Result<bool> {
    let answer = ask(&format!("type {name} to go on: "), Echo::Shown, screen)?;
    Ok(answer.trim() == name)
}

/// Asks for a secret.
pub(super) fn secret(prompt: &str, screen: &Sink) -> Result<SecretString> {
    Ok(SecretString::from(ask(&format!("{prompt}: "), Echo::Hidden, screen)?))
}

fn ask(prompt: &str, echo: Echo, screen: &Sink) -> Result<String> {
    let _keys = KeyByKey::begin().problem(Class::Internal, "cannot read single keys from the terminal")?;
    screen.say(prompt);
    let answer = read_answer(&mut next_key, &mut |text| screen.say(text), echo);
    screen.say("\n");
    answer
}

/// Keeps the terminal in a mode where each key arrives at once, unseen and without a signal.
struct KeyByKey;

impl KeyByKey {
    fn begin() -> io::Result<Self> {
        let before = tcgetattr(io::stdin())?;
        let mut modes = before.clone();
        modes.local_modes -= LocalModes::ICANON | LocalModes::ECHO | LocalModes::ISIG | LocalModes::IEXTEN;
        modes.special_codes[SpecialCodeIndex::VMIN] = 1;
        modes.special_codes[SpecialCodeIndex::VTIME] = 0;
        *BEFORE.lock().unwrap_or_else(PoisonError::into_inner) = Some(before);
        // What was typed before the question was seen is no answer to it.
        tcsetattr(io::stdin(), OptionalActions::Flush, &modes)?;
        Ok(Self)
    }
}

impl Drop for KeyByKey {
    fn drop(&mut self) {
        restore_terminal();
    }
}

/// Reads past the buffer of `std::io::stdin`, which would keep what follows the answer.
fn next_key() -> io::Result<Option<u8>> {
    let mut key = [0];
    loop {
        match rustix::io::read(io::stdin(), &mut key) {
            Ok(0) => return Ok(None),
            Ok(_) => return Ok(Some(key[0])),
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

const CTRL_C: u8 = 0x03;
const CTRL_D: u8 = 0x04;
const BACKSPACE: u8 = 0x08;
const CTRL_U: u8 = 0x15;
const CTRL_BACKSLASH: u8 = 0x1c;
const ESCAPE: u8 = 0x1b;
const DELETE: u8 = 0x7f;

/// Reads a line key by key: backspace and Ctrl-U erase, Ctrl-C and Ctrl-D stop.
fn read_answer(
    keys: &mut dyn FnMut() -> io::Result<Option<u8>>,
    show: &mut dyn FnMut(&str),
    echo: Echo,
) -> Result<String> {
    let mut typed = Typed::default();
    loop {
        let key = keys().problem(Class::Interrupted, "the terminal went away during a question")?;
        match key {
            None | Some(CTRL_C | CTRL_D | CTRL_BACKSLASH) => return Err(stopped()),
            Some(b'\r' | b'\n') => return Ok(typed.text),
            Some(BACKSPACE | DELETE) => erase(&mut typed, 1, show, echo),
            Some(CTRL_U) => erase(&mut typed, usize::MAX, show, echo),
            Some(ESCAPE) => {
                skip_sequence(keys)
                    .problem(Class::Interrupted, "the terminal went away during a question")?;
            }
            Some(key) => {
                if let (Some(character), Echo::Shown) = (typed.push(key), echo) {
                    show(character.encode_utf8(&mut [0; 4]));
                }
            }
        }
    }
}

fn stopped() -> Problem {
    Problem::new(Class::Interrupted, "stopped at the question, before anything it is about was done")
}

/// What was typed so far. It has room from the start, so that a secret leaves no copies behind while it grows.
struct Typed {
    text: String,
    partial: Vec<u8>,
}

impl Default for Typed {
    fn default() -> Self {
        Self { text: String::with_capacity(1024), partial: Vec::with_capacity(4) }
    }
}

impl Typed {
    /// Takes a byte, and returns the character that it completes.
    fn push(&mut self, byte: u8) -> Option<char> {
        self.partial.push(byte);
        let decoded = match std::str::from_utf8(&self.partial) {
            Ok(text) => text.chars().next(),
            Err(error) if error.error_len().is_none() => return None,
            Err(_) => None,
        };
        self.partial.clear();
        let character = decoded.filter(|character| !character.is_control())?;
        self.text.push(character);
        Some(character)
    }
}

fn erase(typed: &mut Typed, times: usize, show: &mut dyn FnMut(&str), echo: Echo) {
    for _ in 0..times {
        let Some(character) = typed.text.pop() else { return };
        if echo == Echo::Shown {
            show(&"\x08 \x08".repeat(character.width().unwrap_or(0)));
        }
    }
}

/// Skips the rest of an arrow key and the like: `ESC [ ... final` or `ESC O final` (ECMA-48).
fn skip_sequence(keys: &mut dyn FnMut() -> io::Result<Option<u8>>) -> io::Result<()> {
    if !matches!(keys()?, Some(b'[' | b'O')) {
        return Ok(());
    }
    while keys()?.is_some_and(|key| !(0x40..=0x7e).contains(&key)) {}
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(typed: &str, echo: Echo) -> (Result<String>, String) {
        let mut bytes = typed.bytes();
        let mut shown = String::new();
        let answer = read_answer(&mut || Ok(bytes.next()), &mut |text| shown.push_str(text), echo);
        (answer, shown)
    }

    #[test]
    fn an_answer_can_be_edited() {
        let table = [
            ("yes\r", "yes"),
            ("no\x7f\x7fyes\n", "yes"),
            ("wrong\x15right\n", "right"),
            ("a\x1b[Db\x1bOHc\x1b[3~\n", "abc"),
            ("日本\x7f語\n", "日語"),
            ("tab\there\n", "tabhere"),
            ("\x7f\x7f\n", ""),
        ];
        for (typed, expected) in table {
            assert_eq!(answer(typed, Echo::Shown).0.unwrap(), expected, "{typed:?}");
        }
    }

    #[test]
    fn ctrl_c_and_a_terminal_that_goes_away_stop_cleanly() {
        for typed in ["ye\x03s\n", "\x04", "\x1c", "y"] {
            assert_eq!(answer(typed, Echo::Shown).0.unwrap_err().class, Class::Interrupted, "{typed:?}");
        }
    }

    #[test]
    fn a_secret_is_never_shown() {
        assert_eq!(answer("hunter2\x7f3\n", Echo::Hidden), (Ok("hunter3".to_owned()), String::new()));
        assert_eq!(answer("名\x7f\n", Echo::Shown).1, "名\x08 \x08\x08 \x08");
    }

    /// Plays the other side in a terminal of its own: util-linux' `script` has one for us.
    struct Conversation {
        script: std::process::Child,
        heard: String,
    }

    impl Conversation {
        fn begin() -> Self {
            let this = std::env::current_exe().unwrap();
            let command =
                format!("{} --ignored --exact --nocapture ui::question::tests::asker", this.display());
            let script = std::process::Command::new("script")
                .args(["-qec", &command, "/dev/null"])
                .stdin(std::process::Stdio::piped())
                .stdout(std::process::Stdio::piped())
                .spawn()
                .unwrap();
            Self { script, heard: String::new() }
        }

        fn hear(&mut self, expected: &str) {
            use std::io::Read;
            let start = self.heard.len();
            let output = self.script.stdout.as_mut().unwrap();
            while !self.heard[start..].contains(expected) {
                let mut byte = [0];
                assert_eq!(output.read(&mut byte).unwrap(), 1, "it ended after {:?}", self.heard);
                self.heard.push(char::from(byte[0]));
            }
        }

        fn say(&mut self, text: &str) {
            use std::io::Write;
            let input = self.script.stdin.as_mut().unwrap();
            input.write_all(text.as_bytes()).and_then(|()| input.flush()).unwrap();
        }
    }

    impl Drop for Conversation {
        fn drop(&mut self) {
            let _ = self.script.kill();
            let _ = self.script.wait();
        }
    }

    #[test]
    fn a_real_terminal_is_asked_and_left_in_order() {
        let mut conversation = Conversation::begin();
        conversation.hear("go on? [y/N] ");
        conversation.say("yes\n");
        conversation.hear("Ok(true)");
        conversation.hear("type demo to go on: ");
        conversation.say("dem\n");
        conversation.hear("Ok(false)");
        conversation.hear("password: ");
        conversation.say("hunter2\n");
        conversation.hear("7 characters");
        conversation.hear("go on? [y/N] ");
        conversation.say("\x03");
        conversation.hear("Some(Interrupted)");
        conversation.hear("in order");
        assert!(!conversation.heard.contains("hunter2"));
    }

    #[test]
    #[ignore = "is the other end of a_real_terminal_is_asked_and_left_in_order"]
    fn asker() {
        use secrecy::ExposeSecret;
        let screen = Sink::new(Box::new(io::stderr()), crate::redact::Redactions::default());
        let before = tcgetattr(io::stdin()).unwrap().local_modes;
        screen.say(&format!("{:?}\n", yes_or_no("go on?", &screen)));
        screen.say(&format!("{:?}\n", name("demo", &screen)));
        let length = secret("password", &screen).unwrap().expose_secret().len();
        screen.say(&format!("{length} characters\n"));
        screen.say(&format!("{:?}\n", yes_or_no("go on?", &screen).err().map(|problem| problem.class)));
        assert_eq!(tcgetattr(io::stdin()).unwrap().local_modes, before);
        screen.say("in order\n");
    }
}
