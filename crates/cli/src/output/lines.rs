//! What a person reads: a label and a text on each line, in two columns.

use std::fmt;

/// Width of the column of labels, in characters.
const LABELS: usize = 12;

/// Labelled lines.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Lines(Vec<(&'static str, String)>);

impl Lines {
    /// These lines and one more. An empty label goes on with the line above.
    pub(crate) fn with(mut self, label: &'static str, text: impl Into<String>) -> Self {
        self.0.push((label, text.into()));
        self
    }
}

impl fmt::Display for Lines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, (label, text)) in self.0.iter().enumerate() {
            if number > 0 {
                writeln!(f)?;
            }
            f.write_str(format!("{label:<LABELS$}{text}").trim_end())?;
        }
        Ok(())
    }
}
