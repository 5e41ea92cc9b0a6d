//! The keys `HTTP_…` of fields, made once for those that come every day.

use pyo3::prelude::*;
use pyo3::types::PyString;

/// Fields whose values seldom change from one request to the next: what a client says about
/// itself, and a proxy about the site. None of them is a secret.
const STEADY: &[&str] = &[
    "accept",
    "accept-charset",
    "accept-encoding",
    "accept-language",
    "cache-control",
    "connection",
    "dnt",
    "host",
    "keep-alive",
    "origin",
    "pragma",
    "priority",
    "sec-ch-ua",
    "sec-ch-ua-mobile",
    "sec-ch-ua-platform",
    "sec-fetch-dest",
    "sec-fetch-mode",
    "sec-fetch-site",
    "sec-fetch-user",
    "sec-gpc",
    "te",
    "upgrade-insecure-requests",
    "user-agent",
    "via",
    "x-forwarded-host",
    "x-forwarded-port",
    "x-forwarded-prefix",
    "x-forwarded-proto",
    "x-requested-with",
];

/// Other fields that browsers, proxies and clients of APIs send.
const EVERYDAY: &[&str] = &[
    "access-control-request-headers",
    "access-control-request-method",
    "authorization",
    "content-disposition",
    "content-encoding",
    "content-language",
    "cookie",
    "date",
    "expect",
    "forwarded",
    "from",
    "if-match",
    "if-modified-since",
    "if-none-match",
    "if-range",
    "if-unmodified-since",
    "max-forwards",
    "range",
    "referer",
    "sec-websocket-extensions",
    "sec-websocket-key",
    "sec-websocket-protocol",
    "sec-websocket-version",
    "traceparent",
    "tracestate",
    "upgrade",
    "x-api-key",
    "x-correlation-id",
    "x-csrf-token",
    "x-csrftoken",
    "x-forwarded-for",
    "x-real-ip",
    "x-request-id",
];

/// How many fields are known by number.
pub(super) const KNOWN: usize = STEADY.len() + EVERYDAY.len();

/// Longest name of a known field.
const LONGEST: usize = 32;

/// Places in the table: enough that a look-up seldom has to go on to the next one.
const PLACES: usize = 256;

/// A place in the table that holds nothing.
const EMPTY: u8 = u8::MAX;

/// A field that is known: its number counts from zero, those with steady values first.
#[derive(Clone, Copy)]
pub(super) struct KnownField<'a> {
    pub(super) number: usize,
    pub(super) key: &'a Py<PyString>,
}

impl KnownField<'_> {
    /// Whether the next request is likely to have the same value.
    pub(super) fn is_steady(self) -> bool {
        self.number < STEADY.len()
    }

    /// This field, among fields that have been seen.
    pub(super) fn bit(self) -> u64 {
        1 << self.number
    }
}

/// Names of fields and their keys. The table is fixed, so nobody can choose names that collide
/// in it.
pub(super) struct FieldKeys {
    /// Numbers of fields, each at its hash or behind it.
    places: [u8; PLACES],
    known: Vec<(Padded, Py<PyString>)>,
}

impl FieldKeys {
    pub(super) fn new(py: Python<'_>) -> Self {
        const { assert!(KNOWN <= u64::BITS as usize, "the fields of a request that were seen are kept as bits") }
        let mut keys = Self { places: [EMPTY; PLACES], known: Vec::with_capacity(KNOWN) };
        for name in STEADY.iter().chain(EVERYDAY).filter_map(|name| Padded::lower(name.as_bytes())) {
            let mut place = name.hash();
            while keys.places[place] != EMPTY {
                place = (place + 1) % PLACES;
            }
            keys.places[place] = keys.known.len() as u8;
            let key = PyString::intern(py, &spell(name.without_padding())).unbind();
            keys.known.push((name, key));
        }
        keys
    }

    /// The field `name`, a token whose case does not count, if it is known.
    pub(super) fn known(&self, name: &[u8]) -> Option<KnownField<'_>> {
        let name = Padded::lower(name)?;
        let mut place = name.hash();
        loop {
            let number = usize::from(self.places[place]);
            let (other, key) = self.known.get(number)?;
            if *other == name {
                return Some(KnownField { number, key });
            }
            place = (place + 1) % PLACES;
        }
    }
}

/// The key of the field `name`.
pub(super) fn key<'py>(py: Python<'py>, name: &[u8]) -> Bound<'py, PyString> {
    PyString::new(py, &spell(name))
}

/// A short name in small letters, with zeros behind it, which no token contains.
#[derive(PartialEq, Eq)]
struct Padded([u8; LONGEST]);

impl Padded {
    fn lower(name: &[u8]) -> Option<Self> {
        let mut padded = [0; LONGEST];
        padded.get_mut(..name.len())?.copy_from_slice(name);
        padded.make_ascii_lowercase();
        Some(Self(padded))
    }

    fn without_padding(&self) -> &[u8] {
        self.0.split(|&byte| byte == 0).next().unwrap_or_default()
    }

    fn hash(&self) -> usize {
        let word = |bytes: &[u8]| u64::from_le_bytes(bytes.try_into().expect("a word has eight bytes"));
        let mix = |sum: u64, word: u64| (sum.rotate_left(5) ^ word).wrapping_mul(MULTIPLIER);
        (self.0.chunks_exact(8).map(word).fold(0, mix) >> 56) as usize % PLACES
    }
}

/// Odd, with its bits well spread: 2⁶⁴ divided by the golden ratio.
const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;

/// `User-Agent` as `HTTP_USER_AGENT` (RFC 3875 §4.1.18).
pub(super) fn spell(name: &[u8]) -> String {
    let letter = |&byte: &u8| if byte == b'-' { '_' } else { byte.to_ascii_uppercase() as char };
    "HTTP_".chars().chain(name.iter().map(letter)).collect()
}
