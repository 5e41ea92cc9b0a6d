//! Any bytes at all, sent to a real server over a real socket, against what the parser alone
//! makes of them: the entry point of a test and of a fuzz target. Panics where the two differ.

use std::io::{ErrorKind, Read, Write};
use std::net::Shutdown;
use std::os::fd::AsRawFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use uncork_protocol::Version;
use uncork_server::{Application, Request, RequestBody, Responder, Server, ServerSettings, Trouble};

use super::exchange::{End, exchange_over};

/// How long a busy machine may take for one connection.
const PATIENCE: Duration = Duration::from_secs(20);

/// A server that answers each request with what it got of it.
pub struct Echo {
    path: PathBuf,
    calls: Arc<Mutex<Vec<Call>>>,
    server: Server,
    _listener: UnixListener,
}

/// What the application saw of a request.
#[derive(Debug, PartialEq, Eq)]
struct Call {
    method: Vec<u8>,
    target: Vec<u8>,
    body: Vec<u8>,
}

struct Recorder(Arc<Mutex<Vec<Call>>>);

impl Application for Recorder {
    fn run_thread(&self, body: &mut dyn FnMut()) {
        body();
    }

    fn call(&self, request: Request<'_>, responder: &mut Responder<'_>) {
        let mut body = Vec::new();
        match request.body {
            RequestBody::Whole(whole) => whole.into_reader().unwrap().read(u64::MAX, &mut body).unwrap(),
            RequestBody::Coming => unreachable!("bodies are buffered unless asked otherwise"),
        }
        let call = Call { method: request.head.method().to_vec(), target: request.head.target().to_vec(), body };
        responder.head(b"200 OK", |_| Ok(())).unwrap();
        // One in two bodies in chunks. In HTTP/1.0, a body of unknown length ends the connection,
        // and with it what follows.
        let length = call.body.len() as u64 + call.target.len() as u64;
        let is_known = length % 2 == 0 || request.head.version == Version::Http10;
        responder.begin_body(is_known.then_some(length)).unwrap();
        assert!(responder.gather(&call.target) && responder.gather(&call.body));
        self.0.lock().unwrap().push(call);
        // The peer may have gone away.
        let _ = responder.finish();
    }

    fn on_trouble(&self, trouble: &Trouble) {
        panic!("{trouble}");
    }
}

impl Echo {
    pub fn start() -> Self {
        let path = std::env::temp_dir().join(format!("uncork-echo-{}", std::process::id()));
        // One of an earlier process with the same number may have been left.
        let _ = std::fs::remove_file(&path);
        let listener = UnixListener::bind(&path).unwrap();
        let calls = Arc::new(Mutex::new(Vec::new()));
        let settings = ServerSettings { body_buffer_bytes: 200, ..ServerSettings::default() };
        let server = Server::new(Recorder(Arc::clone(&calls)), &[listener.as_raw_fd()], settings, None, None).unwrap();
        server.start().unwrap();
        Self { path, calls, server, _listener: listener }
    }

    /// Sends `data` in two parts, the first one `cut` bytes long, and holds what the application
    /// saw, and every byte that comes back, to what must come of it.
    pub fn check(&self, data: &[u8], cut: usize) {
        let expected = exchange_over(true, [data]);
        let (answer, is_reset) = self.send(data, cut);
        // What comes behind the last request may come too late to be read.
        let may_reset = expected.end == End::Closed && !expected.rest.is_empty();
        assert!(!is_reset || may_reset, "a reset after {} bytes of an answer", answer.len());
        let calls = std::mem::take(&mut *self.calls.lock().unwrap());
        let wanted: Vec<_> = expected
            .requests
            .iter()
            .map(|seen| Call {
                method: seen.head.method().to_vec(),
                target: seen.head.target().to_vec(),
                body: seen.body.clone(),
            })
            .collect();
        assert_eq!(calls, wanted, "the application saw other requests than were sent");
        let mut rest = &answer[..];
        for (seen, call) in expected.requests.iter().zip(&calls) {
            let body = take_answer(&mut rest, 200, seen.head.is_head());
            let sent = [&call.target[..], &call.body].concat();
            assert_eq!(body, if seen.head.is_head() { Vec::new() } else { sent }, "the answer to {call:?}");
        }
        match expected.end {
            End::Waiting | End::Closed => {}
            End::Cut => drop(take_answer(&mut rest, 400, false)),
            End::Refused(error) => drop(take_answer(&mut rest, error.status, false)),
        }
        assert!(rest.is_empty(), "more than the answers came: {:?}", String::from_utf8_lossy(rest));
    }

    /// What comes back, and whether it ends with a reset.
    fn send(&self, data: &[u8], cut: usize) -> (Vec<u8>, bool) {
        let mut stream = UnixStream::connect(&self.path).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let (first, second) = data.split_at(cut.min(data.len()));
        // The server may have refused and closed before all is written: the answer tells.
        let _ = stream.write_all(first).and_then(|()| stream.write_all(second));
        let _ = stream.shutdown(Shutdown::Write);
        let mut answer = Vec::new();
        match stream.read_to_end(&mut answer) {
            Err(error) if error.kind() == ErrorKind::ConnectionReset => (answer, true),
            result => {
                result.expect("an answer that ends in time");
                (answer, false)
            }
        }
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        self.server.stop();
        assert!(self.server.join(PATIENCE), "the server did not end");
        // It is only a name.
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Takes one answer off `rest`, interim ones before it included, and returns its body.
fn take_answer(rest: &mut &[u8], status: u16, is_to_head: bool) -> Vec<u8> {
    loop {
        let end = rest.windows(4).position(|bytes| bytes == b"\r\n\r\n").expect("a head that ends");
        let head = String::from_utf8(rest[..end].to_vec()).expect("a head of ASCII");
        *rest = &rest[end + 4..];
        let mut lines = head.split("\r\n");
        let first = lines.next().expect("a status line");
        if first == "HTTP/1.1 100 Continue" {
            continue;
        }
        assert!(first.starts_with(&format!("HTTP/1.1 {status} ")), "{first} instead of {status}");
        let fields: Vec<_> = lines.map(|line| line.split_once(": ").expect("a field")).collect();
        let value = |name: &str| fields.iter().find(|(other, _)| *other == name).map(|(_, value)| *value);
        return match (is_to_head, value("Content-Length"), value("Transfer-Encoding")) {
            (true, ..) => Vec::new(),
            (false, Some(length), None) => take(rest, length.parse().expect("a length")).to_vec(),
            (false, None, Some("chunked")) => take_chunks(rest),
            // Until the connection's end.
            (false, None, None) => take(rest, rest.len()).to_vec(),
            (_, length, coding) => panic!("no framing: {length:?} {coding:?}"),
        };
    }
}

fn take_chunks(rest: &mut &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    loop {
        let end = rest.windows(2).position(|bytes| bytes == b"\r\n").expect("a chunk's size");
        let digits = std::str::from_utf8(take(rest, end)).expect("a size of ASCII");
        let size = usize::from_str_radix(digits, 16).expect("a size");
        take(rest, 2);
        body.extend_from_slice(take(rest, size));
        assert_eq!(take(rest, 2), b"\r\n", "a chunk's end");
        if size == 0 {
            return body;
        }
    }
}

fn take<'a>(rest: &mut &'a [u8], length: usize) -> &'a [u8] {
    assert!(length <= rest.len(), "the answer ends early");
    let (taken, behind) = rest.split_at(length);
    *rest = behind;
    taken
}
