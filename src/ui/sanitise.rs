//! Makes text that came from a machine harmless for a terminal.

use anstream::adapter::strip_str;

/// Removes escape sequences and every character that moves the cursor, rings, or hides text from the reader.
///
/// Line ends stay; a tab becomes a blank. Of a line that overwrites itself (`10%\r20%\r`), the last state stays.
pub(super) fn lines(text: &str) -> String {
    strip_str(text)
        .to_string()
        .split('\n')
        .map(|line| last_state(line).chars().filter_map(harmless).collect::<String>())
        .collect::<Vec<_>>()
        .join("\n")
}

/// Like [`lines`], but tabs stay: data for standard output has them as separators.
pub(super) fn data(text: &str) -> String {
    text.split('\t').map(lines).collect::<Vec<_>>().join("\t")
}

/// Like [`lines`], with blanks in place of line ends.
pub(super) fn one_line(text: &str) -> String {
    strip_str(text).to_string().chars().filter_map(harmless).collect()
}

fn last_state(line: &str) -> &str {
    line.trim_end_matches('\r').rsplit('\r').next().unwrap_or(line)
}

fn harmless(character: char) -> Option<char> {
    match character {
        '\n' | '\r' | '\t' => Some(' '),
        _ if character.is_control() || reorders(character) => None,
        _ => Some(character),
    }
}

/// Tells whether a character changes the order in which its neighbours are shown, or is no more than that
/// (Unicode Standard Annex 9; CVE-2021-42574 shows what it is misused for).
fn reorders(character: char) -> bool {
    matches!(character,
        '\u{061c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_the_text_of_hostile_output_is_left() {
        let table = [
            ("\x1b[31mred\x1b[0m", "red"),
            ("\x1b]0;new title\x07text", "text"),
            ("\x1b]8;;http://evil\x1b\\link\x1b]8;;\x1b\\", "link"),
            ("\x1bP1$r0m\x1b\\after", "after"),
            ("a\u{9b}31mb", "a31mb"),
            ("10%\r20%\r\nnext\r\n", "20%\nnext\n"),
            ("tab\there", "tab here"),
            ("bell\x07 back\x08space\x7f", "bell backspace"),
            ("safe\u{202e}txt.exe", "safetxt.exe"),
            ("Grüße, 世界 ✓", "Grüße, 世界 ✓"),
        ];
        for (raw, clean) in table {
            assert_eq!(lines(raw), clean, "{raw:?}");
        }
    }

    proptest! {
        #[test]
        fn nothing_that_controls_a_terminal_gets_through(text in any::<String>()) {
            let clean = lines(&text);
            prop_assert!(clean.chars().all(|c| c == '\n' || !c.is_control()), "{:?}", clean);
            prop_assert!(one_line(&text).chars().all(|c| !c.is_control()));
            prop_assert_eq!(lines(&clean), clean);
        }
    }
}
