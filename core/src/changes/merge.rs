//! Two exports in the order of their keys, side by side.

use super::{Digest, Record};
use crate::error::{Error, Kind, Result};
use std::cmp::Ordering;

/// The rows of the earlier export, and the order that both come in.
pub trait Source {
    /// The next row; None: there are no more.
    fn next(&mut self) -> Result<Option<Record>>;

    /// The order of two keys, by which the server sorts the rows.
    fn compare(&mut self, one: &str, other: &str) -> Result<Ordering>;
}

/// The fate of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    Added,
    Changed,
    Removed,
}

impl Change {
    pub fn as_str(self) -> &'static str {
        match self {
            Change::Added => "added",
            Change::Changed => "changed",
            Change::Removed => "removed",
        }
    }
}

/// The comparison under way.
pub struct Merge<S> {
    source: S,
    /// The first row of the earlier export that was not met yet.
    ahead: Option<Record>,
}

impl<S: Source> Merge<S> {
    pub fn new(mut source: S) -> Result<Merge<S>> {
        let ahead = source.next()?;
        Ok(Merge { source, ahead })
    }

    /// Takes the next row; its change, None where there is none. `removed` gets the keys of earlier rows before it that are gone.
    pub fn row(
        &mut self,
        key: &str,
        digest: &Digest,
        removed: &mut dyn FnMut(&str) -> Result<()>,
    ) -> Result<Option<Change>> {
        while let Some(record) = &self.ahead {
            // Mostly the key is the same.
            let order =
                if record.key == key { Ordering::Equal } else { self.source.compare(&record.key, key)? };
            match order {
                Ordering::Less => {
                    removed(&record.key)?;
                    self.step()?;
                }
                Ordering::Equal => {
                    let same = record.digest == *digest;
                    self.step()?;
                    return Ok((!same).then_some(Change::Changed));
                }
                Ordering::Greater => break,
            }
        }
        Ok(Some(Change::Added))
    }

    /// The earlier rows behind the last one.
    pub fn rest(&mut self, removed: &mut dyn FnMut(&str) -> Result<()>) -> Result<()> {
        while let Some(record) = &self.ahead {
            removed(&record.key)?;
            self.step()?;
        }
        Ok(())
    }

    /// Goes on to the next row of the earlier export, which has to stand behind the one before.
    fn step(&mut self) -> Result<()> {
        let next = self.source.next()?;
        if let (Some(before), Some(next)) = (&self.ahead, &next) {
            if self.source.compare(&before.key, &next.key)? != Ordering::Less {
                return Err(Error::new(
                    Kind::NotInPrerequisiteState,
                    "the digests of the earlier export are not in the order of the key any more",
                )
                .hint("The collation of the key has changed since: export with option \"digests\" again, and compare with that."));
            }
        }
        self.ahead = next;
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    struct Rows(std::vec::IntoIter<Record>);

    impl Source for Rows {
        fn next(&mut self) -> Result<Option<Record>> {
            Ok(self.0.next())
        }

        fn compare(&mut self, one: &str, other: &str) -> Result<Ordering> {
            Ok(one.parse::<i64>().unwrap().cmp(&other.parse::<i64>().unwrap()))
        }
    }

    fn records(rows: &BTreeMap<i64, u8>) -> Vec<Record> {
        rows.iter().map(|(key, value)| Record { key: key.to_string(), digest: [*value; 16] }).collect()
    }

    fn merged(earlier: Vec<Record>, later: &[Record]) -> Result<Vec<(Change, String)>> {
        let mut told = Vec::new();
        let mut merge = Merge::new(Rows(earlier.into_iter()))?;
        for Record { key, digest } in later {
            let mut gone = Vec::new();
            let change = merge.row(key, digest, &mut |key| {
                gone.push((Change::Removed, key.to_owned()));
                Ok(())
            })?;
            told.extend(gone);
            told.extend(change.map(|change| (change, key.clone())));
        }
        merge.rest(&mut |key| {
            told.push((Change::Removed, key.to_owned()));
            Ok(())
        })?;
        Ok(told)
    }

    proptest! {
        #[test]
        fn as_two_maps_tell(
            earlier in proptest::collection::btree_map(-20i64..20, 0u8..3, 0..20),
            later in proptest::collection::btree_map(-20i64..20, 0u8..3, 0..20),
        ) {
            let mut wanted = Vec::new();
            for key in -20..20 {
                wanted.extend(match (earlier.get(&key), later.get(&key)) {
                    (None, Some(_)) => Some((Change::Added, key.to_string())),
                    (Some(_), None) => Some((Change::Removed, key.to_string())),
                    (Some(one), Some(other)) if one != other => Some((Change::Changed, key.to_string())),
                    _ => None,
                });
            }
            prop_assert_eq!(merged(records(&earlier), &records(&later)).unwrap(), wanted);
        }
    }

    #[test]
    fn earlier_rows_out_of_order_are_an_error() {
        let mut earlier = records(&BTreeMap::from([(1, 0), (2, 0), (3, 0)]));
        earlier.swap(1, 2);
        let error = merged(earlier, &records(&BTreeMap::from([(5, 0)]))).unwrap_err();
        assert_eq!(error.kind, Kind::NotInPrerequisiteState);
    }
}
