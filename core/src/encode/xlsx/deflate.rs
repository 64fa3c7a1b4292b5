//! Compression on helper threads.
//!
//! Buffers go to the threads in turn and come back with their packed form, in the order in which they went; a few of them go round and
//! round, so memory stays level and nothing is allocated once they have grown. Each buffer is compressed by itself, up to a border of
//! bytes, so that one stream comes out of all of them and does not depend on the number of threads. It loses three parts in a hundred.
//!
//! Invariants: a thread touches these buffers and nothing else, and sees no signal; it ends with its [`Packer`], also when that is dropped
//! in the middle; whatever happens to it is an error here. The same bytes in give the same bytes out.

use std::io;
use std::sync::mpsc::{sync_channel, Receiver, SyncSender};
use std::thread::JoinHandle;

use crc32fast::Hasher;
use flate2::{Compress, Compression, FlushCompress, Status};

use super::zip::Sizes;
use crate::error::{Error, Kind, Result};
use crate::value::thread;

/// Threads at most: two keep pace with the one that makes the XML.
const MOST_LANES: usize = 2;

/// Buffers of a thread on their way at the same time: one in work, and some so that neither side waits for the other.
const BUFFERS: usize = 3;

/// A buffer with its packed form.
#[derive(Default)]
struct Job {
    bytes: Vec<u8>,
    packed: Vec<u8>,
    /// Ends the entry.
    last: bool,
    /// Of the bytes.
    crc: Hasher,
}

/// The threads, from the side of the encoder.
pub struct Packer {
    lanes: Vec<Lane>,
    /// The lanes of the next buffer to send and of the next to come back.
    next: usize,
    first: usize,
    spare: Vec<Job>,
    under_way: usize,
    /// Of the entry so far.
    crc: Hasher,
    packed: u64,
    unpacked: u64,
}

/// One thread. It takes its buffers, and gives them back, in their order.
struct Lane {
    /// None once it is to end.
    jobs: Option<SyncSender<Job>>,
    done: Receiver<io::Result<Job>>,
    thread: Option<JoinHandle<()>>,
}

impl Packer {
    /// Starts the threads, two where the machine has processors for it, which compress at this level of deflate. Errors: 53200.
    pub fn new(level: u32) -> Result<Packer> {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        Packer::of_lanes(level, processors.min(MOST_LANES))
    }

    fn of_lanes(level: u32, lanes: usize) -> Result<Packer> {
        let lane = |_| {
            let mut deflate = Deflate::new(level);
            Lane::with(move |job| deflate.work(job))
        };
        Ok(Packer::with((0..lanes).map(lane).collect::<Result<_>>()?))
    }

    fn with(lanes: Vec<Lane>) -> Packer {
        Packer {
            lanes,
            next: 0,
            first: 0,
            spare: Vec::new(),
            under_way: 0,
            crc: Hasher::new(),
            packed: 0,
            unpacked: 0,
        }
    }

    /// Takes the bytes, leaving an empty buffer, and appends to `out` what is packed by now.
    pub fn pack(&mut self, bytes: &mut Vec<u8>, out: &mut Vec<u8>) -> Result<()> {
        if bytes.is_empty() {
            return Ok(());
        }
        self.send(bytes, false, out)?;
        while let Some(Ok(result)) = self.lanes.get(self.first).map(|lane| lane.done.try_recv()) {
            self.take(result?, out)?;
        }
        Ok(())
    }

    /// Takes the last bytes of an entry and appends all that is left of it to `out`.
    pub fn end(&mut self, bytes: &mut Vec<u8>, out: &mut Vec<u8>) -> Result<Sizes> {
        self.send(bytes, true, out)?;
        while self.under_way > 0 {
            self.wait(out)?;
        }
        let crc = std::mem::take(&mut self.crc).finalize();
        let (packed, unpacked) = (std::mem::take(&mut self.packed), std::mem::take(&mut self.unpacked));
        Ok(Sizes { crc, packed, unpacked })
    }

    fn send(&mut self, bytes: &mut Vec<u8>, last: bool, out: &mut Vec<u8>) -> Result<()> {
        while self.under_way == self.lanes.len() * BUFFERS {
            self.wait(out)?;
        }
        let mut job = self.spare.pop().unwrap_or_default();
        std::mem::swap(&mut job.bytes, bytes);
        job.last = last;
        match self.lanes.get(self.next).and_then(|lane| lane.jobs.as_ref()).map(|jobs| jobs.send(job)) {
            Some(Ok(())) => {
                self.under_way += 1;
                self.next = (self.next + 1) % self.lanes.len();
                Ok(())
            }
            _ => Err(gone()),
        }
    }

    /// Waits for the next buffer: some milliseconds, the time of one.
    fn wait(&mut self, out: &mut Vec<u8>) -> Result<()> {
        let result = self.lanes.get(self.first).ok_or_else(gone)?.done.recv().map_err(|_| gone())?;
        self.take(result?, out)
    }

    fn take(&mut self, mut job: Job, out: &mut Vec<u8>) -> Result<()> {
        out.try_reserve(job.packed.len())
            .map_err(|_| Error::new(Kind::OutOfMemory, "out of memory while the workbook was compressed"))?;
        out.extend_from_slice(&job.packed);
        self.crc.combine(&job.crc);
        self.packed += job.packed.len() as u64;
        self.unpacked += job.bytes.len() as u64;
        job.bytes.clear();
        job.packed.clear();
        self.first = (self.first + 1) % self.lanes.len();
        self.under_way -= 1;
        self.spare.push(job);
        Ok(())
    }
}

impl Lane {
    fn with(mut work: impl FnMut(&mut Job) -> io::Result<()> + Send + 'static) -> Result<Lane> {
        let (jobs, todo) = sync_channel::<Job>(BUFFERS);
        let (finished, done) = sync_channel(BUFFERS);
        let run = move || {
            for mut job in todo {
                let result = work(&mut job).map(|()| job);
                if finished.send(result).is_err() {
                    return;
                }
            }
        };
        let thread = thread::spawn("acct_export pack", run).map_err(|_| {
            Error::new(Kind::OutOfMemory, "could not start the threads that compress the workbook")
        })?;
        Ok(Lane { jobs: Some(jobs), done, thread: Some(thread) })
    }
}

impl Drop for Lane {
    /// The thread ends after the few buffers that it has.
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            // A panic in it was told as an error already, if anyone was there to hear.
            let _ = thread.join();
        }
    }
}

/// A thread ended without being told to: it panicked.
fn gone() -> Error {
    Error::new(Kind::Internal, "a thread that compresses the workbook has failed")
}

/// The work itself: a piece of a raw deflate stream for each buffer.
struct Deflate(Compress);

impl Deflate {
    fn new(level: u32) -> Deflate {
        Deflate(Compress::new(Compression::new(level), false))
    }

    fn work(&mut self, job: &mut Job) -> io::Result<()> {
        // Four times as fast as the checksum that flate2 has.
        job.crc.reset();
        job.crc.update(&job.bytes);
        self.0.reset();
        let flush = if job.last { FlushCompress::Finish } else { FlushCompress::Sync };
        // Room for all: a byte becomes nine bits at most.
        let most = job.bytes.len() + job.bytes.len() / 8 + 4096;
        job.packed.try_reserve(most).map_err(|_| io::ErrorKind::OutOfMemory)?;
        let status = self.0.compress_vec(&job.bytes, &mut job.packed, flush).map_err(io::Error::from)?;
        let is_whole = match flush {
            FlushCompress::Finish => status == Status::StreamEnd,
            _ => job.packed.len() < job.packed.capacity(),
        };
        if is_whole && self.0.total_in() == job.bytes.len() as u64 {
            Ok(())
        } else {
            Err(io::Error::other(Error::new(
                Kind::Internal,
                "a part of the workbook could not be compressed",
            )))
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
#[path = "deflate_tests.rs"]
mod tests;
