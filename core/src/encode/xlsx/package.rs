//! The parts of the workbook, packed and put into the zip file one after the other.

use super::deflate::Packer;
use super::zip::{Sizes, Zip};
use crate::error::Result;

/// A part that the library has packed.
pub struct Part {
    pub name: String,
    pub sizes: Sizes,
    pub packed: Vec<u8>,
}

/// The package in the making. Each function appends to `out` what is ready, in the file's order.
pub struct Package {
    zip: Zip,
    packer: Packer,
}

impl Package {
    /// `level` is deflate's. Errors: 53200 where no thread can be started.
    pub fn new(level: u32) -> Result<Self> {
        Ok(Package { zip: Zip::default(), packer: Packer::new(level)? })
    }

    /// Puts in a part as it is.
    pub fn copy(&mut self, part: &Part, out: &mut Vec<u8>) -> Result<()> {
        self.zip.copy(&part.name, part.sizes, &part.packed, out)
    }

    /// Begins a part whose bytes follow.
    pub fn open(&mut self, name: &str, out: &mut Vec<u8>) {
        self.zip.open(name, out);
    }

    /// Takes bytes of the open part, leaving an empty buffer.
    pub fn write(&mut self, bytes: &mut Vec<u8>, out: &mut Vec<u8>) -> Result<()> {
        self.packer.pack(bytes, out)
    }

    /// Takes the last bytes of the open part and ends it.
    pub fn close(&mut self, bytes: &mut Vec<u8>, out: &mut Vec<u8>) -> Result<()> {
        let sizes = self.packer.end(bytes, out)?;
        self.zip.close(sizes, out)
    }

    /// Ends the file.
    pub fn end(self, out: &mut Vec<u8>) -> Result<()> {
        self.zip.end(out)
    }
}
