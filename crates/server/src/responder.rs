//! How an application answers one request.
//!
//! Small pieces are gathered and sent in one call where they fit; what a slow peer does not
//! take is kept up to a limit, and past that the application's thread waits.

use std::fmt;
use std::io;
use std::os::fd::{OwnedFd, RawFd};

use socket2::SockRef;
use uncork_protocol::RequestHead;
use uncork_protocol::http1::{
    AppMistake, BodyEncoder, HeadEncoder, HeadFacts, ResponseFraming, peer_error_response, write_field,
};

use crate::body_stream::{BodyError, BodyStream, Received};
use crate::date::DateCache;
use crate::late_calls::{Loan, Sent};
use crate::relay;
use crate::scoreboard::{Activity, Outcome};
use crate::settings::ServerSettings;
use crate::transport::{Transport, Urgency};

/// Pieces from this size on are not held back for more to come, and sent from where they are.
const LARGE_PIECE_BYTES: usize = 16 * 1024;

/// Pieces up to this size are copied and sent together; larger ones are sent from where they are.
const GATHER_BYTES: usize = 64 * 1024;

/// Why an answer can't go on.
#[derive(Debug)]
pub enum SendError {
    /// The peer has gone, or took nothing for too long. Not the application's fault.
    PeerGone(io::Error),
    /// The answer has ended, or has not begun: a mistake of the caller.
    OutOfOrder,
}

impl fmt::Display for SendError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PeerGone(error) => write!(formatter, "the client has gone: {error}"),
            Self::OutOfOrder => write!(formatter, "data for an answer that has not begun, or has ended"),
        }
    }
}

impl std::error::Error for SendError {}

/// What one application thread keeps from request to request.
#[derive(Debug)]
pub(crate) struct ThreadScratch {
    out: Vec<u8>,
    date: DateCache,
}

impl ThreadScratch {
    pub(crate) fn new() -> Self {
        Self { out: Vec::with_capacity(4096), date: DateCache::new() }
    }
}

/// Takes the answer to one request.
#[derive(Debug)]
pub struct Responder<'job> {
    request: &'job RequestHead,
    /// The connection's transport, for as long as the call is not late.
    loan: Loan<'job>,
    settings: &'job ServerSettings,
    scratch: &'job mut ThreadScratch,
    may_keep_alive: bool,
    /// Bytes that came behind the request.
    leftover: &'job mut Vec<u8>,
    /// The request's body, where the application reads it while it comes.
    coming: Option<&'job mut BodyStream>,
    host: &'job dyn Host,
    state: State,
    /// The name and value of the field that says what the request is called, where it is called
    /// anything.
    id_field: Option<(&'job [u8], &'job [u8])>,
    /// Of the head that was given last; zero before.
    status: u16,
    /// Bytes that were given to the transport.
    bytes_sent: u64,
    /// Bytes of the body that were given, and that the peer is to get.
    body_bytes: u64,
    /// What the transport had sent before the answer. It is asked only where it is touched anyhow: to
    /// claim it would give the call more time.
    sent_before: u64,
    /// And before the body.
    sent_before_body: u64,
    /// As `broken_length` of an answer that has ended.
    broken_length: Option<(u64, u64)>,
    /// Whether pieces were held back for more to come.
    has_held: bool,
    /// Whether what is held back is the answer's end.
    has_held_end: bool,
}

/// What a responder needs of the server.
pub(crate) trait Host: std::fmt::Debug {
    /// The connection is no longer the event loop's, and the thread is gone for long.
    fn on_handed_over(&self, transport: &mut Transport);
    /// The thread is going to wait for a peer that takes nothing. Returns whether somebody else
    /// may serve in its place meanwhile; then `on_waited_for_peer` follows.
    fn on_waiting_for_peer(&self) -> bool;
    fn on_waited_for_peer(&self);
    /// What the thread is at.
    fn note_activity(&self, activity: Activity);
    /// Whether bytes may be held back for more to come: somebody then sends them in time if
    /// nothing follows.
    fn may_hold(&self, condition: HoldIf) -> bool;
    /// Bytes for `socket` were held back.
    fn has_held(&self, socket: RawFd);
    /// Whether the thread leads, and so goes on with the connection itself.
    fn has_lead(&self) -> bool;
    /// Nothing is held back any more for `socket`.
    fn end_holding(&self, socket: RawFd);
}

/// When bytes may be held back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HoldIf {
    Never,
    /// The rest of the answer follows, or the connection's end.
    Leading,
    /// Nothing follows but the answers to others who wait.
    InCompany,
}

/// What has become of an answer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AnswerFacts {
    /// Whether the connection is to be kept; `None` when it is not the server's any more, or the
    /// peer must see that the answer is broken.
    pub(crate) keeps_alive: Option<bool>,
    /// Zero when nothing was answered.
    pub(crate) status: u16,
    /// Bytes of the body that were sent, or wait to be.
    pub(crate) body_bytes: u64,
    /// Whether all was given that the peer is to get.
    pub(crate) is_whole: bool,
}

impl AnswerFacts {
    /// Those of a request that was not answered.
    pub(crate) const NOTHING: Self = Self { keeps_alive: None, status: 0, body_bytes: 0, is_whole: false };
}

#[derive(Debug)]
enum State {
    /// No head was given yet.
    Fresh,
    /// A head was given; it is ended when something is known of the body.
    Headed { facts: HeadFacts },
    /// The head is ended, and perhaps sent.
    Answering { body: BodyEncoder, keeps_alive: bool, is_sent: bool },
    /// Everything was given.
    Finished { keeps_alive: bool },
    /// The answer can't be finished.
    Broken,
    /// The server has answered in the application's place.
    Refused,
    /// The application speaks to the peer by itself.
    HandedOver,
}

/// What a call has come to.
#[derive(Debug)]
pub(crate) enum CallEnd {
    /// `bytes`: all that were given to the transport.
    InTime { facts: AnswerFacts, outcome: Outcome, bytes: u64 },
    /// The call was late, and the connection is with the loop. `is_replaced`: its thread was.
    Late { is_replaced: bool },
}

impl<'job> Responder<'job> {
    pub(crate) fn new(
        request: &'job RequestHead,
        loan: Loan<'job>,
        settings: &'job ServerSettings,
        scratch: &'job mut ThreadScratch,
        leftover: &'job mut Vec<u8>,
        host: &'job dyn Host,
        may_keep_alive: bool,
    ) -> Self {
        scratch.out.clear();
        let sent_before = loan.sent_before();
        Self {
            request,
            loan,
            settings,
            scratch,
            may_keep_alive,
            leftover,
            coming: None,
            host,
            state: State::Fresh,
            id_field: None,
            status: 0,
            bytes_sent: 0,
            body_bytes: 0,
            sent_before,
            sent_before_body: sent_before,
            broken_length: None,
            has_held: false,
            has_held_end: false,
        }
    }

    pub(crate) fn with_coming_body(self, coming: Option<&'job mut BodyStream>) -> Self {
        Self { coming, ..self }
    }

    pub(crate) fn with_id(self, id_field: Option<(&'job [u8], &'job [u8])>) -> Self {
        Self { id_field, ..self }
    }

    /// What is at hand of a body that is coming.
    pub fn body_data(&self) -> &[u8] {
        self.coming.as_ref().map_or(b"", |body| body.data())
    }

    /// Takes `length` bytes from the start of what is at hand.
    pub fn consume_body(&mut self, length: usize) {
        if let Some(body) = &mut self.coming {
            body.consume(length);
        }
    }

    /// Bytes of a body that is coming that were consumed.
    pub fn body_position(&self) -> u64 {
        self.coming.as_ref().map_or(0, |body| body.position())
    }

    /// Why a body that was coming can't be read on, if so.
    pub fn body_failure(&self) -> Option<BodyError> {
        self.coming.as_ref().and_then(|body| body.failure())
    }

    /// Takes in what has come of the body, until something is at hand. Never blocks. A peer that
    /// waits to be asked for the body is asked now.
    ///
    /// # Errors
    /// It can't be read on. Where nothing of an answer was sent, the peer is told why, and that is
    /// the answer.
    pub fn receive_body(&mut self) -> Result<Received, BodyError> {
        let may_speak = !self.is_sent();
        let Some(body) = &mut self.coming else {
            return Ok(Received::Ended);
        };
        let Some(had) = self.loan.claim() else {
            return Err(BodyError::PeerGone);
        };
        let result = body.receive(had.transport, self.settings, may_speak);
        self.sent_before = had.transport.given();
        let waits = matches!(result, Ok(Received::Nothing(_)));
        self.host.note_activity(if waits { Activity::WaitingForPeer } else { Activity::InApp });
        if self.has_held && waits {
            // The peer may need the answer so far before it sends more.
            had.transport.push();
        }
        if let (Err(error), true) = (&result, may_speak) {
            self.refuse(*error);
        }
        // The wait for the peer is none of the application's time.
        if !waits {
            self.loan.rest();
        }
        result
    }

    fn refuse(&mut self, error: BodyError) {
        let Some(had) = self.loan.claim() else {
            return;
        };
        let out = &mut self.scratch.out;
        out.clear();
        let (error, date) = (error.answer(), self.scratch.date.now());
        let length = peer_error_response(out, &error, self.request.is_head(), date, self.id_field);
        (self.status, self.body_bytes) = (error.status, length as u64);
        // A peer that has gone needs no answer.
        let _ = had.transport.send_or_keep([out, b"", b""], Urgency::Now);
        had.sent = Some(Sent {
            status: self.status,
            before_body: self.sent_before_body,
            body_bytes: self.body_bytes,
            is_whole: true,
        });
        self.bytes_sent += out.len() as u64;
        out.clear();
        self.state = State::Refused;
    }

    /// Whether the request was refused because of its body; what the application says is dropped.
    pub fn is_refused(&self) -> bool {
        matches!(self.state, State::Refused)
    }

    /// Hands the connection over to the application, for a protocol that it speaks by itself.
    /// Returns a blocking stream socket, on which the bytes that came behind the request are
    /// read first. Nothing is sent for this request by anybody else.
    ///
    /// # Errors
    /// The answer has begun, or there is no room for another descriptor or thread.
    pub fn hand_over(&mut self) -> io::Result<OwnedFd> {
        if !matches!(self.state, State::Fresh | State::Headed { .. }) {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "the answer to this request has begun"));
        }
        if let Some(body) = &mut self.coming {
            let unread = || io::Error::new(io::ErrorKind::InvalidInput, "the body of this request was not read");
            *self.leftover = body.take_rest().ok_or_else(unread)?;
        }
        self.loan.keep();
        let late = || io::Error::new(io::ErrorKind::TimedOut, "the request is over its time");
        let had = self.loan.claim().ok_or_else(late)?;
        let is_plain = had.transport.is_plain() && self.leftover.is_empty();
        self.host.on_handed_over(had.transport);
        self.state = State::HandedOver;
        self.status = 101;
        let (socket, tls, output) = had.transport.split_off()?;
        if is_plain {
            SockRef::from(&socket).set_nonblocking(false)?;
            return Ok(socket);
        }
        relay::start(socket, tls, std::mem::take(self.leftover), output)
    }

    /// Whether the connection was handed over.
    pub fn is_handed_over(&self) -> bool {
        matches!(self.state, State::HandedOver)
    }

    /// Gives the head, in place of one that was given before and not sent. `fields` writes the
    /// header fields. Nothing is sent before the first data, or the end.
    ///
    /// # Errors
    /// The application's mistake in status or fields; the answer is as if nothing was given.
    pub fn head(
        &mut self,
        status: &[u8],
        fields: impl FnOnce(&mut HeadEncoder<'_>) -> Result<(), AppMistake>,
    ) -> Result<(), AppMistake> {
        if self.is_refused() {
            return Ok(());
        }
        let out = &mut self.scratch.out;
        out.clear();
        self.state = State::Fresh;
        let looked_for = self.id_field.map_or(&b""[..], |(name, _)| name);
        let mut encoder = HeadEncoder::start(out, status)?.looking_for(looked_for);
        fields(&mut encoder)?;
        let facts = encoder.facts();
        self.status = facts.status;
        self.state = State::Headed { facts };
        Ok(())
    }

    /// Says how long the whole body is, before any of it is given. `None`: not known.
    ///
    /// # Errors
    /// No head was given.
    pub fn begin_body(&mut self, length: Option<u64>) -> Result<(), SendError> {
        match self.state {
            State::Headed { facts } => {
                if let (Some((name, value)), false) = (self.id_field, facts.has_looked_for) {
                    write_field(&mut self.scratch.out, name, value);
                }
                let may_keep_alive =
                    self.may_keep_alive && !self.coming.as_ref().is_some_and(|body| body.is_worth_a_close());
                let (framing, keeps_alive) =
                    facts.finish(&mut self.scratch.out, self.request, length, may_keep_alive, self.scratch.date.now());
                self.sent_before_body = self.sent_before + self.scratch.out.len() as u64;
                self.state = State::Answering { body: BodyEncoder::new(framing), keeps_alive, is_sent: false };
                Ok(())
            }
            State::Answering { .. } => Ok(()),
            State::Refused => Err(SendError::PeerGone(io::ErrorKind::BrokenPipe.into())),
            State::Fresh | State::Finished { .. } | State::Broken | State::HandedOver => Err(SendError::OutOfOrder),
        }
    }

    /// Whether a head was given.
    pub fn has_head(&self) -> bool {
        !matches!(self.state, State::Fresh)
    }

    /// Whether a part of the answer may have reached the peer.
    pub fn is_sent(&self) -> bool {
        !matches!(self.state, State::Fresh | State::Headed { .. } | State::Answering { is_sent: false, .. })
    }

    /// Whether all of a body of known length was sent, so that `finish` has nothing left to send.
    pub fn has_sent_all(&self) -> bool {
        let is_complete = matches!(&self.state, State::Answering { body, is_sent: true, .. } if body.is_complete());
        is_complete && self.scratch.out.is_empty()
    }

    /// Whether all data are thrown away: the request was `HEAD`, or the status has no body.
    pub fn has_no_body(&self) -> bool {
        matches!(&self.state, State::Answering { body, .. } if body.is_without_data())
    }

    /// Gathers `data` without sending anything; `false` when it is too much to gather, and
    /// must go through `send`. Never blocks.
    pub fn gather(&mut self, data: &[u8]) -> bool {
        let (Ok(()), State::Answering { body, .. }) = (self.begin_body(None), &mut self.state) else {
            return false;
        };
        let out = &mut self.scratch.out;
        if out.len() + data.len() > GATHER_BYTES {
            return false;
        }
        let (data, behind) = body.encode(data, out);
        out.extend_from_slice(data);
        out.extend_from_slice(behind);
        true
    }

    /// Sends `data`, and what was gathered before it. May block while the peer takes nothing.
    ///
    /// # Errors
    /// The peer has gone, or this is out of order.
    pub fn send(&mut self, data: &[u8]) -> Result<(), SendError> {
        self.begin_body(None)?;
        let State::Answering { body, is_sent, keeps_alive } = &mut self.state else {
            return Err(SendError::OutOfOrder);
        };
        let keeps_alive = *keeps_alive;
        let Some(had) = self.loan.claim() else {
            return Err(self.late());
        };
        *is_sent = true;
        had.ends_with_connection = body.ends_with_connection();
        let out = &mut self.scratch.out;
        let (mut data, mut behind) = body.encode(data, out);
        let is_large = data.len() >= LARGE_PIECE_BYTES;
        if !is_large {
            // The kernel does so much less for one piece that the copy pays.
            out.extend_from_slice(data);
            out.extend_from_slice(behind);
            (data, behind) = (b"", b"");
        }
        had.sent = Some(Sent {
            status: self.status,
            before_body: self.sent_before_body,
            body_bytes: body.fitting(),
            is_whole: body.is_complete(),
        });
        let condition = match body.is_complete() {
            _ if is_large => HoldIf::Never,
            false => HoldIf::Leading,
            true if keeps_alive => HoldIf::InCompany,
            true => HoldIf::Never,
        };
        self.bytes_sent += (out.len() + data.len() + behind.len()) as u64;
        let result = send_parts(had.transport, self.settings, self.host, [out, data, behind], condition);
        out.clear();
        self.loan.rest();
        self.note_sent(result, condition)
    }

    fn note_sent(&mut self, result: io::Result<Urgency>, condition: HoldIf) -> Result<(), SendError> {
        match result {
            Ok(urgency) => {
                self.has_held |= urgency == Urgency::Held;
                self.has_held_end = urgency == Urgency::Held && condition == HoldIf::InCompany;
                Ok(())
            }
            Err(error) => {
                self.state = State::Broken;
                Err(SendError::PeerGone(error))
            }
        }
    }

    /// Sends `length` bytes of `file` from `offset` on as the rest of the body, and what was
    /// gathered before them. The file is read by the kernel while the peer takes it, also after
    /// the call of the application has ended. Returns `false`, with nothing done, where this can't
    /// be: the peer speaks TLS, or the body has begun in chunks.
    ///
    /// # Errors
    /// The peer has gone, or no head was given.
    pub fn send_file(&mut self, file: OwnedFd, offset: u64, length: u64) -> Result<bool, SendError> {
        let Some(had) = self.loan.claim() else {
            return Err(self.late());
        };
        let takes_files = had.transport.takes_files();
        self.loan.rest();
        if !takes_files {
            return Ok(false);
        }
        self.begin_body(Some(length))?;
        let State::Answering { body, is_sent, .. } = &mut self.state else {
            return Err(SendError::OutOfOrder);
        };
        let Some(length) = body.note_unframed(length) else {
            return Ok(false);
        };
        let Some(had) = self.loan.claim() else {
            return Err(self.late());
        };
        *is_sent = true;
        had.sent = Some(Sent {
            status: self.status,
            before_body: self.sent_before_body,
            body_bytes: body.fitting(),
            is_whole: body.is_complete(),
        });
        self.bytes_sent += self.scratch.out.len() as u64 + length;
        let result = had.transport.send_file(&self.scratch.out, file, offset, length);
        self.scratch.out.clear();
        self.loan.rest();
        result.map(|()| true).map_err(|error| {
            self.state = State::Broken;
            SendError::PeerGone(error)
        })
    }

    /// Ends the answer and sends what is left of it. May block as `send` does.
    ///
    /// A body shorter than its announced length breaks the connection, so that the peer sees
    /// it; see `broken_length`.
    ///
    /// # Errors
    /// The peer has gone, or no head was given.
    pub fn finish(&mut self) -> Result<(), SendError> {
        self.begin_body(Some(0))?;
        let State::Answering { body, keeps_alive, .. } = &self.state else {
            return Err(SendError::OutOfOrder);
        };
        self.broken_length = body.broken_length();
        let is_short = self.broken_length.is_some_and(|(announced, given)| given < announced);
        let end = body.end();
        self.body_bytes = body.fitting().max(self.body_bytes);
        let keeps_alive = *keeps_alive;
        let Some(had) = self.loan.claim() else {
            return Err(self.late());
        };
        had.sent = Some(Sent {
            status: self.status,
            before_body: self.sent_before_body,
            body_bytes: self.body_bytes,
            is_whole: !is_short,
        });
        had.ends_with_connection = body.ends_with_connection();
        self.bytes_sent += (self.scratch.out.len() + end.len()) as u64;
        self.state = if is_short { State::Broken } else { State::Finished { keeps_alive } };
        let parts = [&self.scratch.out[..], end, b""];
        if parts.iter().all(|part| part.is_empty()) {
            self.loan.rest();
            return Ok(());
        }
        // The close that follows at once takes the last bytes along, in one packet.
        let condition = if keeps_alive { HoldIf::InCompany } else { HoldIf::Leading };
        let result = send_parts(had.transport, self.settings, self.host, parts, condition);
        self.scratch.out.clear();
        self.loan.rest();
        self.note_sent(result, condition)
    }

    /// How the application broke its own `Content-Length` so far: announced and given.
    pub fn broken_length(&self) -> Option<(u64, u64)> {
        match &self.state {
            State::Answering { body, .. } => body.broken_length(),
            State::Fresh
            | State::Headed { .. }
            | State::Finished { .. }
            | State::Broken
            | State::Refused
            | State::HandedOver => self.broken_length,
        }
    }

    /// Answers `500` where nothing was sent yet, and breaks the answer off where it was.
    pub fn fail(&mut self) {
        if self.is_handed_over() || self.is_refused() {
            return;
        }
        if self.is_sent() {
            return self.break_off();
        }
        let error = uncork_protocol::PeerError::new(500, "the application failed");
        self.scratch.out.clear();
        let (out, date) = (&mut self.scratch.out, self.scratch.date.now());
        let length = peer_error_response(out, &error, self.request.is_head(), date, self.id_field);
        (self.status, self.body_bytes) = (error.status, length as u64);
        self.sent_before_body = self.sent_before;
        self.state =
            State::Answering { body: BodyEncoder::new(ResponseFraming::NoBody), keeps_alive: false, is_sent: false };
        // An error leaves the answer broken, which is what it is.
        let _ = self.finish();
    }

    /// The application has done its part: what is left to be done can't be late. Returns whether
    /// the call was late, and if so, whether its thread was marked meanwhile; see `LateCall::mark`.
    /// Whoever marks threads calls this before the thread can be taken for another call's.
    pub fn leave_app(&mut self) -> Option<bool> {
        if self.loan.keep() { None } else { Some(self.loan.leave_app_late()) }
    }

    /// Whether the call was late, and nobody waits for its answer any more.
    pub fn is_late(&self) -> bool {
        self.loan.is_late()
    }

    fn late(&mut self) -> SendError {
        self.state = State::Broken;
        SendError::PeerGone(io::ErrorKind::TimedOut.into())
    }

    /// Sees to it that the peer does not take what it got for the whole answer.
    fn break_off(&mut self) {
        if let (State::Answering { body, .. }, Some(had)) = (&self.state, self.loan.claim()) {
            if body.ends_with_connection() {
                had.transport.reset_at_close();
            }
        }
        self.state = State::Broken;
    }

    /// Ends the call; what the answer has come to.
    pub(crate) fn end(mut self) -> CallEnd {
        if self.leave_app().is_some() {
            return CallEnd::Late { is_replaced: self.loan.end().unwrap_or(false) };
        }
        let outcome = match self.state {
            State::Finished { .. } | State::Refused => Outcome::Status(self.status),
            State::HandedOver => Outcome::HandedOver,
            State::Fresh | State::Headed { .. } | State::Answering { .. } | State::Broken => Outcome::Aborted,
        };
        let end = CallEnd::InTime { facts: self.facts(), outcome, bytes: self.bytes_sent };
        self.loan.end();
        end
    }

    /// What has become of the answer, when nothing is to follow.
    fn facts(&mut self) -> AnswerFacts {
        let is_whole = matches!(self.state, State::Finished { .. } | State::Refused | State::HandedOver);
        if !is_whole {
            // As far as it got: what was sent and what waits, without the head.
            let all = self.loan.claim().map_or(0, |had| had.transport.given());
            let sent = all.saturating_sub(self.sent_before_body);
            let given = match &self.state {
                State::Answering { body, is_sent: true, .. } => body.fitting(),
                State::Broken => u64::MAX,
                _ => 0,
            };
            self.body_bytes = sent.min(given);
        }
        let (status, body_bytes) = (self.status, self.body_bytes);
        AnswerFacts { keeps_alive: self.keeps_alive(), status, body_bytes, is_whole }
    }

    /// Whether the connection is to be kept; `None` when the answer is broken.
    fn keeps_alive(&mut self) -> Option<bool> {
        let is_held_end = self.has_held_end && matches!(self.state, State::Finished { .. });
        if self.has_held && !is_held_end {
            // There may have been nothing to send behind the last piece. Where the connection is
            // closed now, that sends it.
            let is_closed_now = matches!(self.state, State::Finished { keeps_alive: false }) && self.host.has_lead();
            if let Some(had) = self.loan.claim() {
                if !is_closed_now {
                    had.transport.push();
                }
                self.host.end_holding(had.transport.descriptor());
            }
        }
        match self.state {
            State::Finished { keeps_alive } => return Some(keeps_alive),
            State::Refused => return Some(false),
            State::HandedOver => return None,
            _ => {}
        }
        self.break_off();
        None
    }
}

/// Sends `parts`, at once unless they may be held back; returns which it was.
fn send_parts(
    transport: &mut Transport,
    settings: &ServerSettings,
    host: &dyn Host,
    parts: [&[u8]; 3],
    hold_if: HoldIf,
) -> io::Result<Urgency> {
    if !transport.has_room_for(parts, settings.output_buffer_bytes) {
        // Some of it may go at once, which makes the room.
        transport.flush()?;
    }
    if transport.has_room_for(parts, settings.output_buffer_bytes) {
        if !(transport.can_hold() && host.may_hold(hold_if)) {
            return transport.send_or_keep(parts, Urgency::Now).map(|()| Urgency::Now);
        }
        transport.send_or_keep(parts, Urgency::Held)?;
        host.has_held(transport.descriptor());
        return Ok(Urgency::Held);
    }
    host.note_activity(Activity::WaitingForPeer);
    let is_replaced = host.on_waiting_for_peer();
    let result = transport.send(parts, settings);
    host.note_activity(Activity::InApp);
    if is_replaced {
        host.on_waited_for_peer();
    }
    result.map(|()| Urgency::Now)
}
