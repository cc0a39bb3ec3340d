//! The computer that measures: what it is, how busy it is, how much memory a process of it took.

use std::ffi::OsStr;
use std::fs;
use std::process::Command;

use anyhow::{Context as _, Result};
use bytesize::ByteSize;

/// Describes the hardware and the kernel, without a name.
pub(crate) fn describe() -> Result<String> {
    let processors = fs::read_to_string("/proc/cpuinfo")?;
    let field = |name: &str| {
        let line = processors.lines().find(|line| line.starts_with(name))?;
        line.split_once(':').map(|(_, value)| value.trim().to_owned())
    };
    let memory = fs::read_to_string("/proc/meminfo")?;
    let bytes = kibibytes(&memory, "MemTotal:").context("/proc/meminfo has no MemTotal")?;
    Ok(format!(
        "{} processors ({}), {} of memory, Linux {}",
        std::thread::available_parallelism()?,
        field("model name").unwrap_or_else(|| std::env::consts::ARCH.to_owned()),
        ByteSize(bytes),
        fs::read_to_string("/proc/sys/kernel/osrelease")?.trim(),
    ))
}

/// Returns the load average of the last minute; a computer that does not tell it is not called busy.
pub(crate) fn load() -> f64 {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split_whitespace().next().and_then(|load| load.parse().ok()).unwrap_or(0.0)
}

/// Returns the most memory that a process had at once, from its `/proc/PID/status`, in bytes.
pub(crate) fn peak_memory(status: &str) -> Option<u64> {
    kibibytes(status, "VmHWM:")
}

fn kibibytes(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

/// Returns what a program prints, without the blanks around it.
pub(crate) fn output(program: impl AsRef<OsStr>, arguments: &[&str]) -> Result<String> {
    let output = Command::new(program.as_ref()).args(arguments).output();
    let output = output.with_context(|| format!("cannot start {}", program.as_ref().display()))?;
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}
