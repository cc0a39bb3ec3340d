//! A command that goes on while something else is done: its lines are heard as they come, and it can be made to sleep.

use std::io::{BufRead, BufReader, Read};
use std::process::Child;
use std::sync::mpsc::{Receiver, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::events::Line;
use crate::operator::Ended;

/// The longest that a line is waited for. It is only reached when something is broken.
const PATIENCE: Duration = Duration::from_mins(5);

/// It ends with the test, if it does not end by itself before.
pub(crate) struct Running {
    child: Child,
    lines: Receiver<Line>,
    heard: Vec<Line>,
    stderr: Option<JoinHandle<String>>,
}

impl Running {
    pub(crate) fn of(mut child: Child) -> Self {
        let output = BufReader::new(child.stdout.take().unwrap());
        let mut errors = child.stderr.take().unwrap();
        let (tell, lines) = channel();
        std::thread::spawn(move || {
            for line in output.lines() {
                // Nobody hears a command any more that ends with a test that has failed.
                let _ = tell.send(Line::read(&line.unwrap()));
            }
        });
        let stderr = std::thread::spawn(move || {
            let mut text = String::new();
            errors.read_to_string(&mut text).unwrap();
            text
        });
        Self { child, lines, heard: vec![], stderr: Some(stderr) }
    }

    /// Returns the number of its process.
    pub(crate) fn process(&self) -> u32 {
        self.child.id()
    }

    /// Waits for a line that is not heard yet.
    #[track_caller]
    pub(crate) fn hears(&mut self, what: &str, is_it: impl Fn(&Line) -> bool) {
        loop {
            let Ok(line) = self.lines.recv_timeout(PATIENCE) else {
                let heard: Vec<String> = self.heard.iter().map(|line| line.value.to_string()).collect();
                panic!("it was not heard: {what}\n{}", heard.join("\n"));
            };
            let found = is_it(&line);
            self.heard.push(line);
            if found {
                return;
            }
        }
    }

    /// Lets the whole program stand still, as on a machine that sleeps.
    pub(crate) fn sleeps(&self) {
        self.signal(Signal::STOP);
    }

    /// Lets it go on.
    pub(crate) fn wakes(&self) {
        self.signal(Signal::CONT);
    }

    /// Reads to its end.
    pub(crate) fn ends(mut self) -> Ended {
        let mut lines = std::mem::take(&mut self.heard);
        lines.extend(self.lines.iter());
        let stderr = self.stderr.take().unwrap().join().unwrap();
        Ended { status: self.child.wait().unwrap(), lines, stderr }
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // One that has ended already cannot be killed, and need not be.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
