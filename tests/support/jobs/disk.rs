//! A disk that is full soon.

use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use super::LIMIT;
use crate::common::{done, wait_until};

/// A file system of so many megabytes in memory, as long as it lives.
pub struct Disk(TempDir);

impl Disk {
    /// None: who runs the tests may not mount.
    pub fn mount(megabytes: u32) -> Option<Disk> {
        let place = tempfile::tempdir().unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={megabytes}m,mode=1777"), "tmpfs"])
            .arg(place.path())
            .output();
        mounted.is_ok_and(|mounted| mounted.status.success()).then(|| Disk(place))
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    pub fn grow(&self, megabytes: u32) {
        let size = format!("remount,size={megabytes}m");
        done(Command::new("mount").args(["-o", &size]).arg(self.path()));
    }

    /// Waits until no file takes a block, not even one without a name.
    #[track_caller]
    pub fn is_empty(&self) {
        wait_until(LIMIT, "the disk is empty", || {
            let output = done(Command::new("stat").args(["-f", "-c", "%b %f"]).arg(self.path()));
            let blocks = String::from_utf8(output.stdout).unwrap();
            blocks.trim().split_once(' ').is_some_and(|(all, free)| all == free)
        });
        assert_eq!(std::fs::read_dir(self.path()).unwrap().count(), 0);
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.path()).output();
    }
}
