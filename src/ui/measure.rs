//! Durations, bytes and widths in the form people read them.

use std::time::Duration;

use bytesize::ByteSize;
use unicode_width::UnicodeWidthChar;

/// Writes a duration as `0.4s`, `3.2s`, `1m 42s`, `2h 05m`.
pub(super) fn duration(duration: Duration) -> String {
    let tenths = (duration.as_millis() + 50) / 100;
    let seconds = duration.as_secs();
    match seconds {
        _ if tenths < 600 => format!("{}.{}s", tenths / 10, tenths % 10),
        0..3600 => format!("{}m {:02}s", seconds.max(60) / 60, seconds.max(60) % 60),
        _ => format!("{}h {:02}m", seconds / 3600, seconds % 3600 / 60),
    }
}

/// Like [`duration`], of seconds as events carry them; what is no duration is zero.
pub(super) fn seconds(seconds: f64) -> String {
    duration(Duration::try_from_secs_f64(seconds).unwrap_or_default())
}

/// Writes the time since a run began as a clock does: `0:41`, `1:02:07`.
pub(super) fn clock(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 { format!("{hours}:{minutes:02}:{seconds:02}") } else { format!("{minutes}:{seconds:02}") }
}

/// Writes a number of bytes as `403.1 MiB`.
pub(super) fn bytes(bytes: u64) -> String {
    ByteSize::b(bytes).display().iec().to_string()
}

/// Writes how much of a number of bytes there is, in the unit of the whole: `200.0/403.1 MiB`. It is always
/// equally wide for the same `total`.
pub(super) fn part(done: u64, total: u64) -> String {
    let units = [(1 << 40, "TiB"), (1 << 30, "GiB"), (1 << 20, "MiB")];
    let (size, unit) = units.into_iter().find(|(size, _)| total >= *size).unwrap_or((1 << 10, "KiB"));
    let whole = format!("{:.1}", total as f64 / size as f64);
    format!("{:>width$.1}/{whole} {unit}", done as f64 / size as f64, width = whole.len())
}

/// Writes `1 machine`, `300 machines`.
pub(super) fn count(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

/// Cuts `text` to `columns`, the last of them an ellipsis.
pub(super) fn shorten(text: &str, columns: usize) -> String {
    if columns == 0 {
        return String::new();
    }
    let mut room = columns - 1;
    let mut kept = String::new();
    for character in text.chars() {
        let width = character.width().unwrap_or(0);
        if width > room {
            break;
        }
        room -= width;
        kept.push(character);
    }
    kept.push('…');
    kept
}

/// Breaks `text` into lines of at most `columns`, at blanks where there are some.
pub(super) fn wrap(text: &str, columns: usize) -> Vec<String> {
    let columns = columns.max(8);
    let mut lines = vec![String::new()];
    let mut used = 0;
    for word in text.split_whitespace() {
        let width = unicode_width::UnicodeWidthStr::width(word);
        if used > 0 && used + 1 + width > columns {
            lines.push(String::new());
            used = 0;
        }
        if used > 0 {
            push(&mut lines, " ");
            used += 1;
        }
        for character in word.chars() {
            let width = character.width().unwrap_or(0);
            if used + width > columns {
                lines.push(String::new());
                used = 0;
            }
            push(&mut lines, character.encode_utf8(&mut [0; 4]));
            used += width;
        }
    }
    lines
}

fn push(lines: &mut [String], text: &str) {
    if let Some(last) = lines.last_mut() {
        last.push_str(text);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use unicode_width::UnicodeWidthStr;

    use super::*;

    #[test]
    fn durations_read_well_at_every_size() {
        let table = [
            (0, "0.0s"),
            (49, "0.0s"),
            (50, "0.1s"),
            (3_249, "3.2s"),
            (59_949, "59.9s"),
            (59_951, "1m 00s"),
            (102_000, "1m 42s"),
            (3_599_999, "59m 59s"),
            (7_500_000, "2h 05m"),
        ];
        for (milliseconds, written) in table {
            assert_eq!(duration(Duration::from_millis(milliseconds)), written);
        }
        assert_eq!(seconds(f64::NAN), "0.0s");
        assert_eq!(clock(Duration::from_secs(3727)), "1:02:07");
        assert_eq!(clock(Duration::from_secs(41)), "0:41");
        assert_eq!(bytes(422_681_000), "403.1 MiB");
        assert_eq!(part(9_500_000, 422_681_000), "  9.1/403.1 MiB");
        assert_eq!(part(0, 0), "0.0/0.0 KiB");
        assert_eq!(part(5 << 40, 5 << 40), "5.0/5.0 TiB");
    }

    proptest! {
        #[test]
        fn wrapping_keeps_every_word_and_no_line_is_too_wide(text in "[a-z日✓ ]{0,80}", columns in 8usize..40) {
            let lines = wrap(&text, columns);
            prop_assert!(lines.iter().all(|line| line.width() <= columns));
            let joined: String = lines.concat().split_whitespace().collect();
            prop_assert_eq!(joined, text.split_whitespace().collect::<String>());
        }

        #[test]
        fn what_is_shortened_fits(text in "\\PC{0,40}", columns in 0usize..30) {
            prop_assert!(shorten(&text, columns).width() <= columns);
        }
    }
}
