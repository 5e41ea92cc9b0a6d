//! HTTP/1.0 and HTTP/1.1 (RFC 9112), server side.
//!
//! Requests: `HeadScanner` finds where a head ends, however it was cut; `parse_head` makes a
//! `RequestHead` of it or refuses it; `BodyDecoder` takes the framing off the body.
//! Answers: `HeadEncoder` checks what the application gave and chooses the framing,
//! `BodyEncoder` puts it on.
//!
//! Strict: what RFC 9112 says must be rejected is rejected, and nothing is repaired, since a
//! repair is where two parsers come to disagree about where a request ends.

mod body;
mod chunked;
mod head;
mod response;
mod scanner;
mod tokens;

pub use body::{BodyDecoder, BodyStep};
pub use head::{parse_head, parse_head_in};
pub use response::{
    AppMistake, BodyEncoder, HeadEncoder, HeadFacts, ResponseFraming, peer_error_response, reason_phrase, write_field,
};
pub use scanner::HeadScanner;

/// How large a head may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeadLimits {
    /// Bytes of the whole head, the empty line included.
    pub max_head_bytes: usize,
    /// Bytes of the request target.
    pub max_target_bytes: usize,
    /// Field lines.
    pub max_fields: usize,
}
