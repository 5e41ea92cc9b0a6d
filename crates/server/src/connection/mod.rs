//! One peer, from one request to the next: what came in, what is awaited, and until when.
//!
//! A connection does not know the event loop: it is told what the kernel said, and answers
//! what became of it. How a request is put together, `receiving` knows.

mod receiving;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use uncork_protocol::http1::{BodyDecoder, HeadScanner, peer_error_response};
use uncork_protocol::{HeadBuffers, PeerError, RequestHead};

use crate::access_log::{Asked, Entry};
use crate::app::RequestBody;
use crate::body_buffer::BodyBuffer;
use crate::body_stream::{BodyStream, Unread};
use crate::date::DateCache;
use crate::late_calls::{Taken, nanoseconds};
use crate::listener::ListenerInfo;
use crate::logging::{Answered, CLIENT_GONE, Logging};
use crate::request_id::RequestId;
use crate::responder::AnswerFacts;
use crate::scoreboard::{Outcome, ScoreboardRow};
use crate::settings::ServerSettings;
use crate::slots::{News, SlotKey};
use crate::transport::{Flush, Transport, Urgency};
use crate::trouble::{Trouble, Troubles};

/// How long a peer may go on sending behind the last answer before the connection is cut, and
/// how long it may pause meanwhile. It is given time to send everything and to read the answer,
/// which a reset would take from it (RFC 9112 §9.6). nginx's `lingering_time` and
/// `lingering_timeout` are the same.
const LINGER: Duration = Duration::from_secs(30);
const LINGER_PAUSE: Duration = Duration::from_secs(5);

/// Bytes read from one peer before others have their turn.
const BYTES_AT_ONCE: usize = 1024 * 1024;

/// What a peer waits for that has announced a body (RFC 9110 §10.1.1).
pub(crate) const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// Who is at the two ends of a connection.
#[derive(Debug, Clone)]
pub struct ConnectionInfo {
    /// `None` on a unix socket.
    pub peer: Option<SocketAddr>,
    pub listener: Arc<ListenerInfo>,
}

/// One accepted socket and where its peer and we are in the exchange.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) key: SlotKey,
    pub(crate) info: ConnectionInfo,
    pub(crate) transport: Transport,
    /// When to give up waiting.
    pub(crate) deadline: Instant,
    /// Since when it has been waited.
    pub(crate) waiting_since: Instant,
    /// Requests that were complete.
    pub(crate) requests: u64,
    /// Bytes of a body that the peer has sent since the deadline was set.
    progress: u64,
    /// Bytes of an answer that the peer had not got when the deadline was set.
    untaken: u64,
    /// Whether it could go on, and only lets others have their turn.
    pub(crate) wants_turn: bool,
    /// Whether the socket may hold more than was read: the kernel tells of it once only, and the
    /// reading stops when a request is complete.
    may_have_unread: bool,
    /// Whether the kernel said that the peer has ended its side. Then only reading to the very
    /// end shows that it is reached.
    has_ended: bool,
    /// Bytes that came and belong to a head that is not complete, or to a later request.
    pub(crate) input: Vec<u8>,
    /// The body of the request that is with the application, where that reads it itself.
    pub(crate) coming: Option<Box<BodyStream>>,
    /// The answer that is to be logged when its peer has got it.
    unlogged: Option<Answered>,
    /// The head of a request that is spoken of when it is in no phase any more.
    parted_head: Option<Box<RequestHead>>,
    phase: Phase,
}

#[derive(Debug)]
enum Phase {
    /// Waiting for a request, or for the rest of its head.
    Head(HeadScanner),
    /// Waiting for the rest of a body.
    Body(Box<Receiving>),
    /// A request waits for a thread, or is with the application.
    Serving(ReadyRequest),
    /// Waiting for the peer to take the rest of an answer.
    Flushing { then: After },
    /// Waiting for the rest of a body that the application has left.
    PassingOver(Box<BodyStream>),
    /// Our side has ended; reading on so that the peer gets to see the answer.
    Lingering { until: Instant },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum After {
    NextRequest,
    Close,
    Linger,
}

#[derive(Debug)]
struct Receiving {
    head: RequestHead,
    decoder: BodyDecoder,
    body: BodyBuffer,
    /// Whether the peer is still to be told to go on (RFC 9110 §10.1.1).
    owes_continue: bool,
}

#[derive(Debug)]
struct ReadyRequest {
    head: RequestHead,
    /// What was received before the application is called.
    body: BodyBuffer,
}

/// A request, and what answering it takes.
pub(crate) struct Serving<'a> {
    pub(crate) key: SlotKey,
    pub(crate) head: &'a RequestHead,
    pub(crate) body: RequestBody,
    /// The body, where the application reads it itself.
    pub(crate) coming: Option<&'a mut BodyStream>,
    pub(crate) info: &'a ConnectionInfo,
    pub(crate) transport: &'a mut Transport,
    /// Bytes that came behind the request.
    pub(crate) input: &'a mut Vec<u8>,
}

/// What became of a connection.
#[derive(Debug)]
pub(crate) enum Progress {
    /// It waits for the kernel, until its deadline.
    Waiting,
    /// It has a request for the application: see `serving`.
    Ready,
    /// It is over.
    Over,
}

/// What a connection needs of the loop that drives it.
pub(crate) struct Surroundings<'a> {
    pub(crate) settings: &'a ServerSettings,
    pub(crate) scratch: &'a mut [u8],
    /// What the last head was kept in, if it is not needed any more.
    pub(crate) spare: &'a mut HeadBuffers,
    pub(crate) date: &'a mut DateCache,
    pub(crate) troubles: &'a mut Troubles,
    pub(crate) row: &'a ScoreboardRow,
    pub(crate) logging: &'a Logging,
    pub(crate) now: Instant,
    pub(crate) is_draining: bool,
}

impl Connection {
    /// A connection that was accepted `now`, and whose first request is due within `timeout`.
    pub(crate) fn new(
        key: SlotKey,
        info: ConnectionInfo,
        transport: Transport,
        now: Instant,
        timeout: Duration,
    ) -> Self {
        Self {
            key,
            info,
            transport,
            deadline: now + timeout,
            waiting_since: now,
            requests: 0,
            progress: 0,
            untaken: 0,
            wants_turn: false,
            may_have_unread: false,
            has_ended: false,
            input: Vec::new(),
            coming: None,
            unlogged: None,
            parted_head: None,
            phase: Phase::Head(HeadScanner::default()),
        }
    }

    /// Whether nothing is under way, so that closing it loses nothing. Empty lines, which old
    /// clients send behind a body, are nothing (RFC 9112 §2.2).
    pub(crate) fn is_idle(&self) -> bool {
        matches!(self.phase, Phase::Head(_)) && self.input.iter().all(|byte| matches!(byte, b'\r' | b'\n'))
    }

    /// Acts on what the kernel said.
    pub(crate) fn on_news(&mut self, news: News, around: &mut Surroundings<'_>) -> Progress {
        self.may_have_unread |= news.is_readable || news.is_ended;
        self.has_ended |= news.is_ended;
        match self.phase {
            Phase::Flushing { then } => self.go_on_flushing(then, around),
            Phase::Lingering { until } => self.go_on_lingering(until, around),
            Phase::Head(_) | Phase::Body(_) | Phase::PassingOver(_) => self.receive(around),
            Phase::Serving(_) => Progress::Waiting,
        }
    }

    /// Acts on a deadline that has passed.
    pub(crate) fn on_timeout(&mut self, around: &mut Surroundings<'_>) -> Progress {
        match self.phase {
            Phase::Head(_) if self.is_idle() => self.part(),
            Phase::Head(_) | Phase::Body(_) => {
                let timeout = PeerError::new(408, "the request took too long to arrive (RFC 9110 §15.5.9)");
                self.refuse(&timeout, around)
            }
            Phase::Flushing { then } => {
                let untaken = self.transport.untaken();
                let timeout = around.settings.write_timeout;
                if self.untaken.saturating_sub(untaken) < around.settings.least_progress(timeout).max(1) {
                    return Progress::Over;
                }
                self.untaken = untaken;
                self.wait_for(timeout, around);
                self.go_on_flushing(then, around)
            }
            Phase::PassingOver(_) | Phase::Lingering { .. } => Progress::Over,
            Phase::Serving(_) => Progress::Waiting,
        }
    }

    /// The request that `Progress::Ready` spoke of. Its body is given away once.
    pub(crate) fn serving(&mut self) -> Option<Serving<'_>> {
        let Self { key, info, transport, input, coming, phase: Phase::Serving(request), .. } = self else {
            return None;
        };
        let coming = coming.as_deref_mut();
        let body = match &coming {
            Some(_) => RequestBody::Coming,
            None => RequestBody::Whole(std::mem::take(&mut request.body)),
        };
        Some(Serving { key: *key, head: &request.head, body, coming, info, transport, input })
    }

    /// Goes on after the application's answer.
    pub(crate) fn after_answer(&mut self, answered: Answered, around: &mut Surroundings<'_>) -> Progress {
        let Phase::Serving(ReadyRequest { head, .. }) = &self.phase else {
            return Progress::Over;
        };
        let closes_unasked = head.wants_keep_alive;
        if around.logging.access_log.is_some() {
            self.unlogged = Some(answered);
        }
        let is_body_left = self.take_up_body();
        let then = match answered.facts.keeps_alive {
            None => return Progress::Over,
            Some(true) if !is_body_left || self.coming.is_some() => After::NextRequest,
            // Who asked for the close hardly sends more, and mostly needs no lingering.
            Some(false) if !closes_unasked && self.input.is_empty() && !is_body_left => After::Close,
            Some(_) => After::Linger,
        };
        self.go_on_flushing(then, around)
    }

    /// Sees what the application has left of a body that it could read; `true` if anything. Where
    /// that can be passed over, it stays.
    fn take_up_body(&mut self) -> bool {
        let Some(body) = self.coming.take() else {
            return false;
        };
        // Only who has read the socket knows, and that was not the loop.
        self.may_have_unread = true;
        match body.leave() {
            Unread::Nothing(rest) => {
                self.input = rest;
                return false;
            }
            Unread::Some(body) => self.coming = Some(body),
            Unread::TooMuch => {}
        }
        true
    }

    /// Tells the peer that the call from which this connection was taken was late, or breaks the
    /// answer off where a part of it was sent.
    pub(crate) fn end_late_call(&mut self, taken: &Taken, around: &mut Surroundings<'_>) -> Progress {
        let (head, age_ns) = (&taken.call.head, nanoseconds(taken.call.age));
        // It is logged when it is known what the peer has taken.
        let unlogged = |facts| around.logging.access_log.as_ref().map(|_| Answered { facts, ..taken.answered });
        let part_head = || Some(Box::new(head.clone()));
        if taken.call.is_sent {
            self.unlogged = unlogged(taken.answered.facts);
            self.parted_head = part_head();
            around.row.note_late(Outcome::Aborted, 0, age_ns);
            if taken.ends_with_connection {
                self.transport.reset_at_close();
            }
            return Progress::Over;
        }
        let error = PeerError::new(504, "the application took too long (RFC 9110 §15.6.5)");
        let id = taken.call.id.or_else(|| around.logging.name(Some(head)));
        let mut answer = Vec::new();
        let length = write_refusal(&mut answer, &error, head.is_head(), id, around);
        let facts = AnswerFacts { keeps_alive: None, status: error.status, body_bytes: length as u64, is_whole: true };
        self.unlogged = unlogged(facts);
        self.parted_head = part_head();
        around.row.note_late(Outcome::Status(error.status), answer.len(), age_ns);
        self.send_away(&answer, around)
    }

    /// Answers a request that the application is not to see.
    pub(crate) fn refuse(&mut self, error: &PeerError, around: &mut Surroundings<'_>) -> Progress {
        // Its room is free again before the peer knows, and tries again.
        if let Phase::Body(receiving) = &mut self.phase {
            receiving.body = BodyBuffer::default();
        }
        let mut answer = Vec::new();
        let id = around.logging.name(self.asked().head());
        let length = write_refusal(&mut answer, error, false, id, around);
        around.row.note_refusal(error.status, answer.len());
        let trouble = self.log_refusal(error.status, length as u64, id, around);
        around.troubles.tell(trouble);
        self.parted_head = None;
        self.send_away(&answer, around)
    }

    fn send_away(&mut self, answer: &[u8], around: &mut Surroundings<'_>) -> Progress {
        if self.transport.send_or_keep([answer, b"", b""], Urgency::Now).is_err() {
            return Progress::Over;
        }
        self.input = Vec::new();
        self.coming = None;
        self.go_on_flushing(After::Linger, around)
    }

    /// What is known of what the peer asked for.
    fn asked(&self) -> Asked<'_> {
        match (&self.parted_head, &self.phase) {
            (Some(head), _) => Asked::Head(head),
            (None, Phase::Body(receiving)) => Asked::Head(&receiving.head),
            (None, Phase::Serving(request)) => Asked::Head(&request.head),
            (None, _) => Asked::Bytes(&self.input),
        }
    }

    fn log_refusal(
        &self,
        status: u16,
        body_bytes: u64,
        id: Option<RequestId<'_>>,
        around: &Surroundings<'_>,
    ) -> Option<Trouble> {
        around.logging.access_log.as_ref()?.push(&Entry {
            asked: self.asked(),
            info: &self.info,
            status,
            body_bytes,
            is_aborted: status == CLIENT_GONE,
            arrived_ns: around.row.ns(self.waiting_since),
            called_ns: 0,
            ended_ns: around.row.ns(around.now),
            id,
        })
    }

    /// Logs the answer that is given and not logged; the transport tells how much of it has gone.
    fn log_answer(&mut self, around: &mut Surroundings<'_>) {
        let Some(answered) = self.unlogged.take() else {
            return;
        };
        let Asked::Head(head) = self.asked() else {
            return;
        };
        // What went out during the call ended with it; for the rest, the loop has the time.
        let ended_ns = if self.parted_head.is_none() { answered.ended_ns } else { around.row.ns(around.now) };
        let trouble = around.logging.log_answer(&answered, head, &self.info, self.transport.pending(), ended_ns);
        self.parted_head = None;
        around.troubles.tell(trouble);
    }

    /// Keeps the memory of a head that nobody needs any more for the next one.
    fn let_go_of_head(&mut self, around: &mut Surroundings<'_>) {
        if matches!(self.phase, Phase::Serving(_)) {
            let next = Phase::Head(HeadScanner::default());
            if let Phase::Serving(ReadyRequest { head, .. }) = std::mem::replace(&mut self.phase, next) {
                *around.spare = head.into_buffers();
            }
        }
    }

    /// Logs what ends with the connection.
    pub(crate) fn log_end(&mut self, around: &mut Surroundings<'_>) {
        self.log_answer(around);
        if matches!(self.phase, Phase::Body(_)) {
            let id = around.logging.name(self.asked().head());
            let trouble = self.log_refusal(CLIENT_GONE, 0, id, around);
            around.troubles.tell(trouble);
        }
    }

    fn go_on_flushing(&mut self, then: After, around: &mut Surroundings<'_>) -> Progress {
        match self.transport.flush() {
            Err(_) => Progress::Over,
            Ok(flush @ (Flush::Blocked | Flush::Interrupted)) => {
                self.wants_turn = flush == Flush::Interrupted;
                if !matches!(self.phase, Phase::Flushing { .. }) {
                    let served = std::mem::replace(&mut self.phase, Phase::Flushing { then });
                    if let (Some(_), Phase::Serving(request)) = (&self.unlogged, served) {
                        self.parted_head = Some(Box::new(request.head));
                    }
                    self.untaken = self.transport.untaken();
                    self.wait_for(around.settings.write_timeout, around);
                }
                Progress::Waiting
            }
            Ok(Flush::Done) => {
                self.log_answer(around);
                self.let_go_of_head(around);
                match then {
                    // A close with bytes that nobody has read is a reset (RFC 9112 §9.6): empty
                    // lines of old clients come behind the body, after it was complete.
                    After::Close if !self.transport.has_unread() => self.part(),
                    After::Close | After::Linger => self.linger(around),
                    After::NextRequest => self.go_on_to_next_request(around),
                }
            }
        }
    }

    fn linger(&mut self, around: &mut Surroundings<'_>) -> Progress {
        self.transport.end_output();
        let until = around.now + LINGER;
        self.phase = Phase::Lingering { until };
        self.wait_for(LINGER_PAUSE, around);
        self.go_on_lingering(until, around)
    }

    fn go_on_to_next_request(&mut self, around: &mut Surroundings<'_>) -> Progress {
        if let Some(body) = self.coming.take() {
            if around.is_draining {
                return self.linger(around);
            }
            self.phase = Phase::PassingOver(body);
            self.wait_for(around.settings.body_timeout, around);
            return self.receive(around);
        }
        let input = std::mem::take(&mut self.input);
        match self.begin_head(&input, around) {
            Progress::Waiting => self.receive(around),
            progress => progress,
        }
    }

    /// Waits for a request, of which, and of what follows it, `first` came already.
    fn begin_head(&mut self, first: &[u8], around: &mut Surroundings<'_>) -> Progress {
        self.phase = Phase::Head(HeadScanner::default());
        self.wait_for(around.settings.keep_alive, around);
        self.feed(first, around)
    }

    /// Gives the peer this time from now.
    fn wait_for(&mut self, timeout: Duration, around: &Surroundings<'_>) {
        self.deadline = around.now + timeout;
        self.waiting_since = around.now;
        self.progress = 0;
    }

    /// Gives the peer this time once more when it has moved enough since it was given it.
    fn note_progress(&mut self, bytes: u64, timeout: Duration, around: &Surroundings<'_>) {
        self.progress += bytes;
        if self.progress >= around.settings.least_progress(timeout).max(1) {
            self.wait_for(timeout, around);
        }
    }

    fn part(&mut self) -> Progress {
        self.transport.say_goodbye();
        Progress::Over
    }

    fn go_on_lingering(&mut self, until: Instant, around: &mut Surroundings<'_>) -> Progress {
        let mut read = 0;
        // `receive` has the buffer, and comes here itself when it has put it back.
        while !around.scratch.is_empty() {
            if read >= BYTES_AT_ONCE {
                self.wants_turn = true;
                break;
            }
            match self.transport.read(around.scratch) {
                Ok(0) => return Progress::Over,
                Ok(length) => {
                    read += length;
                    self.deadline = (around.now + LINGER_PAUSE).min(until);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(_) => return Progress::Over,
            }
        }
        Progress::Waiting
    }
}

/// The server's own answer; returns how long its body is.
fn write_refusal(
    out: &mut Vec<u8>,
    error: &PeerError,
    is_to_head: bool,
    id: Option<RequestId<'_>>,
    around: &mut Surroundings<'_>,
) -> usize {
    let shown = around.logging.shown(id);
    let field = around.logging.field(shown.as_ref());
    peer_error_response(out, error, is_to_head, around.date.now(), field)
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::{TcpListener, TcpStream};

    use super::*;
    use crate::transport::Stream;

    /// A connection, its peer, and a clock that is moved by hand.
    struct Scene {
        connection: Connection,
        peer: TcpStream,
        settings: ServerSettings,
        scratch: Vec<u8>,
        spare: HeadBuffers,
        date: DateCache,
        row: ScoreboardRow,
        logging: Logging,
        now: Instant,
    }

    impl Scene {
        fn new(settings: ServerSettings) -> Self {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let peer = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            let (accepted, address) = listener.accept().unwrap();
            accepted.set_nonblocking(true).unwrap();
            let transport = Transport::new(Stream::Tcp(mio::net::TcpStream::from_std(accepted)), None);
            let listener =
                ListenerInfo { server_name: "localhost".to_owned(), server_port: "80".to_owned(), is_tls: false };
            let info = ConnectionInfo { peer: Some(address), listener: Arc::new(listener) };
            let (key, now) = (SlotKey::from_token(mio::Token(0)), Instant::now());
            let connection = Connection::new(key, info, transport, now, settings.head_timeout);
            Self {
                connection,
                peer,
                settings,
                scratch: vec![0; 4096],
                spare: HeadBuffers::default(),
                date: DateCache::new(),
                row: ScoreboardRow::private().unwrap(),
                logging: Logging::default(),
                now,
            }
        }

        /// What becomes of the connection when the peer has sent `bytes`, `seconds` later.
        fn send(&mut self, seconds: u64, bytes: &[u8]) -> Progress {
            self.peer.write_all(bytes).unwrap();
            crate::sys::wait_until_ready(self.connection.transport.descriptor(), false, Duration::from_secs(5))
                .unwrap();
            self.act(seconds, |connection, around| connection.on_news(News::READABLE, around))
        }

        fn act<T>(&mut self, seconds: u64, action: impl FnOnce(&mut Connection, &mut Surroundings<'_>) -> T) -> T {
            self.now += Duration::from_secs(seconds);
            let mut around = Surroundings {
                settings: &self.settings,
                scratch: &mut self.scratch,
                spare: &mut self.spare,
                date: &mut self.date,
                now: self.now,
                is_draining: false,
                troubles: &mut Troubles::default(),
                row: &self.row,
                logging: &self.logging,
            };
            action(&mut self.connection, &mut around)
        }

        fn seconds_left(&self) -> u64 {
            self.connection.deadline.saturating_duration_since(self.now).as_secs()
        }
    }

    const TOO_LARGE: &[u8] = b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\n";

    fn refused() -> Scene {
        let mut scene = Scene::new(ServerSettings { max_body_bytes: Some(10), ..ServerSettings::default() });
        assert!(matches!(scene.send(0, TOO_LARGE), Progress::Waiting));
        let mut answer = [0; 12];
        scene.peer.read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"HTTP/1.1 413");
        scene
    }

    #[test]
    fn a_refused_peer_that_goes_on_sending_is_given_time_again_and_again() {
        let mut scene = refused();
        for _ in 0..6 {
            assert_eq!(scene.seconds_left(), 5);
            assert!(matches!(scene.send(4, b"more"), Progress::Waiting));
        }
    }

    #[test]
    fn a_refused_peer_is_given_no_more_than_half_a_minute() {
        let mut scene = refused();
        for _ in 0..7 {
            assert!(matches!(scene.send(4, b"more"), Progress::Waiting));
        }
        assert_eq!(scene.seconds_left(), 2);
        assert!(matches!(scene.act(2, Connection::on_timeout), Progress::Over));
    }

    #[test]
    fn a_peer_whose_body_has_come_meanwhile_is_not_told_to_go_on() {
        let mut scene = Scene::new(ServerSettings::default());
        let head = b"POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n";
        // Room for the head alone, so that the body is still in the socket when the head is seen.
        scene.scratch.truncate(head.len());
        assert!(matches!(scene.send(0, &[head, &b"body"[..]].concat()), Progress::Ready));
        drop(scene.connection);
        let mut heard = Vec::new();
        scene.peer.read_to_end(&mut heard).unwrap();
        assert_eq!(heard, b"");
    }

    #[test]
    fn a_peer_that_sends_without_end_lets_others_have_their_turn() {
        let mut scene = refused();
        let mut peer = scene.peer.try_clone().unwrap();
        let sender = std::thread::spawn(move || while peer.write_all(&[b'x'; 65536]).is_ok() {});
        while !scene.connection.wants_turn {
            let descriptor = scene.connection.transport.descriptor();
            crate::sys::wait_until_ready(descriptor, false, Duration::from_secs(5)).unwrap();
            assert!(matches!(scene.act(0, |it, around| it.on_news(News::READABLE, around)), Progress::Waiting));
        }
        drop(scene);
        sender.join().unwrap();
    }
}
