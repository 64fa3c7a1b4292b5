//! One connection through the proxy: this thread takes what the client sends, another what the server answers.

use std::io::{self, BufReader, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;
use std::time::Duration;

use socket2::SockRef;

use super::super::exchange::{answer, RequestHead};
use super::{Behaviour, Shared};

struct Connection {
    shared: Arc<Shared>,
    client: Arc<TcpStream>,
    server: TcpStream,
    /// True if the behaviour is for the request that is under way.
    matching: AtomicBool,
    /// True if the server's next answer is to be lost.
    losing: AtomicBool,
    /// Ended by RST: a FIN must not come first.
    reset: AtomicBool,
}

impl Shared {
    pub(super) fn serve(self: Arc<Self>, client: Arc<TcpStream>) {
        let shared = Arc::clone(&self);
        let (http, target) = (self.http, self.target.clone());
        // A server that does not listen: the client finds itself alone, as without a proxy.
        let Ok(server) = TcpStream::connect(target) else { return };
        let _ = (client.set_nodelay(true), server.set_nodelay(true));
        let connection = Arc::new(Connection {
            shared,
            client,
            server,
            matching: AtomicBool::new(!http),
            losing: AtomicBool::new(false),
            reset: AtomicBool::new(false),
        });
        let back = Arc::clone(&connection);
        let answers = std::thread::spawn(move || back.answers());
        // However this ends, the other direction does, too. Errors are what the test asked for.
        let _ = if http { connection.requests() } else { connection.bytes() };
        let _ = connection.server.shutdown(Shutdown::Both);
        let _ = answers.join();
        connection.end();
    }
}

impl Connection {
    fn requests(&self) -> io::Result<()> {
        let mut from = BufReader::new(&*self.client);
        while let Some(head) = RequestHead::read(&mut from)? {
            let mut state = self.shared.lock();
            state.requests.push((head.method.clone(), head.target.clone()));
            let only = state.only.as_ref();
            let matching =
                only.is_none_or(|(method, part)| *method == head.method && head.target.contains(part));
            drop(state);
            self.matching.store(matching, Ordering::Relaxed);

            let told = self.shared.turn(matching, |now| match now {
                Behaviour::Answer { status, body, .. } => Some((*status, body.clone())),
                _ => None,
            });
            if let Some((status, body)) = told {
                // Whoever waits to be asked for the body gets this answer instead.
                if head.header("expect").is_none() {
                    head.body(&mut from, |_| Ok(()))?;
                }
                return answer(&mut &*self.client, status, &body);
            }
            let losing =
                self.shared.turn(matching, |now| matches!(now, Behaviour::LoseAnswer { .. }).then_some(()));
            self.losing.store(losing.is_some(), Ordering::Relaxed);
            self.pass(&head.raw, &self.server)?;
            let mut before = 0;
            head.body(&mut from, |bytes| self.forward(bytes, &mut before))?;
        }
        Ok(())
    }

    fn bytes(&self) -> io::Result<()> {
        let (mut buffer, mut before) = ([0; 16 << 10], 0);
        loop {
            let size = (&*self.client).read(&mut buffer)?;
            if size == 0 {
                return self.server.shutdown(Shutdown::Write);
            }
            self.forward(&buffer[..size], &mut before)?;
        }
    }

    fn answers(&self) {
        let mut buffer = [0; 16 << 10];
        while let Ok(size @ 1..) = (&self.server).read(&mut buffer) {
            let bytes = &buffer[..size];
            if self.losing.load(Ordering::Relaxed) && !bytes.starts_with(b"HTTP/1.1 100") {
                self.reset();
                return;
            }
            if self.pass(bytes, &self.client).is_err() {
                break;
            }
        }
        self.end();
    }

    fn end(&self) {
        if !self.reset.load(Ordering::Relaxed) {
            let _ = self.client.shutdown(Shutdown::Both);
        }
    }

    /// Bytes of the client, which had sent `before` of them.
    fn forward(&self, bytes: &[u8], before: &mut u64) -> io::Result<()> {
        let end = *before + bytes.len() as u64;
        let matching = self.matching.load(Ordering::Relaxed);
        let cut = self.shared.turn(matching, |now| match now {
            Behaviour::ResetAfter { bytes, .. } if *bytes < end => Some(bytes.saturating_sub(*before)),
            _ => None,
        });
        if let Some(cut) = cut {
            self.pass(&bytes[..cut as usize], &self.server)?;
            self.reset();
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        *before = end;
        self.pass(bytes, &self.server)
    }

    /// Ends both sides, the client's by RST once the last thread has let go of it.
    fn reset(&self) {
        self.reset.store(true, Ordering::Relaxed);
        let _ = SockRef::from(&*self.client).set_linger(Some(Duration::ZERO));
        let _ = SockRef::from(&self.server).set_linger(Some(Duration::ZERO));
        self.shared.lock().open.retain(|stream| !Arc::ptr_eq(stream, &self.client));
        let _ = self.server.shutdown(Shutdown::Both);
        let _ = self.client.shutdown(Shutdown::Read);
    }

    fn pass(&self, mut bytes: &[u8], mut to: &TcpStream) -> io::Result<()> {
        while !bytes.is_empty() {
            let size = self.gate(bytes.len())?;
            to.write_all(&bytes[..size])?;
            bytes = &bytes[size..];
        }
        Ok(())
    }

    /// Waits until bytes may go on; how many of so many. A change of behaviour is noticed at once.
    fn gate(&self, size: usize) -> io::Result<usize> {
        let mut state = self.shared.lock();
        loop {
            if state.closing {
                return Err(io::ErrorKind::ConnectionAborted.into());
            }
            match state.behaviour {
                _ if !self.matching.load(Ordering::Relaxed) => return Ok(size),
                Behaviour::Hold => state = self.shared.changed.wait(state).unwrap(),
                Behaviour::Slow(rate) => {
                    let part = size.min(usize::try_from(rate / 10).unwrap_or(size).max(1));
                    let pause = Duration::from_secs_f64(part as f64 / rate.max(1) as f64);
                    let (now, waited) = self.shared.changed.wait_timeout(state, pause).unwrap();
                    if waited.timed_out() {
                        return Ok(part);
                    }
                    state = now;
                }
                _ => return Ok(size),
            }
        }
    }
}
