//! The conversation that brings the agent onto a machine and starts it there.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use secrecy::SecretString;
use tokio::io::{AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc;

use super::binary::AgentBinary;
use super::process::{Ending, Output, Process, ProcessReader, Tail, readable_lines};
use super::sudo::{self, Prompt};
use super::{AgentSource, AgentStreams, INSTALLED_AGENTS};
use crate::error::{Class, Problem, Result};
use crate::model::Arch;
use crate::wire::GREETING;

/// What runs on the machine before there is an agent.
const SCRIPT: &str = include_str!("bootstrap.sh");

/// How the script's lines begin.
const MARK: &[u8] = b"\n@sealift:";

/// The most noise that is waited through, in bytes.
const MOST_NOISE: usize = 64 * 1024;

/// How much of a binary is read at a time, in bytes.
const PIECE: usize = 256 * 1024;

/// How long a machine may be silent while it is expected to say something.
const PATIENCE: Duration = Duration::from_secs(90);

/// The script for one machine, and how it gets there.
pub(super) struct Bootstrap {
    script: String,
    prompt: Prompt,
}

impl Bootstrap {
    /// Makes the script with a prompt of its own.
    pub(super) fn new() -> Self {
        let prompt = Prompt::new();
        let script = format!("prompt={}\n{}", prompt.text(), SCRIPT.replace("@installed@", INSTALLED_AGENTS));
        Self { script, prompt }
    }

    /// Returns the one command that the login shell sees.
    ///
    /// It means the same to POSIX shells, csh and fish: one word between single quotes, in which there is no single
    /// quote, backslash, exclamation mark or line break. The script follows on standard input, of which `dd` takes
    /// not a byte too much.
    pub(super) fn command(&self) -> String {
        format!(r#"exec /bin/sh -c 'eval "$(dd bs=1 count={} 2>/dev/null)"'"#, self.script.len())
    }

    /// Converses with the script in `process` until the agent greets.
    pub(super) async fn start_agent(
        self,
        process: Process,
        agents: &dyn AgentSource,
        sudo_password: Option<&SecretString>,
    ) -> Result<AgentStreams> {
        let mut conversation = Conversation::new(process);
        conversation.write(self.script.as_bytes()).await?;
        let facts = conversation.look_around().await?;
        let binary = AgentBinary::read(&agents.binary(facts.arch)?).await?;
        conversation.bring(&binary, facts.form).await?;
        conversation.await_agent(PathToRoot::Direct, &self.prompt, sudo_password).await
    }
}

/// Waits until the agent that `process` was started as, or that it starts through sudo, greets.
pub(super) async fn await_agent(
    process: Process,
    path_to_root: PathToRoot,
    prompt: &Prompt,
    sudo_password: Option<&SecretString>,
) -> Result<AgentStreams> {
    Conversation::new(process).await_agent(path_to_root, prompt, sudo_password).await
}

/// How the agent becomes root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PathToRoot {
    /// The user is root.
    Direct,
    /// Through sudo.
    Sudo,
}

/// What the script finds out about its machine.
struct Facts {
    arch: Arch,
    form: Form,
}

/// How the binary is sent.
#[derive(Debug, Clone, Copy)]
enum Form {
    Gzip,
    Raw,
}

/// What is heard from the machine.
#[derive(Debug)]
enum Heard {
    /// A line of the script.
    Says(String),
    /// The agent's greeting.
    Greeting,
    /// sudo's prompt.
    Prompt,
    /// The end of the program.
    Ended(Ending),
}

struct Conversation {
    input: Box<dyn AsyncWrite + Send + Unpin>,
    ears: Ears,
}

impl Conversation {
    fn new(process: Process) -> Self {
        Self { input: process.input, ears: Ears::new(process.output) }
    }

    /// Writes to the machine, and stops when the program there ends instead of reading.
    async fn write(&mut self, bytes: &[u8]) -> Result<()> {
        let (input, ears) = (&mut self.input, &mut self.ears);
        let written = async {
            input.write_all(bytes).await?;
            input.flush().await
        };
        tokio::select! {
            written = written => match written {
                Ok(()) => Ok(()),
                // What the program said before it ended is worth more than "broken pipe".
                Err(_) => Err(ears.await_end().await),
            },
            problem = ears.await_end() => Err(problem),
        }
    }

    /// Hears what kind of machine this is.
    async fn look_around(&mut self) -> Result<Facts> {
        match self.ears.hear(None).await? {
            Heard::Says(line) => facts(&line),
            Heard::Ended(ending) => Err(self.ears.evidence(runs_nothing(&ending))),
            Heard::Greeting | Heard::Prompt => Err(out_of_turn("a greeting")),
        }
    }

    /// Brings the binary there, unless it is installed.
    async fn bring(&mut self, binary: &AgentBinary, form: Form) -> Result<()> {
        self.write(format!("{} {}\n", binary.digest.hex(), binary.size).as_bytes()).await?;
        let mut unfit = Vec::new();
        loop {
            let line = self.ears.hear_line().await?;
            match line.split_once(' ').unwrap_or((&line, "")) {
                ("installed", _) => return Ok(()),
                ("unfit", why) => unfit.push(why.to_owned()),
                ("nowhere", _) => return Err(nowhere(&unfit)),
                ("send", _) => break,
                _ => return Err(out_of_turn(&line)),
            }
        }
        match form {
            Form::Gzip => {
                let content = binary.gzip().await?;
                self.write(format!("gzip {}\n", content.len()).as_bytes()).await?;
                self.write(content).await?;
            }
            Form::Raw => {
                self.write(format!("raw {}\n", binary.size).as_bytes()).await?;
                self.write_raw(binary).await?;
            }
        }
        match self.ears.hear_line().await?.as_str() {
            "received" => Ok(()),
            "damaged" => Err(self.ears.evidence(
                Problem::new(Class::Machine, "the agent did not arrive whole on the machine")
                    .remedy("look for a full disk, or for something that changes files as they are written"),
            )),
            line => Err(out_of_turn(line)),
        }
    }

    /// Writes a binary as it is, piece by piece.
    async fn write_raw(&mut self, binary: &AgentBinary) -> Result<()> {
        let mut content = binary.open().await?;
        let mut piece = BytesMut::with_capacity(PIECE);
        let mut left = binary.size;
        while left > 0 {
            piece.clear();
            let count = content.read_buf(&mut piece).await.unwrap_or_default();
            if count == 0 {
                return Err(binary.has_changed());
            }
            self.write(&piece).await?;
            left -= count as u64;
        }
        Ok(())
    }

    /// Answers sudo when it asks, and waits for the greeting.
    async fn await_agent(
        mut self,
        mut path: PathToRoot,
        prompt: &Prompt,
        sudo_password: Option<&SecretString>,
    ) -> Result<AgentStreams> {
        let mut password = sudo_password;
        let mut answered = false;
        loop {
            match self.ears.hear(Some(prompt)).await? {
                Heard::Greeting => return Ok(self.into_streams()),
                Heard::Prompt if answered => return Err(sudo::password_wrong()),
                Heard::Prompt => match password.take() {
                    None => return Err(sudo::password_wanted()),
                    Some(password) => {
                        answered = true;
                        self.write(&sudo::answer(password)).await?;
                    }
                },
                Heard::Says(line) => match line.split_once(' ').unwrap_or((&line, "")) {
                    ("sudo", _) => path = PathToRoot::Sudo,
                    ("unprivileged", user) => return Err(sudo::missing(user)),
                    _ => return Err(out_of_turn(&line)),
                },
                Heard::Ended(ending) if path == PathToRoot::Sudo => {
                    return Err(sudo::refusal(&self.ears.said(), &ending));
                }
                Heard::Ended(ending) => return Err(self.ears.evidence(not_started(&ending))),
            }
        }
    }

    fn into_streams(self) -> AgentStreams {
        let Ears { output, stdout, .. } = self.ears;
        AgentStreams {
            from_agent: Box::new(ProcessReader::new(output, stdout.freeze())),
            to_agent: self.input,
        }
    }
}

/// Listens to a program and picks out what is meant for us.
struct Ears {
    output: mpsc::Receiver<Output>,
    /// Standard output that was not understood yet.
    stdout: BytesMut,
    /// Standard error since the last prompt; no longer than [`MOST_NOISE`].
    asked: Vec<u8>,
    stderr: Tail,
    noise: Tail,
    noise_length: usize,
    /// Whether a line of the script was heard: commands are run on the machine.
    heard_script: bool,
}

impl Ears {
    fn new(output: mpsc::Receiver<Output>) -> Self {
        Self {
            output,
            // A line of the script may be the first thing that is said.
            stdout: BytesMut::from(&b"\n"[..]),
            asked: Vec::new(),
            stderr: Tail::default(),
            noise: Tail::default(),
            noise_length: 0,
            heard_script: false,
        }
    }

    /// Waits for the next thing that is meant for us.
    async fn hear(&mut self, prompt: Option<&Prompt>) -> Result<Heard> {
        loop {
            if let Some(heard) = self.understand() {
                return Ok(heard);
            }
            if prompt.is_some_and(|prompt| self.is_asked(prompt)) {
                return Ok(Heard::Prompt);
            }
            if self.noise_length + self.stdout.len() > MOST_NOISE {
                let noise = self.stdout.split();
                self.noise.push(&noise);
                return Err(self.evidence(Problem::new(
                    Class::Machine,
                    "the machine talks on and on, but not as the agent does",
                )));
            }
            let piece = tokio::time::timeout(PATIENCE, self.output.recv()).await;
            match piece {
                Ok(Some(Output::Stdout(piece))) => self.stdout.extend_from_slice(&piece),
                Ok(Some(Output::Stderr(piece))) => self.take_stderr(&piece),
                Ok(Some(Output::Ended(ending))) => return Ok(Heard::Ended(ending)),
                Ok(None) => return Ok(Heard::Ended(Ending::Lost(String::new()))),
                Err(_) => {
                    return Err(self.evidence(Problem::new(
                        Class::Machine,
                        format!("the machine has said nothing for {} s", PATIENCE.as_secs()),
                    )));
                }
            }
        }
    }

    /// Waits for a line of the script; everything else is a problem.
    async fn hear_line(&mut self) -> Result<String> {
        match self.hear(None).await? {
            Heard::Says(line) => Ok(line),
            Heard::Ended(ending) => Err(self.evidence(not_started(&ending))),
            Heard::Greeting | Heard::Prompt => Err(out_of_turn("a greeting")),
        }
    }

    /// Waits until the program ends and keeps what it says until then.
    async fn await_end(&mut self) -> Problem {
        let ending = loop {
            match self.output.recv().await {
                Some(Output::Stdout(piece)) if self.stdout.len() < MOST_NOISE => {
                    self.stdout.extend_from_slice(&piece);
                }
                Some(Output::Stdout(_)) => {}
                Some(Output::Stderr(piece)) => self.take_stderr(&piece),
                Some(Output::Ended(ending)) => break ending,
                None => break Ending::Lost(String::new()),
            }
        };
        // It may have ended while the script was still on its way there.
        let runs_the_script = self.heard_script || find(&self.stdout, MARK).is_some();
        self.evidence(if runs_the_script { not_started(&ending) } else { runs_nothing(&ending) })
    }

    /// Takes the next line or greeting out of what was said.
    fn understand(&mut self) -> Option<Heard> {
        let line = find(&self.stdout, MARK).and_then(|start| {
            let text = start + MARK.len();
            find(&self.stdout[text..], b"\n").map(|length| (start, text, text + length))
        });
        let greeting = find(&self.stdout, GREETING);
        match (line, greeting) {
            (Some((start, text, end)), greeting) if greeting.is_none_or(|greeting| start < greeting) => {
                let line = String::from_utf8_lossy(&self.stdout[text..end]).trim().to_owned();
                self.take_noise(start);
                self.heard_script = true;
                // The line break stays: it may begin the next line's mark.
                let _ = self.stdout.split_to(end - start);
                Some(Heard::Says(line))
            }
            (_, Some(start)) => {
                self.take_noise(start);
                let _ = self.stdout.split_to(GREETING.len());
                Some(Heard::Greeting)
            }
            _ => None,
        }
    }

    fn take_noise(&mut self, length: usize) {
        let noise = self.stdout.split_to(length);
        self.noise_length += length;
        self.noise.push(&noise);
    }

    fn take_stderr(&mut self, piece: &Bytes) {
        self.stderr.push(piece);
        self.asked.extend_from_slice(piece);
        let excess = self.asked.len().saturating_sub(MOST_NOISE);
        self.asked.drain(..excess);
    }

    /// Tells whether sudo asked, and forgets that it did.
    fn is_asked(&mut self, prompt: &Prompt) -> bool {
        let Some(start) = find(&self.asked, prompt.text().as_bytes()) else { return false };
        self.asked.drain(..start + prompt.text().len());
        true
    }

    /// Returns what was said on standard error, without our own prompt.
    fn said(&self) -> Vec<String> {
        self.stderr
            .lines()
            .into_iter()
            .map(|line| match line.split_once("@sealift-sudo-") {
                Some((before, after)) => {
                    format!("{before}{}", after.split_once(':').map_or("", |(_, rest)| rest))
                }
                None => line,
            })
            .filter(|line| !line.trim().is_empty())
            .collect()
    }

    /// Adds the last words of the machine to `problem`.
    fn evidence(&self, problem: Problem) -> Problem {
        let mut words = self.noise.lines();
        words.extend(readable_lines(&self.stdout));
        words.extend(self.said());
        let skip = words.len().saturating_sub(12);
        words.into_iter().skip(skip).fold(problem, Problem::saw)
    }
}

/// Reads the script's line `facts Linux x86_64 gzip`.
fn facts(line: &str) -> Result<Facts> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let ["facts", system, machine, form] = words[..] else { return Err(out_of_turn(line)) };
    if system != "Linux" {
        return Err(Problem::new(Class::Machine, "this is not a Linux machine")
            .saw(format!("uname -s: {system}"))
            .remedy("Kubernetes nodes run Linux; take this machine out of the list"));
    }
    let arch = Arch::from_uname(machine).ok_or_else(|| {
        Problem::new(Class::Machine, format!("the machine's architecture {machine} is not supported"))
            .saw(format!("uname -m: {machine}"))
            .remedy("sealift runs on amd64 (x86_64) and arm64 (aarch64)")
    })?;
    Ok(Facts { arch, form: if form == "gzip" { Form::Gzip } else { Form::Raw } })
}

fn nowhere(unfit: &[String]) -> Problem {
    let problem = Problem::new(Class::Machine, "the machine has no place where the agent can run").remedy(
        "make one of /tmp, /var/tmp, /dev/shm or the user's home writable and mount it without noexec",
    );
    unfit.iter().fold(problem, Problem::saw)
}

fn runs_nothing(ending: &Ending) -> Problem {
    Problem::new(Class::Machine, format!("the machine lets us in but runs no command: {ending}"))
        .remedy("give the user a login shell, and take away a forced command, if there is one")
}

fn not_started(ending: &Ending) -> Problem {
    Problem::new(Class::Machine, format!("the agent did not start: {ending}"))
}

fn out_of_turn(line: &str) -> Problem {
    Problem::new(Class::Machine, "the machine does not speak as sealift's script does").saw(line)
}

/// Finds where `needle` begins.
fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}
