//! A receiver of events: keeps what is POSTed and answers with the status that the test wants.

use std::io::BufReader;
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use super::exchange::{answer, RequestHead};

pub struct Hook {
    port: u16,
    state: Arc<Mutex<State>>,
    thread: Option<JoinHandle<()>>,
}

struct State {
    posted: Vec<Posted>,
    /// The answer's status, and the headers that are sent with it.
    status: u16,
    ended: bool,
}

/// One request.
#[derive(Debug, Clone)]
pub struct Posted {
    pub method: String,
    pub path: String,
    headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// The answer that it got.
    pub status: u16,
}

impl Posted {
    /// `name` in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

impl Hook {
    /// Answers 204 until it is told otherwise.
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Arc::new(Mutex::new(State { posted: Vec::new(), status: 204, ended: false }));
        let shared = Arc::clone(&state);
        let thread = std::thread::spawn(move || {
            for client in listener.incoming() {
                if shared.lock().unwrap().ended {
                    break;
                }
                let shared = Arc::clone(&shared);
                // A client that goes away in the middle is its own business.
                std::thread::spawn(move || client.and_then(|client| receive(client, &shared)));
            }
        });
        Self { port, state, thread: Some(thread) }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Answers this from now on.
    pub fn answer(&self, status: u16) {
        self.state.lock().unwrap().status = status;
    }

    /// The requests received so far, refused or not.
    pub fn posted(&self) -> Vec<Posted> {
        self.state.lock().unwrap().posted.clone()
    }
}

impl Drop for Hook {
    fn drop(&mut self) {
        self.state.lock().unwrap().ended = true;
        let _ = TcpStream::connect(("127.0.0.1", self.port));
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn receive(mut client: TcpStream, state: &Mutex<State>) -> std::io::Result<()> {
    let mut from = BufReader::new(client.try_clone()?);
    let Some(head) = RequestHead::read(&mut from)? else { return Ok(()) };
    let mut body = Vec::new();
    head.body(&mut from, |bytes| {
        body.extend_from_slice(bytes);
        Ok(())
    })?;
    let RequestHead { method, target, headers, .. } = head;
    let mut state = state.lock().unwrap();
    let status = state.status;
    state.posted.push(Posted { method, path: target, headers, body, status });
    drop(state);
    answer(&mut client, status, "")
}
