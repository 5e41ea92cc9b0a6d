//! The limits and times that a server keeps.

use std::time::Duration;

/// Every setting of a server. Whoever makes one has validated it.
#[derive(Debug, Clone)]
pub struct ServerSettings {
    /// Application threads at the most; at least 1.
    pub max_threads: usize,
    /// Requests that may wait when every thread is busy; the next one is answered `503`.
    pub max_queue: usize,
    /// Connections at the most; further ones wait in the kernel's backlog.
    pub max_connections: usize,
    /// Bytes of a request's head, its empty line included.
    pub max_head_bytes: usize,
    /// Field lines of a request's head.
    pub max_fields: usize,
    /// Bytes of a request's body; `None` for no limit.
    pub max_body_bytes: Option<u64>,
    /// Bytes of a request's body that are kept in memory; a longer one goes to a file.
    pub body_buffer_bytes: usize,
    /// Bytes of an answer that a slow peer may leave untaken before its thread waits.
    pub output_buffer_bytes: usize,
    /// How long a connection may stay open without a request; zero for one request only.
    pub keep_alive: Duration,
    /// From a head's first byte, or the connection's start, to the head's end.
    pub head_timeout: Duration,
    /// Between two pieces of a request's body.
    pub body_timeout: Duration,
    /// Between two pieces of an answer that the peer takes.
    pub write_timeout: Duration,
}

impl Default for ServerSettings {
    fn default() -> Self {
        Self {
            max_threads: 64,
            max_queue: 1024,
            max_connections: 10_000,
            max_head_bytes: 64 * 1024,
            max_fields: 100,
            max_body_bytes: None,
            body_buffer_bytes: 1024 * 1024,
            output_buffer_bytes: 1024 * 1024,
            keep_alive: Duration::from_secs(75),
            head_timeout: Duration::from_secs(30),
            body_timeout: Duration::from_secs(30),
            write_timeout: Duration::from_secs(60),
        }
    }
}
