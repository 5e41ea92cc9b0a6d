//! The protocols that uncork speaks, as bytes ⇄ events.
//!
//! ```text
//!   bytes of the peer ──▶ HeadScanner ─▶ parse_head ─▶ RequestHead ─▶ BodyDecoder ─▶ data, end
//!   bytes to the peer ◀── BodyEncoder ◀─ HeadEncoder ◀─ status and fields of the application
//! ```
//!
//! What is absent: sockets, files, clocks, threads, and Python. Buffers and the date are
//! arguments, so every rule can be tested from a table of bytes.

#![forbid(unsafe_code)]

mod error;
pub mod headers;
pub mod http1;
mod message;

pub use error::PeerError;
pub use message::{Field, HeadBuffers, RequestFraming, RequestHead, Span, Version};
