//! From a Kubefile's text to statements, gathering all mistakes on the way.

use std::ops::Range;

use parse_dockerfile::{Command, CopyInstruction, Flag, FromInstruction, Instruction};

use super::place::{Place, Source};
use crate::error::{Problem, Problems};
use crate::suggest;

/// The instructions that are followed.
const FOLLOWED: [&str; 7] = ["FROM", "ARG", "ENV", "LABEL", "COPY", "ENTRYPOINT", "CMD"];

/// sealer's own instructions, which have no meaning here yet.
const SEALER: [&str; 8] = ["APP", "APPENV", "APPCMDS", "LAUNCH", "CMDS", "CNI", "CSI", "KUBEVERSION"];

/// One instruction, with its variables still in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Statement {
    /// FROM an image or `scratch`.
    From(String),
    /// ARG, all pairs as written.
    Arg(String),
    /// ENV, all pairs as written.
    Env(String),
    /// LABEL, all pairs as written.
    Label(String),
    /// COPY.
    Copy { sources: Vec<String>, destination: String, mode: Option<u32>, text: String },
    /// ENTRYPOINT.
    Entrypoint(Vec<String>),
    /// CMD.
    Cmd(Vec<String>),
}

/// Reads all statements of the file, or returns all its problems.
pub(crate) fn statements(source: &Source) -> Result<Vec<(Place, Statement)>, Problems> {
    let mut reading = Reading { source, problems: Vec::new(), statements: Vec::new(), seen_from: false };
    reading.read_all();
    reading.problems.sort_by_key(|(place, _)| *place);
    Problems::check(reading.problems.into_iter().map(|(_, problem)| problem).collect())?;
    Ok(reading.statements)
}

struct Reading<'a> {
    source: &'a Source,
    problems: Vec<(Place, Problem)>,
    statements: Vec<(Place, Statement)>,
    seen_from: bool,
}

impl Reading<'_> {
    /// The parser stops at its first mistake: that line is noted, blanked out, and the text is read again.
    fn read_all(&mut self) {
        let mut text = self.source.text().to_owned();
        let mut from_was_blanked = false;
        loop {
            let error = match parse_dockerfile::parse(&text) {
                Ok(file) => {
                    return file.instructions.iter().for_each(|instruction| self.instruction(instruction));
                }
                // Without its FROM the rest of a file says nothing new.
                Err(_) if from_was_blanked => return,
                Err(error) => error,
            };
            let Some(line) = self.parser_problem(&error) else { return };
            from_was_blanked |= keyword_of_line(&text, line).eq_ignore_ascii_case("FROM");
            if !blank_out(&mut text, line) {
                return;
            }
        }
    }

    /// Notes what the parser found; returns the line, or `None` when reading on would not help.
    fn parser_problem(&mut self, error: &parse_dockerfile::Error) -> Option<usize> {
        let what = format!("{error:#}");
        let place = Place { line: error.line().max(1), column: error.column().max(1) };
        let keyword = keyword_of_line(self.source.text(), place.line);
        if let Some(unknown) =
            what.strip_prefix("unknown instruction '").map(|rest| rest.trim_end_matches('\''))
        {
            let upper = unknown.to_ascii_uppercase();
            if SEALER.contains(&upper.as_str()) {
                self.complain(
                    place,
                    &format!("{upper} is sealer's instruction and is not followed yet"),
                    |problem| {
                        problem.remedy("write what it starts as CMD, and what it needs as COPY and LABEL")
                    },
                );
            } else {
                let hint = suggest::did_you_mean(&upper, FOLLOWED)
                    .unwrap_or_else(|| format!("the instructions are {}", FOLLOWED.join(", ")));
                self.complain(place, &format!("there is no instruction `{unknown}`"), |problem| {
                    problem.remedy(hint)
                });
            }
        } else if error.line() == 0 {
            self.complain(place, "there is no FROM", |p| {
                p.remedy("begin the file with `FROM scratch` or an image")
            });
            return None;
        } else if what == "expected FROM" {
            self.complain(place, &format!("{keyword} comes before FROM"), |problem| {
                problem.remedy("begin the file with `FROM scratch` or an image; only ARG may come before it")
            });
            return None;
        } else {
            self.complain(place, &what, |problem| {
                problem.remedy("complete the instruction, or remove the line")
            });
        }
        Some(place.line)
    }

    fn complain(&mut self, place: Place, message: &str, add: impl FnOnce(Problem) -> Problem) {
        self.problems.push((place, add(self.source.problem(place, message))));
    }

    fn refuse(&mut self, span: &Range<usize>, message: &str, remedy: &str) {
        self.complain(self.source.place(span.start), message, |problem| problem.remedy(remedy));
    }

    fn accept(&mut self, span: &Range<usize>, statement: Statement) {
        self.statements.push((self.source.place(span.start), statement));
    }

    fn instruction(&mut self, instruction: &Instruction<'_>) {
        match instruction {
            Instruction::From(from) => self.from(from),
            Instruction::Arg(arg) => {
                self.accept(&arg.arg.span, Statement::Arg(arg.arguments.value.to_string()));
            }
            Instruction::Env(env) => {
                self.accept(&env.env.span, Statement::Env(env.arguments.value.to_string()));
            }
            Instruction::Label(label) => {
                self.accept(&label.label.span, Statement::Label(label.arguments.value.to_string()));
            }
            Instruction::Copy(copy) => self.copy(copy),
            Instruction::Entrypoint(entrypoint) => {
                let words = command_words(&entrypoint.arguments);
                self.accept(&entrypoint.entrypoint.span, Statement::Entrypoint(words));
            }
            Instruction::Cmd(cmd) => {
                let words = command_words(&cmd.arguments);
                self.accept(&cmd.cmd.span, Statement::Cmd(words));
            }
            other => self.not_followed(other),
        }
    }

    fn not_followed(&mut self, instruction: &Instruction<'_>) {
        let (span, remedy) = match instruction {
            Instruction::Run(run) => {
                (&run.run.span, "run the command before the build and COPY what it makes")
            }
            Instruction::Add(add) => {
                (&add.add.span, "write COPY; unpack archives and fetch URLs before the build")
            }
            Instruction::Maintainer(m) => {
                (&m.maintainer.span, "write LABEL org.opencontainers.image.authors=...")
            }
            Instruction::Workdir(w) => {
                (&w.workdir.span, "write whole destinations in COPY; commands run in the image's root")
            }
            Instruction::Expose(e) => (&e.expose.span, "leave it out: a cluster image is no container"),
            Instruction::Healthcheck(h) => {
                (&h.healthcheck.span, "leave it out: a cluster image is no container")
            }
            Instruction::Onbuild(o) => {
                (&o.onbuild.span, "write the instruction in the files that begin FROM this image")
            }
            Instruction::Shell(s) => (&s.shell.span, "leave it out: commands run with sh"),
            Instruction::Stopsignal(s) => {
                (&s.stopsignal.span, "leave it out: a cluster image is no container")
            }
            Instruction::User(u) => (&u.user.span, "leave it out: scripts of cluster images run as root"),
            Instruction::Volume(v) => (&v.volume.span, "leave it out: a cluster image is no container"),
            _ => return,
        };
        let keyword = self.source.text().get(span.clone()).unwrap_or_default().to_ascii_uppercase();
        self.refuse(span, &format!("{keyword} is not followed yet"), remedy);
    }

    fn from(&mut self, from: &FromInstruction<'_>) {
        if std::mem::replace(&mut self.seen_from, true) {
            let remedy = "build the first part as an image of its own and begin FROM that";
            return self.refuse(&from.from.span, "a second FROM is not followed yet", remedy);
        }
        for option in &from.options {
            self.refuse(
                &option.span(),
                &format!("FROM has no flag `--{}` here", option.name.value),
                "name the platform on the command line",
            );
        }
        self.accept(&from.from.span, Statement::From(from.image.value.to_string()));
    }

    fn copy(&mut self, copy: &CopyInstruction<'_>) {
        let mut mode = None;
        for option in &copy.options {
            match copy_flag(option) {
                CopyFlag::Mode(bits) => mode = Some(bits),
                CopyFlag::NoEffect => {}
                CopyFlag::Refused(message, remedy) => self.refuse(&option.span(), &message, remedy),
            }
        }
        let mut sources = Vec::new();
        for source in &copy.src {
            match source {
                parse_dockerfile::Source::Path(path) => sources.push(path.value.to_string()),
                _ => self.refuse(
                    &copy.copy.span,
                    "COPY of a here-document is not followed yet",
                    "write the text into a file and COPY that",
                ),
            }
        }
        let rest_of_line = self.source.text().get(copy.dest.span.end..).unwrap_or_default().lines().next();
        let end = copy.dest.span.end + rest_of_line.unwrap_or_default().len();
        let text = self.source.one_line(copy.copy.span.start..end);
        let destination = copy.dest.value.to_string();
        self.accept(&copy.copy.span, Statement::Copy { sources, destination, mode, text });
    }
}

enum CopyFlag {
    Mode(u32),
    NoEffect,
    Refused(String, &'static str),
}

/// Reads one flag of COPY.
fn copy_flag(flag: &Flag<'_>) -> CopyFlag {
    let value = flag.value.as_ref().map(|value| value.value.as_ref()).unwrap_or_default();
    match flag.name.value.as_ref() {
        "chmod" => match u32::from_str_radix(value, 8) {
            Ok(bits) if bits <= 0o7777 => CopyFlag::Mode(bits),
            _ => CopyFlag::Refused(format!("`{value}` is not a mode"), "write it in octal: --chmod=0755"),
        },
        "chown" if matches!(value, "0" | "0:0" | "root" | "root:root") => CopyFlag::NoEffect,
        "chown" => CopyFlag::Refused(
            format!("files of an image belong to root, not to `{value}`"),
            "leave --chown out and set the owner in the image's init script",
        ),
        // Layers never depend on those below them.
        "link" => CopyFlag::NoEffect,
        "from" => CopyFlag::Refused(
            "COPY --from is not followed yet".to_owned(),
            "begin FROM that image, or put the files into the directory",
        ),
        name => {
            CopyFlag::Refused(format!("COPY has no flag `--{name}` here"), "its flags are --chmod and --link")
        }
    }
}

/// Returns a command's words; the shell form becomes `/bin/sh -c TEXT`, as every builder writes it.
fn command_words(command: &Command<'_>) -> Vec<String> {
    match command {
        Command::Exec(words) => words.value.iter().map(|word| word.value.to_string()).collect(),
        Command::Shell(text) => vec!["/bin/sh".to_owned(), "-c".to_owned(), join_continued(text.value)],
        _ => vec![],
    }
}

/// Joins continued lines and drops comments between them.
fn join_continued(text: &str) -> String {
    let mut joined = String::new();
    for line in text.lines() {
        let line = if joined.is_empty() { line } else { line.trim_start() };
        if line.starts_with('#') {
            continue;
        }
        match line.trim_end().strip_suffix('\\') {
            Some(begun) => joined.push_str(begun),
            None => joined.push_str(line),
        }
    }
    joined.trim().to_owned()
}

fn keyword_of_line(text: &str, line: usize) -> &str {
    let line = text.lines().nth(line.saturating_sub(1)).unwrap_or_default();
    line.split_whitespace().next().unwrap_or_default()
}

/// Makes a line and the lines it continues on blank, without moving what follows; false if it was blank already.
fn blank_out(text: &mut String, line: usize) -> bool {
    let mut lines: Vec<String> = text.split('\n').map(str::to_owned).collect();
    let mut changed = false;
    for text in lines.iter_mut().skip(line.saturating_sub(1)) {
        let goes_on = text.trim_end().ends_with('\\');
        changed |= !text.trim().is_empty();
        *text = " ".repeat(text.len());
        if !goes_on {
            break;
        }
    }
    *text = lines.join("\n");
    changed
}
