//! Storing objects in a store, and removing them.

/// A file that is to be stored.
#[derive(Clone)]
pub struct NewObject {
    pub key: String,
    /// The file, the attempt and the job, in no more than one place.
    pub mark: String,
    /// The file name of a download.
    pub name: String,
    pub media_type: &'static str,
    pub bytes: u64,
}

/// An object to delete.
#[derive(Clone)]
pub struct ObjectToDelete {
    pub key: String,
    pub mark: String,
    /// It was not completed as far as is known: there may be an upload of it.
    pub is_begun: bool,
}

/// The outcome of a deletion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Removed {
    Ours,
    /// There was no object.
    Nothing,
    /// There is an object of somebody else's, which stays.
    Theirs,
}
