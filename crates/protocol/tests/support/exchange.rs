//! What a connection makes of the bytes of its peer, without the connection.

use uncork_protocol::http1::{BodyDecoder, BodyStep, HeadLimits, HeadScanner, parse_head};
use uncork_protocol::{PeerError, RequestHead};

/// The limits that the server has by default; the corpus is written for them.
pub const LIMITS: HeadLimits = HeadLimits { max_head_bytes: 64 * 1024, max_target_bytes: 8 * 1024, max_fields: 100 };

/// As `LIMITS`, of the fields behind a chunked body.
pub const MAX_TRAILER_BYTES: usize = 16 * 1024;

/// Everything that came of some bytes.
#[derive(Debug, PartialEq, Eq)]
pub struct Exchange {
    pub requests: Vec<Seen>,
    pub end: End,
    /// What belongs to no request: empty lines, a part of a head, or what stands behind a
    /// request that closes. Nothing behind a refusal, after which nobody looks.
    pub rest: Vec<u8>,
}

/// One whole request, as the application gets it.
#[derive(Debug, PartialEq, Eq)]
pub struct Seen {
    pub head: RequestHead,
    pub body: Vec<u8>,
}

/// Where the bytes leave the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Between two requests.
    Waiting,
    /// Inside a request.
    Cut,
    /// Over, as the last request asked.
    Closed,
    /// Over, since a request could not be served.
    Refused(PeerError),
}

/// Reads `pieces` as they would come from a socket without TLS.
pub fn exchange<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Exchange {
    exchange_over(false, pieces)
}

/// Reads `pieces` as they would come from a socket that is secured, or whose peer is a gateway.
pub fn exchange_over<'a>(is_secured: bool, pieces: impl IntoIterator<Item = &'a [u8]>) -> Exchange {
    let phase = Phase::Head(HeadScanner::default());
    let mut connection = Connection { is_secured, input: Vec::new(), phase, seen: Vec::new() };
    for piece in pieces {
        if !matches!(connection.phase, Phase::Over(End::Refused(_))) {
            connection.input.extend_from_slice(piece);
        }
        while connection.go_on() {}
    }
    let is_idle = connection.input.iter().all(|byte| matches!(byte, b'\r' | b'\n'));
    let end = match connection.phase {
        Phase::Head(_) if is_idle => End::Waiting,
        Phase::Head(_) | Phase::Body(..) => End::Cut,
        Phase::Over(end) => end,
    };
    Exchange { requests: connection.seen, end, rest: connection.input }
}

struct Connection {
    is_secured: bool,
    input: Vec<u8>,
    phase: Phase,
    seen: Vec<Seen>,
}

enum Phase {
    Head(HeadScanner),
    Body(Box<Seen>, BodyDecoder),
    Over(End),
}

impl Connection {
    /// Takes a step; `false` when more bytes are needed.
    fn go_on(&mut self) -> bool {
        match self.step() {
            Ok(has_moved) => has_moved,
            Err(error) => {
                self.phase = Phase::Over(End::Refused(error));
                self.input.clear();
                false
            }
        }
    }

    fn step(&mut self) -> Result<bool, PeerError> {
        match &mut self.phase {
            Phase::Over(_) => Ok(false),
            Phase::Head(scanner) => {
                let Some(range) = scanner.scan(&self.input, &LIMITS)? else {
                    return Ok(false);
                };
                let head = parse_head(self.input[range.start..range.end].to_vec(), &LIMITS)?;
                head.check_scheme(self.is_secured)?;
                self.input.drain(..range.end);
                let decoder = BodyDecoder::new(head.framing, MAX_TRAILER_BYTES);
                self.phase = Phase::Body(Box::new(Seen { head, body: Vec::new() }), decoder);
                Ok(true)
            }
            Phase::Body(seen, decoder) => {
                let (used, step) = decoder.step(&self.input)?;
                let is_over = match step {
                    BodyStep::NeedMore => {
                        self.input.drain(..used);
                        return Ok(false);
                    }
                    BodyStep::Data(data) => {
                        seen.body.extend_from_slice(data);
                        false
                    }
                    BodyStep::End => true,
                };
                self.input.drain(..used);
                if is_over {
                    self.end_of_request();
                }
                Ok(true)
            }
        }
    }

    fn end_of_request(&mut self) {
        let next = Phase::Head(HeadScanner::default());
        if let Phase::Body(seen, _) = std::mem::replace(&mut self.phase, next) {
            if !seen.head.wants_keep_alive {
                self.phase = Phase::Over(End::Closed);
            }
            self.seen.push(*seen);
        }
    }
}
