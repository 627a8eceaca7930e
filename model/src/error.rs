//! Formats errors for logs, reports and messages, which are lines.

use std::error::Error;

/// Formats an error and its causes on one line, from the effect to the first cause. A cause whose text is already part
/// of the line is left out, because many errors repeat their cause in their own text.
pub fn chain(error: &dyn Error) -> String {
    let mut line = error.to_string();
    for cause in std::iter::successors(error.source(), |&cause| cause.source()) {
        let text = cause.to_string();
        if !line.contains(&text) {
            line.push_str(": ");
            line.push_str(&text);
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{text}")]
    struct Caused {
        text: &'static str,
        source: Option<Box<Caused>>,
    }

    fn line(texts: &[&'static str]) -> String {
        let error = texts.iter().rev().fold(None, |source, text| Some(Box::new(Caused { text, source })));
        chain(&*error.expect("at least one text"))
    }

    #[test]
    fn each_cause_is_on_the_line_once_in_its_order() {
        assert_eq!(line(&["open the dataset"]), "open the dataset");
        assert_eq!(line(&["open the dataset", "s3://b", "refused"]), "open the dataset: s3://b: refused");
        let repeated = ["run r: damaged", "damaged", "block 3 differs", "damaged"];
        assert_eq!(line(&repeated), "run r: damaged: block 3 differs");
    }
}
