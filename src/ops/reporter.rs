//! Through this a command speaks to the person or the program that started it.

use secrecy::SecretString;

use super::view::{PlanView, Summary};
use crate::engine::Observer;
use crate::error::{Problem, Problems, Result};

/// What needs the operator's consent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Question {
    /// Yes or no; the flag `--yes` is a yes.
    Proceed {
        /// The question, with its question mark.
        text: String,
    },
    /// Something goes that does not come back: the operator types its name. `--yes` alone is not enough.
    Removal {
        /// What will be gone, in one sentence.
        text: String,
        /// What has to be typed, such as the name of the cluster.
        name: String,
        /// The flag that gives this consent where nobody can be asked, such as `--prune`.
        flag: String,
    },
}

/// What a command was asked for, in both of its forms.
#[derive(Debug, Clone, PartialEq)]
pub struct Data {
    /// For people: whole lines, the last one with or without its end.
    pub text: String,
    /// For programs.
    pub json: serde_json::Value,
}

/// Tells what a command does and asks what it has to know.
///
/// Everything but [`Reporter::result`] is talk: it can be silenced or go to another stream. An implementation
/// takes care that no escape sequence of a machine and no registered secret gets out.
pub trait Reporter: Observer + Send + Sync {
    /// Tells what is going on outside of a run: `looking at 3 machines`. It is gone with the next word.
    fn note(&self, text: &str);

    /// Tells what the operator should know although the command goes on.
    fn warn(&self, text: &str);

    /// Tells all that is wrong, machine by machine, with what can be done about it.
    fn problems(&self, problems: &Problems);

    /// Tells the one thing a command ended with.
    fn problem(&self, problem: &Problem);

    /// Shows what would be done; the numbers of its steps are those of the run that may follow.
    fn plan(&self, plan: &PlanView);

    /// Asks for consent and returns whether it was given.
    ///
    /// Where nobody can be asked, this is a problem of class `Refused` that names the flag; Ctrl-C is one of
    /// class `Interrupted`.
    fn confirm(&self, question: &Question) -> Result<bool>;

    /// Asks for a secret without showing it, and hides it from then on.
    fn secret(&self, prompt: &str) -> Result<SecretString>;

    /// Keeps this value out of everything that is written from now on.
    fn hide(&self, secret: &SecretString);

    /// Tells that the operator asked to stop, and no new step will begin.
    fn stopping(&self);

    /// Tells how a command that changes something ended.
    fn finished(&self, summary: &Summary);

    /// Writes what a command was asked for to standard output.
    ///
    /// A reader that went away (`| head`) is no problem; a full disk is one.
    fn result(&self, data: &Data) -> Result<()>;
}
