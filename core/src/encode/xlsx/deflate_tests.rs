use std::io::Write;
use std::path::PathBuf;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use flate2::write::DeflateDecoder;

use super::*;

fn inflated(packed: &[u8]) -> Vec<u8> {
    let mut decoder = DeflateDecoder::new(Vec::new());
    decoder.write_all(packed).unwrap();
    decoder.finish().unwrap()
}

/// Text that packs neither too well nor not at all.
fn sample(bytes: usize) -> Vec<u8> {
    let mut state = 1_u32;
    let mut next = move || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        b'a' + (state >> 28) as u8
    };
    (0..bytes).map(|_| next()).collect()
}

/// Packs the bytes in pieces; the packed form.
fn packed(packer: &mut Packer, bytes: &[u8], piece: usize) -> (Sizes, Vec<u8>) {
    let mut out = Vec::new();
    let mut pieces = bytes.chunks(piece).peekable();
    let mut buffer = Vec::new();
    while let Some(piece) = pieces.next() {
        buffer.clear();
        buffer.extend_from_slice(piece);
        if pieces.peek().is_some() {
            packer.pack(&mut buffer, &mut out).unwrap();
            assert!(buffer.is_empty());
        }
    }
    (packer.end(&mut buffer, &mut out).unwrap(), out)
}

#[test]
fn one_entry_after_the_other() {
    let mut packer = Packer::new(4).unwrap();
    for (length, piece) in [(0, 1), (1, 1), (3_000_000, 256 * 1024), (100_000, 77), (5_000_000, 4_000_000)] {
        let bytes = sample(length);
        let (sizes, out) = packed(&mut packer, &bytes, piece);
        assert!(inflated(&out) == bytes);
        assert_eq!(
            sizes,
            Sizes { crc: crc32fast::hash(&bytes), packed: out.len() as u64, unpacked: length as u64 },
            "{length}"
        );
        // Whatever the speed of the two threads.
        assert!(out == packed(&mut packer, &bytes, piece).1);
        assert!(packer.spare.len() <= BUFFERS);
    }
}

#[test]
fn a_thread_that_dies_is_an_error() {
    let mut packer =
        Packer::with(|job| if job.bytes.len() > 3 { panic!("as told") } else { Ok(()) }).unwrap();
    let mut out = Vec::new();
    let result = (0..1_000).try_for_each(|n| packer.pack(&mut vec![0; n], &mut out));
    assert_eq!(result, Err(gone()));
    assert_eq!(packer.end(&mut Vec::new(), &mut out), Err(gone()));

    let mut packer = Packer::with(|_| Err(io::ErrorKind::OutOfMemory.into())).unwrap();
    assert_eq!(packer.end(&mut Vec::new(), &mut out).unwrap_err().kind, Kind::Io);
}

#[test]
fn the_thread_ends_with_its_owner() {
    let (tell, told) = mpsc::channel::<PathBuf>();
    let work = move |_: &mut Job| {
        tell.send(std::fs::read_link("/proc/thread-self").unwrap()).unwrap();
        Ok(())
    };
    let mut packer = Packer::with(work).unwrap();
    for _ in 0..3 {
        packer.pack(&mut vec![0; 100_000], &mut Vec::new()).unwrap();
    }
    let task = PathBuf::from("/proc").join(told.recv().unwrap());
    assert!(task.exists());
    drop(packer);
    let deadline = Instant::now() + Duration::from_secs(10);
    while task.exists() {
        assert!(Instant::now() < deadline, "the thread is still there");
        std::thread::yield_now();
    }
}
