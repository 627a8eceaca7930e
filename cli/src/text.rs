//! Text that is safe on a terminal. Names, reasons and causes come from others, and a terminal obeys control
//! characters in them: colours, titles, the cursor, the direction of writing. Everything on stdout and stderr passes
//! through here.

use std::borrow::Cow;

use model::admission::is_unprintable;

/// Longest cell of a table, in letters; `-o json` has the full text.
pub(crate) const CELL_LETTERS_MAX: usize = 256;

/// Escapes control characters as `\u001b` and the like; keeps ends of lines and tabs. In JSON such characters occur
/// only in strings, where this is a valid spelling.
pub(crate) fn printable(text: &str) -> Cow<'_, str> {
    escaped(text, |letter| matches!(letter, '\n' | '\t'))
}

/// Escapes control characters, ends of lines and tabs, so that the text is one line.
pub(crate) fn line(text: &str) -> Cow<'_, str> {
    escaped(text, |_| false)
}

/// Formats text as one cell of a table: on one line, escaped, cut.
pub(crate) fn cell(text: &str) -> Cow<'_, str> {
    let line = line(text);
    if line.chars().count() <= CELL_LETTERS_MAX {
        return line;
    }
    let kept: String = line.chars().take(CELL_LETTERS_MAX - 3).collect();
    Cow::Owned(kept + "...")
}

fn escaped(text: &str, is_kept: impl Fn(char) -> bool) -> Cow<'_, str> {
    let is_to_escape = |letter: char| is_unprintable(letter) && !is_kept(letter);
    if !text.contains(is_to_escape) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for letter in text.chars() {
        if is_to_escape(letter) {
            shown.push_str(&format!("\\u{:04x}", u32::from(letter)));
        } else {
            shown.push(letter);
        }
    }
    Cow::Owned(shown)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_a_terminal_obeys_is_spelt_out() {
        assert_eq!(printable("a\u{1b}[31mb\nc"), "a\\u001b[31mb\nc");
        assert_eq!(cell("a\nb\tc\u{202e}d\u{9b}"), "a\\u000ab\\u0009c\\u202ed\\u009b");
        assert_eq!(cell("plain"), "plain");
    }

    proptest! {
        #[test]
        fn a_cell_is_one_printable_line_of_bounded_length(text in any::<String>(), times in 0usize..200) {
            let cell = cell(&text.repeat(times)).into_owned();
            prop_assert!(!cell.chars().any(is_unprintable));
            prop_assert!(cell.chars().count() <= CELL_LETTERS_MAX);
        }

        #[test]
        fn json_that_was_made_printable_says_the_same(text in any::<String>()) {
            let json = serde_json::to_string_pretty(&serde_json::json!({ "text": text })).expect("JSON");
            let shown = printable(&json).into_owned();
            prop_assert!(!shown.chars().any(|letter| is_unprintable(letter) && letter != '\n'));
            let read: serde_json::Value = serde_json::from_str(&shown).expect("it is JSON still");
            prop_assert_eq!(read["text"].as_str(), Some(text.as_str()));
        }
    }
}
