//! Compression on a helper thread.
//!
//! Buffers go to the thread and come back with their packed form; a few of them go round and round, so
//! memory stays level and nothing is allocated once they have grown. What holds: the thread touches these
//! buffers and nothing else, and sees no signal; it ends with its [`Packer`], also when that is dropped in
//! the middle; whatever happens to it is an error here. The same bytes in give the same bytes out.

use std::io;
use std::sync::mpsc::{sync_channel, Receiver, Sender, SyncSender};
use std::thread::JoinHandle;

use crc32fast::Hasher;
use flate2::{Compress, Compression, FlushCompress, Status};

use super::zip::Sizes;
use crate::error::{Error, Kind, Result};
use crate::value::thread;

/// Buffers on their way at the same time: one in work, and some so that neither side waits for the other.
const BUFFERS: usize = 4;

/// A buffer with its packed form.
#[derive(Default)]
struct Job {
    bytes: Vec<u8>,
    packed: Vec<u8>,
    /// Ends the entry.
    last: bool,
    /// The thread's report on an entry that ended.
    sizes: Option<Sizes>,
}

/// The thread, from the side of the encoder.
pub struct Packer {
    /// None once it is to end.
    jobs: Option<SyncSender<Job>>,
    done: Receiver<io::Result<Job>>,
    thread: Option<JoinHandle<()>>,
    spare: Vec<Job>,
    under_way: usize,
}

impl Packer {
    /// Starts the thread, which compresses at this level of deflate.
    pub fn new(level: u32) -> Result<Packer> {
        let mut deflate = Deflate::new(level);
        Packer::with(move |job| deflate.work(job))
    }

    fn with(mut work: impl FnMut(&mut Job) -> io::Result<()> + Send + 'static) -> Result<Packer> {
        let (jobs, todo) = sync_channel::<Job>(BUFFERS);
        let (finished, done): (Sender<io::Result<Job>>, _) = std::sync::mpsc::channel();
        let run = move || {
            for mut job in todo {
                let result = work(&mut job).map(|()| job);
                if finished.send(result).is_err() {
                    return;
                }
            }
        };
        let thread = thread::spawn("acct_export pack", run).map_err(|_| {
            Error::new(Kind::OutOfMemory, "could not start the thread that compresses the workbook")
        })?;
        Ok(Packer { jobs: Some(jobs), done, thread: Some(thread), spare: Vec::new(), under_way: 0 })
    }

    /// Takes the bytes, leaving an empty buffer, and appends to `out` what is packed by now.
    pub fn pack(&mut self, bytes: &mut Vec<u8>, out: &mut Vec<u8>) -> Result<()> {
        self.send(bytes, false, out)?;
        while let Ok(result) = self.done.try_recv() {
            self.take(result?, out)?;
        }
        Ok(())
    }

    /// Takes the last bytes of an entry and appends all that is left of it to `out`.
    pub fn end(&mut self, bytes: &mut Vec<u8>, out: &mut Vec<u8>) -> Result<Sizes> {
        self.send(bytes, true, out)?;
        loop {
            if let Some(sizes) = self.wait(out)? {
                return Ok(sizes);
            }
        }
    }

    fn send(&mut self, bytes: &mut Vec<u8>, last: bool, out: &mut Vec<u8>) -> Result<()> {
        while self.under_way == BUFFERS {
            self.wait(out)?;
        }
        let mut job = self.spare.pop().unwrap_or_default();
        std::mem::swap(&mut job.bytes, bytes);
        job.last = last;
        self.under_way += 1;
        match self.jobs.as_ref().map(|jobs| jobs.send(job)) {
            Some(Ok(())) => Ok(()),
            _ => Err(gone()),
        }
    }

    /// Waits for the next buffer: some milliseconds, the time of one.
    fn wait(&mut self, out: &mut Vec<u8>) -> Result<Option<Sizes>> {
        let result = self.done.recv().map_err(|_| gone())?;
        self.take(result?, out)
    }

    fn take(&mut self, mut job: Job, out: &mut Vec<u8>) -> Result<Option<Sizes>> {
        out.try_reserve(job.packed.len())
            .map_err(|_| Error::new(Kind::OutOfMemory, "out of memory while the workbook was compressed"))?;
        out.extend_from_slice(&job.packed);
        job.bytes.clear();
        job.packed.clear();
        let sizes = job.sizes.take();
        self.under_way -= 1;
        self.spare.push(job);
        Ok(sizes)
    }
}

impl Drop for Packer {
    /// The thread ends after the few buffers that it has.
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            // A panic in it was told as an error already, if anyone was there to hear.
            let _ = thread.join();
        }
    }
}

/// The thread ended without being told to: it panicked.
fn gone() -> Error {
    Error::new(Kind::Internal, "the thread that compresses the workbook has failed")
}

/// The work itself: one raw deflate stream for each entry.
struct Deflate {
    stream: Compress,
    /// Four times as fast as the one that flate2 has.
    crc: Hasher,
}

impl Deflate {
    fn new(level: u32) -> Deflate {
        Deflate { stream: Compress::new(Compression::new(level), false), crc: Hasher::new() }
    }

    fn work(&mut self, job: &mut Job) -> io::Result<()> {
        self.crc.update(&job.bytes);
        let flush = if job.last { FlushCompress::Finish } else { FlushCompress::None };
        let before = self.stream.total_in();
        loop {
            let taken = (self.stream.total_in() - before) as usize;
            let rest = job.bytes.get(taken..).unwrap_or_default();
            if rest.is_empty() && !job.last {
                return Ok(());
            }
            job.packed.try_reserve(rest.len() / 4 + 4096).map_err(|_| io::ErrorKind::OutOfMemory)?;
            let status = self.stream.compress_vec(rest, &mut job.packed, flush).map_err(io::Error::from)?;
            if status == Status::StreamEnd {
                break;
            }
        }
        job.sizes = Some(Sizes {
            crc: self.crc.clone().finalize(),
            packed: self.stream.total_out(),
            unpacked: self.stream.total_in(),
        });
        self.stream.reset();
        self.crc.reset();
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
#[path = "deflate_tests.rs"]
mod tests;
