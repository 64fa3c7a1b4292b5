//! A text handed over to a short-lived worker, which writes it down in a transaction of its own: what a session tells of
//! outlives the rollback of the session's transaction.
//!
//! The text lies in a segment of shared memory, with a state in front of it. From the hand-over on the segment is pinned, so
//! that it outlives the session; exactly one side unpins it: whoever moves the state on from `WAITING`, the worker that
//! takes the text or the session that withdraws it. (Were the postmaster to fail to fork the worker after the session has
//! ended, one page would stay until the next start of the server.)

use super::wait;
use pgrx::pg_sys;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

const WAITING: u32 = 0;
const TAKEN: u32 = 1;
const DONE: u32 = 2;
const FAILED: u32 = 3;
const WITHDRAWN: u32 = 4;

/// Start of a segment; the text follows.
#[repr(C)]
struct Header {
    state: AtomicU32,
    length: AtomicU32,
    /// Of a worker that is asked for a number.
    answer: AtomicU32,
}

/// A segment that this process has mapped. It has no `Drop`: at the end of the process the server unmaps first, and
/// destructors of thread-locals would come after it.
#[derive(Clone, Copy)]
struct Segment(*mut pg_sys::dsm_segment);

impl Segment {
    fn header(&self) -> &Header {
        // SAFETY: the segment is mapped, begins at a page and is larger than the header, which is zero at first.
        unsafe { &*pg_sys::dsm_segment_address(self.0).cast::<Header>() }
    }

    fn text(&self) -> *mut u8 {
        // SAFETY: the text follows the header.
        unsafe { pg_sys::dsm_segment_address(self.0).cast::<u8>().add(size_of::<Header>()) }
    }

    fn room(&self) -> usize {
        // SAFETY: the segment is mapped.
        unsafe { pg_sys::dsm_segment_map_length(self.0) }.saturating_sub(size_of::<Header>())
    }

    fn handle(&self) -> u32 {
        // SAFETY: the segment is mapped.
        unsafe { pg_sys::dsm_segment_handle(self.0) }
    }

    fn advance(&self, from: u32, to: u32) -> bool {
        self.header().state.compare_exchange(from, to, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    fn unpin(&self) {
        // SAFETY: it is pinned, and this side has won the right to unpin it.
        unsafe { pg_sys::dsm_unpin_segment(self.handle()) };
    }

    fn detach(self) {
        // SAFETY: mapped until here, and used no more.
        unsafe { pg_sys::dsm_detach(self.0) };
    }
}

/// A segment that waits for its text.
pub struct DsmMessage(Segment);

impl DsmMessage {
    /// None: the server has no segments left. An ERROR where there is no memory for it.
    pub fn with_room(bytes: usize) -> Option<DsmMessage> {
        let size = bytes + size_of::<Header>();
        // SAFETY: zeroing stays within the segment; a mapping of the session's own survives the transaction.
        unsafe {
            let segment = pg_sys::dsm_create(size, pg_sys::DSM_CREATE_NULL_IF_MAXSEGMENTS as i32);
            if segment.is_null() {
                return None;
            }
            pg_sys::dsm_pin_mapping(segment);
            pg_sys::dsm_segment_address(segment).cast::<Header>().write_bytes(0, 1);
            Some(DsmMessage(Segment(segment)))
        }
    }

    pub fn room(&self) -> usize {
        self.0.room()
    }

    pub fn release(self) {
        self.0.detach();
    }

    /// Writes the text and starts the worker by `start`, which gets the segment's handle; the note comes back where no place is free in
    /// `max_worker_processes`. Takes no memory and raises nothing, so the end of a transaction may call it. What does not fit is left out.
    pub fn hand_over<'a>(
        self,
        start: fn(u32) -> bool,
        parts: impl Iterator<Item = &'a [u8]>,
    ) -> Result<Handed, DsmMessage> {
        let segment = self.0;
        let (mut length, room) = (0, segment.room());
        for part in parts {
            if length + part.len() > room {
                break;
            }
            // SAFETY: within the room behind the header; the worker reads after it was started.
            unsafe { segment.text().add(length).copy_from_nonoverlapping(part.as_ptr(), part.len()) };
            length += part.len();
        }
        segment.header().length.store(length as u32, Ordering::Release);
        // SAFETY: not pinned so far.
        unsafe { pg_sys::dsm_pin_segment(segment.0) };
        if start(segment.handle()) {
            return Ok(Handed(segment));
        }
        segment.unpin();
        Err(self)
    }
}

/// A text that is with its worker. Dropped: the worker has it, whatever this process does.
pub struct Handed(Segment);

impl Handed {
    /// Waits until the worker has written or failed, the time is up, or this process is interrupted. Raises nothing.
    pub fn wait(&self, limit: Duration) {
        let begin = Instant::now();
        while !self.has_ended() && wait::interrupted().is_ok() {
            let left = limit.saturating_sub(begin.elapsed());
            if left.is_zero() {
                return;
            }
            // The postmaster sets the latch when the worker begins and when it ends.
            wait::for_latch(left.min(Duration::from_millis(100)));
        }
    }

    /// True if there is nothing to wait for: written, or failed and told of in the log.
    pub fn has_ended(&self) -> bool {
        matches!(self.0.header().state.load(Ordering::Acquire), DONE | FAILED)
    }

    /// The worker's number, if it has ended well.
    pub fn answer(&self) -> Option<u32> {
        let header = self.0.header();
        (header.state.load(Ordering::Acquire) == DONE).then(|| header.answer.load(Ordering::Acquire))
    }

    /// Takes back what no worker has taken yet: whether nobody will write it.
    pub fn withdraw(&self) -> bool {
        let withdrawn = self.0.advance(WAITING, WITHDRAWN);
        if withdrawn {
            self.0.unpin();
        }
        withdrawn
    }

    /// Looks no more: what was taken is written or logged by the worker.
    pub fn forget(self) {
        self.0.detach();
    }
}

/// A text that this worker has taken.
pub struct Taken(Segment);

impl Taken {
    /// Takes the text of a segment; None: it was withdrawn. Before signals are unblocked, so that nothing comes between
    /// the taking and the unpinning.
    pub fn from(handle: u32) -> Option<(Taken, Vec<u8>)> {
        // SAFETY: a segment that is gone gives NULL; what was handed over has a header and `length` bytes of text.
        unsafe {
            let segment = pg_sys::dsm_attach(handle);
            if segment.is_null() {
                return None;
            }
            pg_sys::dsm_pin_mapping(segment);
            let segment = Segment(segment);
            if !segment.advance(WAITING, TAKEN) {
                segment.detach();
                return None;
            }
            segment.unpin();
            let length = segment.header().length.load(Ordering::Acquire) as usize;
            let text = std::slice::from_raw_parts(segment.text(), length.min(segment.room())).to_vec();
            Some((Taken(segment), text))
        }
    }

    /// As `end`, with the number that was asked for; None: it failed.
    pub fn end_with(self, answer: Option<u32>) {
        self.0.header().answer.store(answer.unwrap_or(0), Ordering::Release);
        self.end(answer.is_some());
    }

    /// It is written and committed, or nothing is.
    pub fn end(self, written: bool) {
        self.0.advance(TAKEN, if written { DONE } else { FAILED });
        self.0.detach();
    }
}
