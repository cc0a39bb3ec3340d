//! How the operator knows where an agent's words begin, behind banners and a shell's noise.

use tokio::io::{AsyncRead, AsyncReadExt};

use crate::error::{Class, Context, Problem, Result};

/// What an agent says first. It begins with a byte that no banner has.
pub const GREETING: &[u8] = b"\0sealift-agent/1\n";

/// The most noise that is waited through.
const MOST_NOISE: usize = 64 * 1024;

/// Reads up to the end of the greeting and drops what came before it.
///
/// # Errors
/// Class `Machine` with the end of the noise as evidence, when the stream ends or says too much without greeting.
pub async fn await_greeting(stream: &mut (impl AsyncRead + Unpin)) -> Result<()> {
    let mut seen = Vec::new();
    while !seen.ends_with(GREETING) {
        let byte = stream.read_u8().await.problem(Class::Machine, "the agent ended before it greeted");
        match byte {
            Ok(byte) if seen.len() < MOST_NOISE => seen.push(byte),
            Ok(_) => {
                return Err(noise(
                    Problem::new(Class::Machine, "the machine talks but no agent greets"),
                    &seen,
                ));
            }
            Err(problem) => return Err(noise(problem, &seen)),
        }
    }
    Ok(())
}

/// Adds the last lines of the noise to the problem.
fn noise(problem: Problem, seen: &[u8]) -> Problem {
    let text = String::from_utf8_lossy(seen);
    let mut lines: Vec<&str> = text.lines().rev().filter(|line| !line.trim().is_empty()).take(5).collect();
    lines.reverse();
    lines.into_iter().fold(problem, |problem, line| problem.saw(line.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn noise_before_the_greeting_is_dropped() {
        let mut stream: &[u8] = b"Welcome!\r\nLast login\n\0seal\0sealift-agent/1\nrest";
        await_greeting(&mut stream).await.unwrap();
        assert_eq!(stream, b"rest");
    }

    #[tokio::test]
    async fn noise_alone_is_told() {
        let mut stream: &[u8] = b"bash: permission denied\n";
        let problem = await_greeting(&mut stream).await.unwrap_err();
        assert!(problem.seen.iter().any(|line| line.contains("permission denied")), "{problem}");
    }
}
