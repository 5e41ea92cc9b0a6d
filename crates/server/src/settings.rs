//! The limits and times that a server keeps.

use std::time::Duration;

use crate::late_calls::{FOREVER_NS, nanoseconds};

use uncork_protocol::PeerError;
use uncork_protocol::http1::HeadLimits;

use crate::access_log::AccessLogSettings;

/// Every setting of a server. Whoever makes one has validated it.
#[derive(Debug, Clone)]
pub struct ServerSettings {
    /// Application threads at the most; at least 1.
    pub max_threads: usize,
    /// Requests that may wait when every thread is busy; the next one is answered `503`.
    pub max_queue: usize,
    /// How long a request may wait for a thread before it is answered `503`.
    pub queue_timeout: Duration,
    /// Connections at the most. For a further one the longest idle one is closed; where none is
    /// idle, one is taken in nevertheless, and the next waits in the kernel's backlog.
    pub max_connections: usize,
    /// Requests on one connection; `None` for no limit.
    pub keep_alive_requests: Option<u64>,
    /// Bytes of a request's head, its empty line included.
    pub max_head_bytes: usize,
    /// Bytes of a request's target.
    pub max_target_bytes: usize,
    /// Bytes of the trailer fields behind a request's body.
    pub max_trailer_bytes: usize,
    /// Field lines of a request's head.
    pub max_fields: usize,
    /// Bytes of a request's body; `None` for no limit.
    pub max_body_bytes: Option<u64>,
    /// Whether the application is called as soon as a head is complete, and reads the body while
    /// it comes.
    pub streams_bodies: bool,
    /// Bytes of a request's body that are kept in memory; a longer one goes to a file.
    pub body_buffer_bytes: usize,
    /// Bytes of an answer that a slow peer may leave untaken before its thread waits.
    pub output_buffer_bytes: usize,
    /// How long a connection may stay open without a request; zero for one request only.
    pub keep_alive: Duration,
    /// From a head's first byte, or the connection's start, to the head's end.
    pub head_timeout: Duration,
    /// How long a peer may send nothing of a request's body, or less than `min_rate` asks for.
    pub body_timeout: Duration,
    /// How long a peer may take nothing of an answer, or less than `min_rate` asks for.
    pub write_timeout: Duration,
    /// How long a call of the application may give nothing to the peer; `None` for no limit.
    pub request_timeout: Option<Duration>,
    /// Other limits for some paths: the first pattern that matches holds. One that ends with `*`
    /// is the begin of a path.
    pub request_timeouts: Vec<(String, Option<Duration>)>,
    /// How long a call that was over its time may take to end.
    pub request_grace: Duration,
    /// Bytes per second that a peer must send or take, on average over a timeout, to be given
    /// that time once more; zero lets any progress do.
    pub min_rate: u64,
    /// Whether there is an access log, and how it is kept.
    pub access_log: Option<AccessLogSettings>,
    /// The field in which a client may say what its request is called; `None`: no request is
    /// called anything.
    pub request_id_header: Option<String>,
    /// Whether the application and the client are told of it too, and not the log alone.
    pub shows_request_ids: bool,
    /// What paths begin with that the application has beside those of its user; they are not
    /// logged. Empty: there are none.
    pub own_prefix: String,
}

impl ServerSettings {
    pub(crate) fn head_limits(&self) -> HeadLimits {
        HeadLimits {
            max_head_bytes: self.max_head_bytes,
            max_target_bytes: self.max_target_bytes,
            max_fields: self.max_fields,
        }
    }

    /// Refuses a body of `length` bytes, or of which so many have come, if that is too large.
    pub(crate) fn check_body_size(&self, length: u64) -> Result<(), PeerError> {
        match self.max_body_bytes {
            Some(limit) if length > limit => {
                Err(PeerError::new(413, "the body is larger than this server takes (RFC 9110 §15.5.14)"))
            }
            _ => Ok(()),
        }
    }

    /// How long a call for `path` may give nothing to the peer.
    pub(crate) fn call_limit_ns(&self, path: &[u8]) -> u64 {
        let is_match = |pattern: &str| match pattern.strip_suffix('*') {
            Some(begin) => path.starts_with(begin.as_bytes()),
            None => path == pattern.as_bytes(),
        };
        let own = self.request_timeouts.iter().find(|(pattern, _)| is_match(pattern));
        own.map_or(self.request_timeout, |(_, limit)| *limit).map_or(FOREVER_NS, nanoseconds)
    }

    /// The shortest of these limits; `None` where there is none.
    pub(crate) fn shortest_call_limit_ns(&self) -> Option<u64> {
        let limits = self.request_timeouts.iter().map(|(_, limit)| *limit).chain([self.request_timeout]);
        limits.flatten().min().map(nanoseconds)
    }

    /// Bytes that must have been moved within `timeout` to be given it once more.
    pub(crate) fn least_progress(&self, timeout: Duration) -> u64 {
        (self.min_rate as f64 * timeout.as_secs_f64()) as u64
    }
}

impl Default for ServerSettings {
    fn default() -> Self {
        Self {
            max_threads: 64,
            max_queue: 1024,
            queue_timeout: Duration::from_secs(45),
            max_connections: 16_384,
            keep_alive_requests: None,
            max_head_bytes: 64 * 1024,
            max_target_bytes: 8 * 1024,
            max_trailer_bytes: 16 * 1024,
            max_fields: 100,
            max_body_bytes: None,
            streams_bodies: false,
            body_buffer_bytes: 1024 * 1024,
            output_buffer_bytes: 1024 * 1024,
            keep_alive: Duration::from_secs(75),
            head_timeout: Duration::from_secs(30),
            body_timeout: Duration::from_secs(30),
            write_timeout: Duration::from_secs(60),
            request_timeout: Some(Duration::from_secs(60)),
            request_timeouts: Vec::new(),
            request_grace: Duration::from_secs(5),
            min_rate: 500,
            access_log: None,
            request_id_header: None,
            shows_request_ids: false,
            own_prefix: String::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_pattern_that_matches_a_path_has_its_limit() {
        let second = Duration::from_secs(1);
        let limits = [("/a/b", Some(second)), ("/a/*", Some(3 * second)), ("/socket", None)];
        let settings = ServerSettings {
            request_timeouts: limits.map(|(pattern, limit)| (pattern.to_owned(), limit)).to_vec(),
            ..ServerSettings::default()
        };
        let limit = |path: &str| settings.call_limit_ns(path.as_bytes());
        assert_eq!(limit("/a/b"), nanoseconds(second));
        assert_eq!([limit("/a/"), limit("/a/b/c")], [nanoseconds(3 * second); 2]);
        assert_eq!([limit("/a"), limit("/")], [nanoseconds(60 * second); 2]);
        assert_eq!(limit("/socket"), FOREVER_NS);
        assert_eq!(settings.shortest_call_limit_ns(), Some(nanoseconds(second)));
    }
}
