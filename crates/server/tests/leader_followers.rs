//! A real server with a Rust application, seen from its sockets.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use uncork_server::{Application, Request, RequestBody, Responder, Server, ServerSettings, Trouble};

/// How long a test waits for what must happen.
const DEADLINE: Duration = Duration::from_secs(8);

/// A door that calls of `/wait` stand before until it is opened.
#[derive(Default)]
struct Door {
    is_open: Mutex<bool>,
    opened: Condvar,
}

impl Door {
    fn open(&self) {
        *self.is_open.lock().unwrap() = true;
        self.opened.notify_all();
    }

    fn pass(&self) {
        let guard = self.is_open.lock().unwrap();
        let (_guard, result) = self.opened.wait_timeout_while(guard, DEADLINE, |is_open| !*is_open).unwrap();
        assert!(!result.timed_out(), "the door was never opened");
    }
}

struct TestApplication {
    door: Arc<Door>,
    entered: Sender<()>,
    most_inside: Arc<AtomicUsize>,
    inside: AtomicUsize,
}

impl Application for TestApplication {
    fn run_thread(&self, body: &mut dyn FnMut()) {
        body();
    }

    fn call(&self, request: Request<'_>, responder: &mut Responder<'_>) {
        let inside = self.inside.fetch_add(1, Ordering::SeqCst) + 1;
        self.most_inside.fetch_max(inside, Ordering::SeqCst);
        match request.head.path() {
            b"/wait" => {
                self.entered.send(()).unwrap();
                self.door.pass();
            }
            b"/spin" => {
                let start = Instant::now();
                while start.elapsed() < Duration::from_millis(2) {
                    std::hint::spin_loop();
                }
            }
            b"/panic" => panic!("as asked"),
            _ => {}
        }
        self.inside.fetch_sub(1, Ordering::SeqCst);
        let mut body = request.head.target().to_vec();
        let RequestBody::Whole(received) = request.body else {
            panic!("bodies are received whole by default");
        };
        let length = body.len() as u64 + received.len();
        received.into_reader().unwrap().read(u64::MAX, &mut body).unwrap();
        responder.head(b"200 OK", |_| Ok(())).unwrap();
        responder.begin_body(Some(length)).unwrap();
        assert!(responder.gather(&body));
        // A test may have gone away; the answer is its to miss.
        let _ = responder.finish();
    }

    fn on_trouble(&self, trouble: &Trouble) {
        panic!("{trouble}");
    }
}

struct Running {
    server: Server,
    listener: TcpListener,
    address: SocketAddr,
    door: Arc<Door>,
    entered: Receiver<()>,
    most_inside: Arc<AtomicUsize>,
}

impl Running {
    fn start(settings: ServerSettings) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (entered_sender, entered) = channel();
        let (door, most_inside) = (Arc::new(Door::default()), Arc::new(AtomicUsize::new(0)));
        let application = TestApplication {
            door: Arc::clone(&door),
            entered: entered_sender,
            most_inside: Arc::clone(&most_inside),
            inside: AtomicUsize::new(0),
        };
        let server = Server::new(application, &[listener.as_raw_fd()], settings, None, None).unwrap();
        server.start().unwrap();
        Self { server, address: listener.local_addr().unwrap(), listener, door, entered, most_inside }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        stream
    }

    fn send(&self, target: &str) -> TcpStream {
        let mut stream = self.connect();
        stream.write_all(format!("GET {target} HTTP/1.1\r\nHost: h\r\n\r\n").as_bytes()).unwrap();
        stream
    }

    fn wait_for_calls(&self, count: usize) {
        for _ in 0..count {
            self.entered.recv_timeout(DEADLINE).expect("the application was not called");
        }
    }

    fn end(self) {
        self.door.open();
        self.server.drain();
        assert!(self.server.join(DEADLINE), "the server did not end");
        drop(self.listener);
    }
}

/// Reads one answer with a Content-Length; returns its status and its body.
fn answer(stream: &mut TcpStream) -> (u16, String) {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).expect("an answer");
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).unwrap();
    let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: ")).unwrap().parse().unwrap();
    let mut body = vec![0; length];
    stream.read_exact(&mut body).unwrap();
    (head[9..12].parse().unwrap(), String::from_utf8(body).unwrap())
}

#[test]
fn a_call_that_is_held_up_does_not_hold_up_the_others() {
    let running = Running::start(ServerSettings::default());
    let mut slow = running.send("/wait");
    running.wait_for_calls(1);
    for _ in 0..20 {
        assert_eq!(answer(&mut running.send("/fast")), (200, "/fast".to_owned()));
    }
    running.door.open();
    assert_eq!(answer(&mut slow), (200, "/wait".to_owned()));
    running.end();
}

#[test]
fn threads_are_started_as_they_are_needed_and_no_further() {
    let settings = ServerSettings { max_threads: 3, ..ServerSettings::default() };
    let running = Running::start(settings);
    let mut waiting: Vec<_> = (0..5).map(|_| running.send("/wait")).collect();
    running.wait_for_calls(3);
    assert_eq!(running.most_inside.load(Ordering::SeqCst), 3);
    running.door.open();
    for stream in &mut waiting {
        assert_eq!(answer(stream), (200, "/wait".to_owned()));
    }
    assert_eq!(running.most_inside.load(Ordering::SeqCst), 3);
    running.end();
}

#[test]
fn with_every_thread_busy_the_loop_still_refuses_what_is_wrong_and_what_is_too_much() {
    let settings = ServerSettings { max_threads: 1, max_queue: 1, ..ServerSettings::default() };
    let running = Running::start(settings);
    let mut busy = running.send("/wait");
    running.wait_for_calls(1);
    let mut bad = running.connect();
    bad.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
    assert_eq!(answer(&mut bad).0, 400);
    let mut queued = running.send("/queued");
    // The queue's one place is taken as soon as a further request is refused.
    let mut over = loop {
        let more = running.send("/over");
        more.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
        if more.peek(&mut [0]).is_ok() {
            break more;
        }
    };
    assert_eq!(answer(&mut over).0, 503);
    running.door.open();
    assert_eq!(answer(&mut busy), (200, "/wait".to_owned()));
    let queued = answer(&mut queued);
    assert!(queued.0 == 200 || queued.0 == 503, "{queued:?}");
    running.end();
}

#[test]
fn pipelined_requests_are_answered_in_order_across_a_stall() {
    let running = Running::start(ServerSettings::default());
    let mut stream = running.connect();
    let one = |target: &str| format!("POST {target} HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n!?");
    let targets = ["/a", "/spin", "/b", "/wait", "/c", "/d"];
    stream.write_all(targets.map(one).concat().as_bytes()).unwrap();
    for target in &targets[..3] {
        assert_eq!(answer(&mut stream), (200, format!("{target}!?")));
    }
    running.wait_for_calls(1);
    stream.write_all(one("/e").as_bytes()).unwrap();
    assert_eq!(answer(&mut running.send("/other")).0, 200);
    running.door.open();
    for target in ["/wait", "/c", "/d", "/e"] {
        assert_eq!(answer(&mut stream), (200, format!("{target}!?")));
    }
    running.end();
}

#[test]
fn draining_finishes_what_runs_and_closes_what_is_idle() {
    let running = Running::start(ServerSettings::default());
    let mut idle = running.send("/fast");
    assert_eq!(answer(&mut idle).0, 200);
    let mut busy = running.send("/wait");
    running.wait_for_calls(1);
    running.server.drain();
    assert_eq!(idle.read(&mut [0]).unwrap(), 0, "the idle connection is closed");
    assert!(!running.server.join(Duration::ZERO));
    running.door.open();
    assert_eq!(answer(&mut busy), (200, "/wait".to_owned()));
    assert_eq!(busy.read(&mut [0]).unwrap(), 0);
    assert!(TcpStream::connect(running.address).is_ok(), "the socket itself is its owner's");
    running.end();
}

#[test]
fn a_connection_that_was_busy_until_the_drain_has_one_more_request_answered() {
    let running = Running::start(ServerSettings::default());
    let mut peer = running.send("/fast");
    assert_eq!(answer(&mut peer).0, 200);
    running.server.drain();
    assert!(!running.server.join(Duration::from_millis(50)), "it waits for what may be on its way");
    peer.write_all(b"GET /fast HTTP/1.1\r\nHost: h\r\n\r\n").unwrap();
    assert_eq!(answer(&mut peer).0, 200);
    assert_eq!(peer.read(&mut [0]).unwrap(), 0, "and that was the last");
    running.end();
}

#[test]
fn stopping_does_not_wait_for_idle_or_unfinished_connections() {
    let running = Running::start(ServerSettings::default());
    let mut half = running.connect();
    half.write_all(b"GET / HT").unwrap();
    assert_eq!(answer(&mut running.send("/fast")).0, 200);
    running.server.stop();
    assert!(running.server.join(DEADLINE));
    assert_eq!(half.read(&mut [0]).unwrap_or(0), 0);
}

#[test]
fn a_panic_in_the_application_is_answered_and_costs_one_request() {
    let running = Running::start(ServerSettings::default());
    assert_eq!(answer(&mut running.send("/panic")).0, 500);
    assert_eq!(answer(&mut running.send("/fast")).0, 200);
    running.end();
}

#[test]
fn timeouts_end_what_does_not_go_on() {
    let settings = ServerSettings {
        head_timeout: Duration::from_millis(80),
        body_timeout: Duration::from_millis(80),
        keep_alive: Duration::from_millis(80),
        ..ServerSettings::default()
    };
    let running = Running::start(settings);
    let mut silent = running.connect();
    assert_eq!(silent.read(&mut [0]).unwrap(), 0, "a silent connection is closed without a word");
    let mut half_head = running.connect();
    half_head.write_all(b"GET / HT").unwrap();
    assert_eq!(answer(&mut half_head).0, 408);
    let mut half_body = running.connect();
    half_body.write_all(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nabc").unwrap();
    assert_eq!(answer(&mut half_body).0, 408);
    let mut idle = running.send("/fast");
    assert_eq!(answer(&mut idle).0, 200);
    assert_eq!(idle.read(&mut [0]).unwrap(), 0);
    running.end();
}

#[test]
fn a_body_that_dribbles_is_cut_off_and_one_that_flows_is_not() {
    let settings =
        ServerSettings { body_timeout: Duration::from_millis(150), min_rate: 100, ..ServerSettings::default() };
    let running = Running::start(settings);
    let send = |pieces: usize, piece: &str| {
        let mut stream = running.connect();
        let length = pieces * piece.len();
        stream.write_all(format!("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: {length}\r\n\r\n").as_bytes()).unwrap();
        stream.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
        for _ in 0..pieces {
            // The pause is the peek: it ends early when the server has had enough.
            if stream.write_all(piece.as_bytes()).is_err() || stream.peek(&mut [0]).is_ok() {
                break;
            }
        }
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        answer(&mut stream).0
    };
    assert_eq!(send(200, "x"), 408);
    assert_eq!(send(20, "a piece that is long enough"), 200);
    running.end();
}

#[test]
fn a_connection_serves_so_many_requests_and_no_more() {
    let running = Running::start(ServerSettings { keep_alive_requests: Some(2), ..ServerSettings::default() });
    let mut stream = running.connect();
    for _ in 0..2 {
        stream.write_all(b"GET /fast HTTP/1.1\r\nHost: h\r\n\r\n").unwrap();
        assert_eq!(answer(&mut stream).0, 200);
    }
    assert_eq!(stream.read(&mut [0]).unwrap(), 0);
    running.end();
}

#[test]
fn idle_connections_make_room_for_new_ones() {
    let running = Running::start(ServerSettings { max_connections: 4, ..ServerSettings::default() });
    let mut idle: Vec<_> = (0..4).map(|_| running.send("/fast")).collect();
    for stream in &mut idle {
        assert_eq!(answer(stream).0, 200);
    }
    assert_eq!(answer(&mut running.send("/fast")).0, 200);
    assert_eq!(idle[0].read(&mut [0]).unwrap(), 0, "the longest idle one is closed");
    running.end();
}

#[test]
fn a_connection_that_was_just_made_is_not_the_longest_idle_one() {
    let running = Running::start(ServerSettings { max_connections: 40, ..ServerSettings::default() });
    let mut old: Vec<_> = (0..36).map(|_| running.send("/fast")).collect();
    for stream in &mut old {
        assert_eq!(answer(stream).0, 200);
    }
    // As many as are closed at once, less the room that there is: none of them has said a word.
    let mut young: Vec<_> = (0..8).map(|_| running.connect()).collect();
    for stream in &mut young {
        stream.write_all(b"GET /fast HTTP/1.1\r\nHost: h\r\n\r\n").unwrap();
        assert_eq!(answer(stream).0, 200);
    }
    running.end();
}

#[test]
fn a_request_that_waits_too_long_is_refused_while_all_threads_are_busy() {
    let settings =
        ServerSettings { max_threads: 1, queue_timeout: Duration::from_millis(50), ..ServerSettings::default() };
    let running = Running::start(settings);
    let mut busy = running.send("/wait");
    running.wait_for_calls(1);
    assert_eq!(answer(&mut running.send("/late")).0, 503);
    running.door.open();
    assert_eq!(answer(&mut busy).0, 200);
    running.end();
}

#[test]
fn without_keep_alive_and_without_a_queue_requests_are_still_served() {
    let settings = ServerSettings { keep_alive: Duration::ZERO, max_queue: 0, ..ServerSettings::default() };
    let running = Running::start(settings);
    let mut stream = running.send("/fast");
    assert_eq!(answer(&mut stream).0, 200);
    assert_eq!(stream.read(&mut [0]).unwrap(), 0);
    running.end();
}

#[test]
fn fast_slow_and_spinning_clients_all_get_their_own_answers() {
    let settings = ServerSettings { max_threads: 4, ..ServerSettings::default() };
    let running = Running::start(settings);
    running.door.open();
    std::thread::scope(|scope| {
        for client in 0..16 {
            let mut stream = running.connect();
            scope.spawn(move || {
                for turn in 0..60 {
                    let path = ["/fast", "/spin", "/fast", "/wait"][(client + turn) % 4];
                    let target = format!("{path}?{client}-{turn}");
                    let body = "x".repeat(turn * 50);
                    let head = format!("POST {target} HTTP/1.1\r\nHost: h\r\nContent-Length: {}\r\n\r\n", body.len());
                    stream.write_all(head.as_bytes()).unwrap();
                    stream.write_all(body.as_bytes()).unwrap();
                    assert_eq!(answer(&mut stream), (200, format!("{target}{body}")));
                }
            });
        }
    });
    running.end();
}

#[test]
fn a_call_that_is_over_its_time_is_answered_and_its_thread_replaced_until_it_comes_back() {
    let limits = vec![("/wait".to_owned(), Some(Duration::from_millis(50)))];
    let settings = ServerSettings { max_threads: 1, request_timeouts: limits, ..ServerSettings::default() };
    let running = Running::start(settings);
    let mut late = running.send("/wait");
    running.wait_for_calls(1);
    assert_eq!(answer(&mut late).0, 504);
    assert_eq!(late.read(&mut [0]).unwrap(), 0, "the connection goes on");
    assert_eq!(answer(&mut running.send("/other")), (200, "/other".to_owned()));
    assert!(running.server.has_late_threads());
    running.door.open();
    let deadline = Instant::now() + DEADLINE;
    while running.server.has_late_threads() {
        assert!(Instant::now() < deadline, "the thread did not come back");
        std::thread::yield_now();
    }
    assert_eq!(answer(&mut running.send("/again")), (200, "/again".to_owned()));
    running.end();
}

#[test]
fn a_drain_does_not_wait_for_a_call_that_is_over_its_time() {
    let settings = ServerSettings { request_timeout: Some(Duration::from_millis(50)), ..ServerSettings::default() };
    let running = Running::start(settings);
    let mut late = running.send("/wait");
    assert_eq!(answer(&mut late).0, 504);
    drop(late);
    running.server.drain();
    assert!(running.server.join(DEADLINE), "the server did not end");
    assert!(running.server.has_late_threads());
    running.end();
}
