//! The keys `HTTP_…` of fields, made once for those that come every day.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use pyo3::prelude::*;
use pyo3::types::PyString;

/// Fields that browsers, proxies and clients of APIs send.
const EVERYDAY: &[&str] = &[
    "accept",
    "accept-charset",
    "accept-encoding",
    "accept-language",
    "access-control-request-headers",
    "access-control-request-method",
    "authorization",
    "cache-control",
    "connection",
    "content-disposition",
    "content-encoding",
    "content-language",
    "cookie",
    "date",
    "dnt",
    "expect",
    "forwarded",
    "from",
    "host",
    "if-match",
    "if-modified-since",
    "if-none-match",
    "if-range",
    "if-unmodified-since",
    "keep-alive",
    "max-forwards",
    "origin",
    "pragma",
    "priority",
    "range",
    "referer",
    "sec-ch-ua",
    "sec-ch-ua-mobile",
    "sec-ch-ua-platform",
    "sec-fetch-dest",
    "sec-fetch-mode",
    "sec-fetch-site",
    "sec-fetch-user",
    "sec-gpc",
    "sec-websocket-extensions",
    "sec-websocket-key",
    "sec-websocket-protocol",
    "sec-websocket-version",
    "te",
    "traceparent",
    "tracestate",
    "upgrade",
    "upgrade-insecure-requests",
    "user-agent",
    "via",
    "x-api-key",
    "x-correlation-id",
    "x-csrf-token",
    "x-csrftoken",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-port",
    "x-forwarded-prefix",
    "x-forwarded-proto",
    "x-real-ip",
    "x-request-id",
    "x-requested-with",
];

/// Longest name of `EVERYDAY`, for which room is kept on the stack.
const LONGEST: usize = 32;

/// FNV-1a. The table is fixed, so nobody can choose names that collide in it.
struct Fnv(u64);

impl Default for Fnv {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Hasher for Fnv {
    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

pub(super) struct FieldKeys {
    everyday: HashMap<&'static [u8], Py<PyString>, BuildHasherDefault<Fnv>>,
}

impl FieldKeys {
    pub(super) fn new(py: Python<'_>) -> Self {
        let key = |name: &'static str| (name.as_bytes(), PyString::intern(py, &spell(name.as_bytes())).unbind());
        Self { everyday: EVERYDAY.iter().copied().map(key).collect() }
    }

    /// The key of the field `name`, a token whose case does not count.
    pub(super) fn key<'py>(&self, py: Python<'py>, name: &[u8]) -> Bound<'py, PyString> {
        let mut room = [0; LONGEST];
        if let Some(lower) = room.get_mut(..name.len()) {
            lower.copy_from_slice(name);
            lower.make_ascii_lowercase();
            if let Some(key) = self.everyday.get(&*lower) {
                return key.bind(py).clone();
            }
        }
        PyString::new(py, &spell(name))
    }
}

/// `User-Agent` as `HTTP_USER_AGENT` (RFC 3875 §4.1.18).
fn spell(name: &[u8]) -> String {
    let letter = |&byte: &u8| if byte == b'-' { '_' } else { byte.to_ascii_uppercase() as char };
    "HTTP_".chars().chain(name.iter().map(letter)).collect()
}
