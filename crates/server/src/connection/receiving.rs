//! What comes from a peer, until there is a whole request: its head, and its body.

use std::io;

use uncork_protocol::http1::{BodyDecoder, BodyStep, parse_head_in};
use uncork_protocol::{PeerError, RequestFraming, RequestHead};

use super::{BYTES_AT_ONCE, CONTINUE, Connection, Phase, Progress, ReadyRequest, Receiving, Surroundings};
use crate::body_buffer::BodyBuffer;
use crate::body_stream::{BodyStream, PassedOver};
use crate::transport::Urgency;
use crate::trouble::{Trouble, is_out_of_descriptors};

impl Connection {
    /// Reads until the socket is empty or a request is complete.
    pub(super) fn receive(&mut self, around: &mut Surroundings<'_>) -> Progress {
        let mut progress = Progress::Waiting;
        let mut read = 0;
        while self.may_have_unread
            && matches!(progress, Progress::Waiting)
            && matches!(self.phase, Phase::Head(_) | Phase::Body(_) | Phase::PassingOver(_))
        {
            if read >= BYTES_AT_ONCE {
                self.wants_turn = true;
                break;
            }
            let scratch = std::mem::take(&mut around.scratch);
            progress = match self.transport.read(scratch) {
                Ok(0) => {
                    self.may_have_unread = false;
                    self.on_end_of_input(around)
                }
                Ok(length) => {
                    read += length;
                    // Fewer bytes than there was room for: the socket is empty (epoll(7)).
                    self.may_have_unread = self.has_ended || !self.transport.is_emptied_by(length, scratch.len());
                    self.feed(&scratch[..length], around)
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.may_have_unread = false;
                    Progress::Waiting
                }
                Err(_) => Progress::Over,
            };
            around.scratch = scratch;
        }
        match (&progress, &mut self.phase) {
            (Progress::Waiting, Phase::Lingering { until }) => {
                let until = *until;
                self.go_on_lingering(until, around)
            }
            (Progress::Waiting, Phase::Body(receiving)) if receiving.owes_continue && !self.may_have_unread => {
                receiving.owes_continue = false;
                match self.transport.send_or_keep([CONTINUE, b"", b""], Urgency::Now) {
                    Ok(()) => progress,
                    Err(_) => Progress::Over,
                }
            }
            _ => progress,
        }
    }

    fn on_end_of_input(&mut self, around: &mut Surroundings<'_>) -> Progress {
        if self.is_idle() || matches!(self.phase, Phase::PassingOver(_)) {
            return Progress::Over;
        }
        self.refuse(&PeerError::bad_request("the request ended early (RFC 9112 §8)"), around)
    }

    /// Takes in bytes that follow those that came before.
    pub(super) fn feed(&mut self, bytes: &[u8], around: &mut Surroundings<'_>) -> Progress {
        let result = match self.phase {
            Phase::Head(_) => self.feed_head(bytes, around),
            Phase::Body(_) => self.feed_body(bytes, around),
            Phase::PassingOver(_) => return self.pass_over(bytes, around),
            Phase::Serving(_) | Phase::Flushing { .. } | Phase::Lingering { .. } => return Progress::Waiting,
        };
        result.unwrap_or_else(|error| {
            if matches!(self.phase, Phase::Head(_)) && self.input.is_empty() {
                // All that is known of it has just come.
                self.waiting_since = around.now;
                self.input = bytes.to_vec();
            }
            self.refuse(&error, around)
        })
    }

    /// Passes over what the application has left of a body.
    fn pass_over(&mut self, bytes: &[u8], around: &mut Surroundings<'_>) -> Progress {
        let Phase::PassingOver(body) = &mut self.phase else {
            return Progress::Waiting;
        };
        match body.pass_over(bytes) {
            PassedOver::Part => {
                self.note_progress(bytes.len() as u64, around.settings.body_timeout, around);
                Progress::Waiting
            }
            PassedOver::All(used) => self.begin_head(&bytes[used..], around),
            PassedOver::TooMuch => self.linger(around),
        }
    }

    fn feed_head(&mut self, bytes: &[u8], around: &mut Surroundings<'_>) -> Result<Progress, PeerError> {
        let Phase::Head(scanner) = &mut self.phase else {
            return Ok(Progress::Waiting);
        };
        if bytes.is_empty() {
            return Ok(Progress::Waiting);
        }
        let limits = around.settings.head_limits();
        if self.input.is_empty() {
            let Some(range) = scanner.scan(bytes, &limits)? else {
                self.input = bytes.to_vec();
                self.wait_for(around.settings.head_timeout, around);
                return Ok(Progress::Waiting);
            };
            let spare = std::mem::take(around.spare);
            let head = parse_head_in(spare.filled_with(&bytes[range.start..range.end]), &limits)?;
            return self.start_body(head, &bytes[range.end..], around);
        }
        self.input.extend_from_slice(bytes);
        let Some(range) = scanner.scan(&self.input, &limits)? else {
            return Ok(Progress::Waiting);
        };
        let spare = std::mem::take(around.spare);
        let head = parse_head_in(spare.filled_with(&self.input[range.start..range.end]), &limits)?;
        let input = std::mem::take(&mut self.input);
        self.start_body(head, &input[range.end..], around)
    }

    fn start_body(
        &mut self,
        head: RequestHead,
        rest: &[u8],
        around: &mut Surroundings<'_>,
    ) -> Result<Progress, PeerError> {
        // Who speaks through a unix socket is a gateway.
        let is_secured = self.info.listener.is_tls || self.info.peer.is_none();
        if let Err(error) = head.check_scheme(is_secured) {
            return Err(self.reject(head, error, around));
        }
        let mut body = BodyBuffer::default();
        if head.framing == RequestFraming::None {
            return Ok(self.become_ready(head, body, rest, around));
        }
        if let RequestFraming::Length(length) = head.framing {
            if let Err(error) = around.settings.check_body_size(length) {
                return Err(self.reject(head, error, around));
            }
        }
        if around.settings.streams_bodies {
            match BodyStream::start(&head, rest, around.settings) {
                Ok(stream) => self.coming = Some(Box::new(stream)),
                Err(error) => return Err(self.reject(head, error, around)),
            }
            return Ok(self.become_ready(head, body, b"", around));
        }
        if let RequestFraming::Length(length) = head.framing {
            body.reserve(length, around.settings.body_buffer_bytes);
            // Most bodies come with their head.
            let length = usize::try_from(length).unwrap_or(usize::MAX);
            if length <= rest.len() {
                if let Err(error) = keep(&mut body, &rest[..length], around) {
                    return Err(self.reject(head, error, around));
                }
                return Ok(self.become_ready(head, body, &rest[length..], around));
            }
        }
        let owes_continue = head.expects_continue && rest.is_empty();
        // The body may have come since the head was read, and then nobody waits.
        self.may_have_unread |= owes_continue;
        let decoder = BodyDecoder::new(head.framing, around.settings.max_trailer_bytes);
        self.phase = Phase::Body(Box::new(Receiving { head, decoder, body, owes_continue }));
        self.wait_for(around.settings.body_timeout, around);
        self.feed_body(rest, around)
    }

    /// Keeps the head of a request that is refused for `error` as soon as it is there.
    fn reject(&mut self, head: RequestHead, error: PeerError, around: &Surroundings<'_>) -> PeerError {
        self.waiting_since = around.now;
        self.parted_head = Some(Box::new(head));
        error
    }

    fn feed_body(&mut self, bytes: &[u8], around: &mut Surroundings<'_>) -> Result<Progress, PeerError> {
        let Phase::Body(receiving) = &mut self.phase else {
            return Ok(Progress::Waiting);
        };
        receiving.owes_continue &= bytes.is_empty();
        let mut rest = bytes;
        loop {
            let (used, step) = receiving.decoder.step(rest)?;
            rest = &rest[used..];
            match step {
                BodyStep::NeedMore => {
                    if !bytes.is_empty() {
                        self.note_progress(bytes.len() as u64, around.settings.body_timeout, around);
                    }
                    return Ok(Progress::Waiting);
                }
                BodyStep::Data(data) => {
                    around.settings.check_body_size(receiving.body.len() + data.len() as u64)?;
                    keep(&mut receiving.body, data, around)?;
                }
                BodyStep::End => break,
            }
        }
        let until = around.now;
        let Phase::Body(receiving) = std::mem::replace(&mut self.phase, Phase::Lingering { until }) else {
            return Ok(Progress::Waiting);
        };
        let Receiving { head, body, .. } = *receiving;
        Ok(self.become_ready(head, body, rest, around))
    }

    /// Hands a request out; the connection goes with it.
    fn become_ready(
        &mut self,
        head: RequestHead,
        body: BodyBuffer,
        rest: &[u8],
        around: &mut Surroundings<'_>,
    ) -> Progress {
        self.phase = Phase::Serving(ReadyRequest { head, body });
        self.input = rest.to_vec();
        self.waiting_since = around.now;
        self.requests += 1;
        Progress::Ready
    }
}

fn keep(body: &mut BodyBuffer, data: &[u8], around: &mut Surroundings<'_>) -> Result<(), PeerError> {
    body.append(data, around.settings.body_buffer_bytes).map_err(|error| no_room_for_body(error, around))
}

fn no_room_for_body(error: std::io::Error, around: &mut Surroundings<'_>) -> PeerError {
    let refusal = if is_out_of_descriptors(&error) {
        PeerError::new(503, "too many files are open (RFC 9110 §15.6.4)")
    } else {
        PeerError::new(507, "there is no room to keep the request's body")
    };
    around.troubles.note(Trouble::KeepingBody(error), around.now);
    refusal
}
