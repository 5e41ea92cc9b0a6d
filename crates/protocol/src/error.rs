//! What a peer can do wrong.

use std::fmt;

/// A request that can't be served as it was sent, with the status that says so.
///
/// After one of these the framing of the connection is not to be trusted: the answer is
/// sent, and the connection closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PeerError {
    /// The status code that the RFC names for this fault, `400` where it names none.
    pub status: u16,
    /// What was wrong, for the peer's developer, citing the rule.
    pub explanation: &'static str,
}

impl PeerError {
    /// A fault for which the status is `400`.
    pub const fn bad_request(explanation: &'static str) -> Self {
        Self::new(400, explanation)
    }

    /// A fault with a status of its own.
    pub const fn new(status: u16, explanation: &'static str) -> Self {
        Self { status, explanation }
    }
}

impl fmt::Display for PeerError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.status, self.explanation)
    }
}

impl std::error::Error for PeerError {}
