use super::*;
use std::path::PathBuf;
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// The thread's task: keeps the bytes, or fails with the given error at the buffer of this number.
struct Odd {
    kept: Vec<u8>,
    at: usize,
    fails: fn() -> io::Result<()>,
}

fn line(at: usize, fails: fn() -> io::Result<()>) -> Line<Vec<u8>> {
    let take = |odd: &mut Odd, bytes: &[u8]| {
        odd.at = odd.at.wrapping_sub(1);
        if odd.at == 0 {
            (odd.fails)()?;
        }
        odd.kept.extend_from_slice(bytes);
        Ok(())
    };
    let finish = |odd: Odd| {
        if odd.at == 1 {
            (odd.fails)()?;
        }
        Ok(odd.kept)
    };
    Line::start(Odd { kept: Vec::new(), at, fails }, take, finish).unwrap()
}

/// Sends so many buffers, each with its number; the bytes that came out.
fn sent(mut line: Line<Vec<u8>>, count: usize) -> Result<Vec<u8>> {
    for number in 0..count {
        let mut buffer = line.buffer();
        assert!(buffer.is_empty() && buffer.capacity() >= CHUNK);
        buffer.push(number as u8);
        line.send(buffer)?;
        assert!(line.made <= BUFFERS);
    }
    line.finish()
}

#[test]
fn what_is_sent_arrives_in_order_with_few_buffers() {
    let wanted: Vec<u8> = (0..200).collect();
    assert_eq!(sent(line(0, || Ok(())), 200), Ok(wanted));
    assert_eq!(sent(line(0, || Ok(())), 0), Ok(Vec::new()));
}

#[test]
fn an_error_of_the_thread_is_the_callers() {
    let full = || Err(io::Error::from_raw_os_error(28));
    let cancelled =
        || Err(io::Error::other(Error::new(Kind::QueryCanceled, "canceling statement due to user request")));
    // At the first buffer, in the middle, at the last one, at the end; the caller stops at once or sees it in the end.
    for at in [1, 2, 5, 50, 51] {
        assert_eq!(sent(line(at, full), 50).unwrap_err().kind, Kind::DiskFull, "{at}");
        assert_eq!(sent(line(at, cancelled), 50).unwrap_err().kind, Kind::QueryCanceled, "{at}");
    }
}

#[test]
fn a_panic_of_the_thread_is_an_error() {
    for at in [1, 3, 50, 51] {
        assert_eq!(sent(line(at, || panic!("as a library might")), 50).unwrap_err(), gone(), "{at}");
    }
}

/// One who goes on after an error gets errors and no hang.
#[test]
fn after_an_error_there_are_only_errors() {
    let mut line = line(1, || Err(io::ErrorKind::StorageFull.into()));
    let mut told = Vec::new();
    for _ in 0..20 {
        let buffer = line.buffer();
        told.extend(line.send(buffer).err());
    }
    assert_eq!(told[0].kind, Kind::DiskFull);
    assert!(told.len() >= 20 - 2 * BUFFERS && told[1..].iter().all(|error| *error == gone()), "{told:?}");
    assert_eq!(line.finish().unwrap_err(), gone());
}

#[test]
fn the_thread_ends_with_its_owner() {
    let (tell, told) = mpsc::channel::<PathBuf>();
    let take = |tell: &mut mpsc::Sender<PathBuf>, _: &[u8]| {
        tell.send(std::fs::read_link("/proc/thread-self").unwrap()).map_err(io::Error::other)
    };
    let mut line = Line::start(tell, take, |_| Ok(())).unwrap();
    for _ in 0..3 {
        let buffer = line.buffer();
        line.send(buffer).unwrap();
    }
    let task = PathBuf::from("/proc").join(told.recv().unwrap());
    drop((line, told));
    let deadline = Instant::now() + Duration::from_secs(10);
    while task.exists() {
        assert!(Instant::now() < deadline, "the thread is still there");
        std::thread::yield_now();
    }
}
