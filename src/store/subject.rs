//! What is stored in a store, and removed from it.

/// A file that is to be stored.
#[derive(Clone)]
pub struct Subject {
    pub key: String,
    /// Which file of which attempt of which job, in no more than one place.
    pub mark: String,
    /// What it is saved as.
    pub name: String,
    pub media_type: &'static str,
    pub bytes: u64,
}

/// What there is to remove.
#[derive(Clone)]
pub struct Leftover {
    pub key: String,
    pub mark: String,
    /// It was not completed as far as is known: there may be an upload of it.
    pub is_begun: bool,
}

/// What became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Removed {
    Ours,
    /// There was no object.
    Nothing,
    /// There is an object of somebody else's, which stays.
    Theirs,
}
