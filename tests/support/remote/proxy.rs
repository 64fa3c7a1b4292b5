//! The way to a server, as bad as a test wants it: refused, reset in the middle, slow, held, or with answers that the
//! server never gave. What passes does so unchanged, so that signatures hold: the client talks to the proxy's address.

mod relay;

use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::JoinHandle;

use super::{free_port, LIMIT};
use crate::common::wait_until;

/// The behaviour towards connections, from [`Proxy::set`] on; open ones included.
#[derive(Debug, Clone, PartialEq)]
pub enum Behaviour {
    Pass,
    /// Nobody listens, and what is open ends.
    Refuse,
    /// A request is cut off by RST once so many bytes of its body went by (without HTTP: so many bytes of the client's),
    /// `times` times; then all passes.
    ResetAfter {
        bytes: u64,
        times: u32,
    },
    /// A request reaches the server, and instead of the answer comes RST, `times` times; then all passes.
    LoseAnswer {
        times: u32,
    },
    /// A request is read and answered in the server's stead, `times` times; then all passes.
    Answer {
        status: u16,
        body: String,
        times: u32,
    },
    /// So many bytes a second, in each direction of each connection.
    Slow(u64),
    /// Nothing moves until another behaviour is set.
    Hold,
}

impl Behaviour {
    /// As S3 answers with an error.
    pub fn s3_error(status: u16, code: &str, times: u32) -> Self {
        let body = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Error><Code>{code}</Code><Message>told by the proxy\
             </Message><RequestId>0</RequestId></Error>"
        );
        Self::Answer { status, body, times }
    }

    pub fn answer(status: u16, times: u32) -> Self {
        Self::Answer { status, body: String::new(), times }
    }

    /// The remaining number of times, of a behaviour that ends by itself.
    fn times(&mut self) -> Option<&mut u32> {
        match self {
            Self::ResetAfter { times, .. } | Self::LoseAnswer { times } | Self::Answer { times, .. } => {
                Some(times)
            }
            _ => None,
        }
    }
}

pub struct Proxy {
    port: u16,
    shared: Arc<Shared>,
    listening: Mutex<Option<JoinHandle<()>>>,
}

struct Shared {
    target: String,
    http: bool,
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    behaviour: Behaviour,
    /// Method, and a part of path and query, of the requests that it is for.
    only: Option<(String, String)>,
    closing: bool,
    connections: usize,
    requests: Vec<(String, String)>,
    open: Vec<Arc<TcpStream>>,
}

impl Proxy {
    /// In front of an HTTP server at `address:port`, whose requests it sees one by one.
    pub fn http(target: &str) -> Self {
        Self::start(target, true)
    }

    /// In front of any server: SMTP, or whatever speaks TLS.
    pub fn bytes(target: &str) -> Self {
        Self::start(target, false)
    }

    fn start(target: &str, http: bool) -> Self {
        let state = State {
            behaviour: Behaviour::Pass,
            only: None,
            closing: false,
            connections: 0,
            requests: Vec::new(),
            open: Vec::new(),
        };
        let shared =
            Shared { target: target.to_owned(), http, state: Mutex::new(state), changed: Condvar::new() };
        let proxy = Self { port: free_port(), shared: Arc::new(shared), listening: Mutex::new(None) };
        proxy.listen();
        proxy
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub fn set(&self, behaviour: Behaviour) {
        self.become_(None, behaviour);
    }

    /// For requests with this method and with this in path or query; all others pass.
    pub fn set_for(&self, method: &str, part: &str, behaviour: Behaviour) {
        assert!(self.shared.http && behaviour != Behaviour::Refuse, "no request is seen");
        self.become_(Some((method.to_owned(), part.to_owned())), behaviour);
    }

    fn become_(&self, only: Option<(String, String)>, behaviour: Behaviour) {
        let refuse = behaviour == Behaviour::Refuse;
        let mut state = self.shared.lock();
        (state.behaviour, state.only) = (behaviour, only);
        drop(state);
        self.shared.changed.notify_all();
        if refuse {
            self.close();
        } else {
            self.listen();
        }
    }

    /// True if a behaviour that ends by itself has happened as often as it was to.
    pub fn is_over(&self) -> bool {
        self.shared.lock().behaviour == Behaviour::Pass
    }

    /// Accepted so far.
    pub fn connections(&self) -> usize {
        self.shared.lock().connections
    }

    /// Method, and path with query, of the requests so far.
    pub fn requests(&self) -> Vec<(String, String)> {
        self.shared.lock().requests.clone()
    }

    /// The number of requests that had this method and this text in path or query.
    pub fn count(&self, method: &str, part: &str) -> usize {
        self.requests().iter().filter(|(of, target)| of == method && target.contains(part)).count()
    }

    fn listen(&self) {
        let mut listening = self.listening.lock().unwrap();
        if listening.is_some() {
            return;
        }
        // Whoever else has just tried whether the port is free has it for a moment.
        let mut listener = None;
        wait_until(LIMIT, "the proxy's port is free", || {
            listener = TcpListener::bind(("127.0.0.1", self.port)).ok();
            listener.is_some()
        });
        let listener = listener.unwrap();
        self.shared.lock().closing = false;
        let shared = Arc::clone(&self.shared);
        *listening = Some(std::thread::spawn(move || shared.accept(&listener)));
    }

    fn close(&self) {
        let Some(thread) = self.listening.lock().unwrap().take() else { return };
        self.shared.lock().closing = true;
        self.shared.changed.notify_all();
        let _ = TcpStream::connect(("127.0.0.1", self.port)); // it waits in accept
        let _ = thread.join();
        for stream in self.shared.lock().open.drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.lock().behaviour = Behaviour::Refuse;
        self.close();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    fn accept(self: Arc<Self>, listener: &TcpListener) {
        for client in listener.incoming() {
            let mut state = self.lock();
            if state.closing {
                return;
            }
            let Ok(client) = client else { continue };
            state.connections += 1;
            let client = Arc::new(client);
            state.open.retain(|stream| Arc::strong_count(stream) > 1);
            state.open.push(Arc::clone(&client));
            drop(state);
            let shared = Arc::clone(&self);
            std::thread::spawn(move || shared.serve(client));
        }
    }

    /// Takes one turn of a behaviour that ends by itself, if it is this one now.
    fn turn<T>(&self, matching: bool, wanted: impl Fn(&Behaviour) -> Option<T>) -> Option<T> {
        let mut state = self.lock();
        let found = wanted(&state.behaviour).filter(|_| matching)?;
        if let Some(times) = state.behaviour.times() {
            *times -= 1;
            if *times == 0 {
                state.behaviour = Behaviour::Pass;
            }
        }
        Some(found)
    }
}
