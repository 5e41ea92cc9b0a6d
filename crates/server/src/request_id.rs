//! What a request is called in logs: as its client says, or by a name of ours.

use std::fs::File;
use std::io::Read;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use uncork_protocol::RequestHead;

/// Longest name that a client may give.
pub(crate) const LONGEST: usize = 128;

/// Bytes of a name of ours: eight of the worker, sixteen of the request.
const OWN_BYTES: usize = 24;

/// Names the requests of one worker.
#[derive(Debug)]
pub(crate) struct RequestIds {
    header: String,
    worker: u32,
    seed: u64,
    count: AtomicU64,
}

/// The name of one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestId<'a> {
    /// As its client has it.
    Given(&'a [u8]),
    Own(OwnId),
}

/// A name of ours: a number, until somebody wants to read it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OwnId {
    pub(crate) worker: u32,
    pub(crate) number: u64,
}

/// A name that can be read.
#[derive(Debug)]
pub enum IdText<'a> {
    Given(&'a [u8]),
    Own([u8; OWN_BYTES]),
}

impl<'a> RequestId<'a> {
    /// The name as it is written.
    pub fn text(self) -> IdText<'a> {
        match self {
            Self::Given(bytes) => IdText::Given(bytes),
            Self::Own(id) => IdText::Own(id.text()),
        }
    }

    /// The name, if it is one of ours.
    pub(crate) fn own(self) -> Option<OwnId> {
        match self {
            Self::Given(_) => None,
            Self::Own(id) => Some(id),
        }
    }
}

impl IdText<'_> {
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Given(bytes) => bytes,
            Self::Own(bytes) => bytes,
        }
    }
}

impl OwnId {
    pub(crate) fn text(self) -> [u8; OWN_BYTES] {
        let mut text = [0; OWN_BYTES];
        let mut bits = u128::from(self.worker) << 64 | u128::from(self.number);
        for digit in text.iter_mut().rev() {
            *digit = b"0123456789abcdef"[(bits & 15) as usize];
            bits >>= 4;
        }
        text
    }
}

impl RequestIds {
    /// Names for requests that may bring their own in the field `header`.
    pub(crate) fn new(header: &str) -> Self {
        let [worker, high, low] = random_words();
        let seed = u64::from(high) << 32 | u64::from(low);
        Self { header: header.to_owned(), worker, seed, count: AtomicU64::new(0) }
    }

    /// The field's name.
    pub(crate) fn header(&self) -> &[u8] {
        self.header.as_bytes()
    }

    /// The name of the request behind `head`, or of one without. No two of ours are the same, in
    /// all workers.
    pub(crate) fn name<'a>(&self, head: Option<&'a RequestHead>) -> RequestId<'a> {
        head.and_then(|head| self.given(head)).unwrap_or_else(|| self.own())
    }

    /// What the client calls the request behind `head`, if it does, and may.
    pub(crate) fn given<'a>(&self, head: &'a RequestHead) -> Option<RequestId<'a>> {
        given_id(head, self.header()).map(RequestId::Given)
    }

    fn own(&self) -> RequestId<'static> {
        // One number for each request, and no two give the same: but nobody sees how many there
        // were before (Vigna, splitmix64).
        let count = self.count.fetch_add(1, Ordering::Relaxed);
        let mut number = self.seed.wrapping_add(count.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        number ^= number >> 31;
        RequestId::Own(OwnId { worker: self.worker, number })
    }
}

/// The name that a client gave its request in the field `header`: one, and of characters that mean
/// nothing in logs, in headers and on a terminal.
pub fn given_id<'a>(head: &'a RequestHead, header: &[u8]) -> Option<&'a [u8]> {
    let mut given = head.fields().filter(|(name, _)| name.len() == header.len() && name.eq_ignore_ascii_case(header));
    match (given.next(), given.next()) {
        (Some((_, value)), None) if is_sane(value) => Some(value),
        _ => None,
    }
}

fn is_sane(value: &[u8]) -> bool {
    (1..=LONGEST).contains(&value.len())
        && value.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-._~:=+/@".contains(byte))
}

/// From the system, which no fork repeats.
fn random_words() -> [u32; 3] {
    let mut bytes = [0; 12];
    if File::open("/dev/urandom").and_then(|mut file| file.read_exact(&mut bytes)).is_err() {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_nanos() as u64);
        return [std::process::id(), (now >> 32) as u32, now as u32];
    }
    let [a, b, c, d, e, f, g, h, i, j, k, l] = bytes;
    [[a, b, c, d], [e, f, g, h], [i, j, k, l]].map(u32::from_ne_bytes)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use uncork_protocol::http1::{HeadLimits, parse_head};

    use super::*;

    fn head(fields: &str) -> RequestHead {
        let limits = HeadLimits { max_head_bytes: 1024, max_target_bytes: 256, max_fields: 8 };
        parse_head(format!("GET / HTTP/1.1\r\nHost: h\r\n{fields}\r\n").into_bytes(), &limits).unwrap()
    }

    #[test]
    fn a_client_may_name_its_request_once_and_with_harmless_characters() {
        let given = |fields: &str| given_id(&head(fields), b"X-Request-ID").map(<[u8]>::to_vec);
        assert_eq!(given("x-request-id: Root=1-5759e988/a+b@c.d_e~f:g\r\n").unwrap(), b"Root=1-5759e988/a+b@c.d_e~f:g");
        let long = format!("X-Request-ID: {}\r\n", "a".repeat(129));
        for fields in
            ["", "X-Request-ID: \r\n", "X-Request-ID: a b\r\n", "X-Request-ID: a\"\r\n", "X-Request-IS: a\r\n", &long]
        {
            assert_eq!(given(fields), None, "{fields}");
        }
        assert_eq!(given("X-Request-ID: a\r\nX-Request-ID: b\r\n"), None);
    }

    #[test]
    fn no_two_names_of_ours_are_the_same() {
        let head = head("");
        let workers = [RequestIds::new("X-Request-ID"), RequestIds::new("X-Request-ID")];
        let texts: HashSet<_> = workers
            .iter()
            .flat_map(|ids| (0..1000).map(|_| ids.name(Some(&head)).text().as_bytes().to_vec()))
            .collect();
        assert_eq!(texts.len(), 2000);
        assert!(texts.iter().all(|text| text.len() == OWN_BYTES && text.iter().all(u8::is_ascii_hexdigit)));
    }
}
