//! A request's body that the application reads while it comes.
//!
//! It lies with the connection; the thread that has the connection reads it, and what that
//! thread leaves is the event loop's to pass over. Nothing here blocks, but `BodyWait::wait`.

use std::io;
use std::ops::Range;
use std::os::fd::RawFd;
use std::time::{Duration, Instant};

use uncork_protocol::http1::{BodyDecoder, BodyStep};
use uncork_protocol::{PeerError, RequestFraming, RequestHead};

use crate::connection::CONTINUE;
use crate::settings::ServerSettings;
use crate::sys;
use crate::transport::{Transport, Urgency};

/// Bytes received in one go, as in the event loop.
const BUFFER_BYTES: usize = 64 * 1024;

/// Of a body that the application leaves unread, so much is read and thrown away to keep the
/// connection; Go's net/http has the same. For more, a new connection is cheaper.
const DISCARD_BYTES: u64 = 256 * 1024;

/// The longest wait before it is looked whether the request is still there.
const WAIT_SLICE: Duration = Duration::from_secs(1);

/// Why a body can't be read on. Whoever reads again gets the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyError {
    /// The peer went before the body was whole.
    PeerGone,
    /// The peer sent nothing, or too little, for too long.
    TooSlow,
    /// The body is not valid, or larger than it may be.
    Refused(PeerError),
}

impl BodyError {
    /// What the peer is told, if it can still be told.
    pub fn answer(self) -> PeerError {
        match self {
            Self::PeerGone => PeerError::bad_request("the request ended early (RFC 9112 §8)"),
            Self::TooSlow => PeerError::new(408, "the request took too long to arrive (RFC 9110 §15.5.9)"),
            Self::Refused(error) => error,
        }
    }
}

/// What there is of a body.
#[derive(Debug)]
pub enum Received {
    /// Some of it is at hand.
    Data,
    /// It was read to its end.
    Ended,
    /// The peer has sent nothing more yet.
    Nothing(BodyWait),
}

/// A wait for a peer. It borrows nothing, so that others may answer meanwhile.
#[derive(Debug)]
pub struct BodyWait {
    descriptor: RawFd,
    wants_room: bool,
    timeout: Duration,
}

impl BodyWait {
    /// Blocks until it is worthwhile to look again, which may be for no reason.
    pub fn wait(&self) {
        // An error shows when the socket is read.
        let _ = sys::wait_until_ready(self.descriptor, self.wants_room, self.timeout);
    }
}

/// A body that is coming.
#[derive(Debug)]
pub(crate) struct BodyStream {
    decoder: BodyDecoder,
    buffer: Vec<u8>,
    /// Where data lie that nobody has had yet. `data.end <= raw.start`, or there are none.
    data: Range<usize>,
    /// Where bytes lie that have not been decoded.
    raw: Range<usize>,
    /// Bytes of data, without framing, decoded so far; while it is passed over, since then.
    decoded: u64,
    framing: RequestFraming,
    state: State,
    /// Whether the peer waits for `100 Continue` (RFC 9110 §10.1.1).
    owes_continue: bool,
    /// How long the peer was waited for, and what it sent meanwhile, since it was last given time.
    waited: Duration,
    progress: u64,
    waiting_since: Option<Instant>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Coming,
    Ended,
    Failed(BodyError),
}

/// What is left of a body when the application has answered.
#[derive(Debug)]
pub(crate) enum Unread {
    /// Nothing; these bytes stood behind it.
    Nothing(Vec<u8>),
    /// Little enough to be passed over, as far as is known.
    Some(Box<BodyStream>),
    /// The connection is of no further use.
    TooMuch,
}

/// How far passing over has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PassedOver {
    /// The body goes on.
    Part,
    /// The body has ended; of the bytes given last, so many were of it.
    All(usize),
    /// It is not worth going on, or not possible.
    TooMuch,
}

impl BodyStream {
    /// The body behind `head`, of which, and of what follows it, `first` came along.
    ///
    /// # Errors
    /// It is larger than it may be, or not valid, as far as can be seen already.
    pub(crate) fn start(head: &RequestHead, first: &[u8], settings: &ServerSettings) -> Result<Self, PeerError> {
        let mut stream = Self {
            decoder: BodyDecoder::new(head.framing, settings.max_trailer_bytes),
            buffer: first.to_vec(),
            data: 0..0,
            raw: 0..first.len(),
            decoded: 0,
            framing: head.framing,
            state: State::Coming,
            owes_continue: head.expects_continue && first.is_empty(),
            waited: Duration::ZERO,
            progress: 0,
            waiting_since: None,
        };
        stream.decode(settings).map_err(BodyError::answer)?;
        Ok(stream)
    }

    /// Data at hand.
    pub(crate) fn data(&self) -> &[u8] {
        &self.buffer[self.data.clone()]
    }

    /// Takes `length` bytes from the start of the data at hand.
    pub(crate) fn consume(&mut self, length: usize) {
        self.data.start += length.min(self.data.len());
    }

    /// Where the next byte is read.
    pub(crate) fn position(&self) -> u64 {
        self.decoded - self.data.len() as u64
    }

    /// Why it can't be read on, if so.
    pub(crate) fn failure(&self) -> Option<BodyError> {
        match self.state {
            State::Failed(error) => Some(error),
            State::Coming | State::Ended => None,
        }
    }

    /// Whether the connection is of no use behind an answer that is given now: what the peer has
    /// not sent is too much to pass over, or nobody can tell whether it is going to send it
    /// (RFC 9110 §10.1.1).
    pub(crate) fn is_worth_a_close(&self) -> bool {
        match self.state {
            State::Ended => false,
            State::Failed(_) => true,
            State::Coming => self.owes_continue || self.missing().is_some_and(|missing| missing > DISCARD_BYTES),
        }
    }

    /// Takes in what has come, until there are data at hand. `may_speak`: nothing was answered,
    /// so that a peer that waits to be asked for the body can be asked.
    ///
    /// # Errors
    /// The body can't be read on.
    pub(crate) fn receive(
        &mut self,
        transport: &mut Transport,
        settings: &ServerSettings,
        may_speak: bool,
    ) -> Result<Received, BodyError> {
        if let Some(since) = self.waiting_since.take() {
            self.waited += since.elapsed();
        }
        loop {
            self.decode(settings)?;
            if !self.data.is_empty() {
                return Ok(Received::Data);
            }
            if self.state == State::Ended {
                return Ok(Received::Ended);
            }
            self.buffer.resize(BUFFER_BYTES, 0);
            match transport.read(&mut self.buffer) {
                Ok(0) => return Err(self.fail(BodyError::PeerGone)),
                Ok(length) => self.take_in(length, settings),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    return self.wait(transport, settings, may_speak).map(Received::Nothing);
                }
                Err(_) => return Err(self.fail(BodyError::PeerGone)),
            }
        }
    }

    fn take_in(&mut self, length: usize, settings: &ServerSettings) {
        self.raw = 0..length;
        self.owes_continue = false;
        self.progress += length as u64;
        if self.progress >= settings.least_progress(settings.body_timeout).max(1) {
            (self.waited, self.progress) = (Duration::ZERO, 0);
        }
    }

    /// What to wait for, unless the peer has been waited for long enough.
    fn wait(
        &mut self,
        transport: &mut Transport,
        settings: &ServerSettings,
        may_speak: bool,
    ) -> Result<BodyWait, BodyError> {
        let left = settings.body_timeout.saturating_sub(self.waited);
        if left.is_zero() {
            return Err(self.fail(BodyError::TooSlow));
        }
        if self.owes_continue && may_speak {
            self.owes_continue = false;
            transport.send_or_keep([CONTINUE, b"", b""], Urgency::Now).map_err(|_| self.fail(BodyError::PeerGone))?;
        }
        // The peer may need the rest of an answer before it sends more.
        transport.flush().map_err(|_| self.fail(BodyError::PeerGone))?;
        self.waiting_since = Some(Instant::now());
        let wants_room = transport.has_output();
        Ok(BodyWait { descriptor: transport.descriptor(), wants_room, timeout: left.min(WAIT_SLICE) })
    }

    /// Decodes what has come, until there are data at hand.
    fn decode(&mut self, settings: &ServerSettings) -> Result<(), BodyError> {
        if let State::Failed(error) = self.state {
            return Err(error);
        }
        while self.data.is_empty() && self.state == State::Coming {
            match self.decoder.step(&self.buffer[self.raw.clone()]) {
                Ok((used, BodyStep::Data(data))) => {
                    self.decoded += data.len() as u64;
                    if let Err(error) = settings.check_body_size(self.decoded) {
                        return Err(self.fail(BodyError::Refused(error)));
                    }
                    // Data end where the bytes that were used end.
                    let end = self.raw.start + used;
                    self.data = end - data.len()..end;
                    self.raw.start = end;
                }
                Ok((used, step)) => {
                    self.raw.start += used;
                    if step == BodyStep::NeedMore {
                        return Ok(());
                    }
                    self.state = State::Ended;
                }
                Err(error) => return Err(self.fail(BodyError::Refused(error))),
            }
        }
        Ok(())
    }

    fn fail(&mut self, error: BodyError) -> BodyError {
        self.state = State::Failed(error);
        error
    }

    /// Bytes that have not come yet; `None` where nobody knows.
    fn missing(&self) -> Option<u64> {
        match self.framing {
            RequestFraming::None => Some(0),
            RequestFraming::Length(length) => Some((length - self.decoded).saturating_sub(self.raw.len() as u64)),
            RequestFraming::Chunked => None,
        }
    }

    /// The bytes behind the body, where all of it was had; `None` where it was not.
    pub(crate) fn take_rest(&mut self) -> Option<Vec<u8>> {
        if !self.data.is_empty() || self.failure().is_some() {
            return None;
        }
        let raw = self.buffer[self.raw.clone()].to_vec();
        match self.decoder.step(&raw) {
            Ok((used, BodyStep::End)) => {
                self.state = State::Ended;
                self.raw = 0..0;
                Some(raw[used..].to_vec())
            }
            _ => None,
        }
    }

    /// What is left of it for the event loop, when the application has answered.
    pub(crate) fn leave(mut self: Box<Self>) -> Unread {
        if self.is_worth_a_close() {
            return Unread::TooMuch;
        }
        self.decoded = 0;
        let raw = std::mem::take(&mut self.buffer)[self.raw.clone()].to_vec();
        match self.pass_over(&raw) {
            PassedOver::Part => Unread::Some(self),
            PassedOver::All(used) => Unread::Nothing(raw[used..].to_vec()),
            PassedOver::TooMuch => Unread::TooMuch,
        }
    }

    /// Passes over `bytes`, behind those before them, as far as they are of the body.
    pub(crate) fn pass_over(&mut self, bytes: &[u8]) -> PassedOver {
        let mut position = 0;
        loop {
            match self.decoder.step(&bytes[position..]) {
                Ok((used, BodyStep::Data(data))) => {
                    position += used;
                    self.decoded += data.len() as u64;
                    if self.decoded > DISCARD_BYTES {
                        return PassedOver::TooMuch;
                    }
                }
                Ok((used, BodyStep::End)) => return PassedOver::All(position + used),
                Ok((_, BodyStep::NeedMore)) => return PassedOver::Part,
                Err(_) => return PassedOver::TooMuch,
            }
        }
    }
}
