//! Labels of columns: those of one file are distinct, also where an edited file is read back.

use std::collections::HashSet;

/// The form in which labels are compared: without blanks around them, in lower case.
pub fn folded(label: &str) -> String {
    label.trim().to_lowercase()
}

/// The labels of a file so far.
#[derive(Debug, Default)]
pub struct Labels(HashSet<String>);

impl Labels {
    /// True if a column has this label.
    pub fn has(&self, label: &str) -> bool {
        self.0.contains(&folded(label))
    }

    /// The label, with a number where another column has it already: `Gender`, `Gender (2)`.
    pub fn take(&mut self, label: &str) -> String {
        if self.0.insert(folded(label)) {
            return label.to_owned();
        }
        let mut number = 2_usize;
        loop {
            let numbered = format!("{} ({number})", label.trim_end());
            if self.0.insert(folded(&numbered)) {
                return numbered;
            }
            number += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_labels_are_one_when_compared() {
        let mut labels = Labels::default();
        let given = ["Gender", "gender ", "GENDER", "Gender (2)", " Größe", "GRÖSSE", "größe"];
        let taken = given.map(|label| labels.take(label));
        assert_eq!(
            taken,
            ["Gender", "gender (2)", "GENDER (3)", "Gender (2) (2)", " Größe", "GRÖSSE", "größe (2)"]
        );
        let mut compared: Vec<String> = taken.iter().map(|label| folded(label)).collect();
        compared.sort();
        compared.dedup();
        assert_eq!(compared.len(), given.len());
        assert!(labels.has("gendeR") && !labels.has("sex"));
    }
}
