//! One answered request on its way to the log: packed into bytes by the thread that ends the
//! answer, unpacked by the thread that writes.

use std::net::IpAddr;
use std::time::Duration;

use uncork_protocol::{RequestHead, Version};

use super::basic_user::basic_user;
use crate::connection::ConnectionInfo;
use crate::request_id::{OwnId, RequestId};

/// Longest texts that are kept of a request; what is longer is of no use to anybody.
const LONGEST: usize = 16 * 1024;
const LONGEST_LINE: usize = 1024;
const LONGEST_SHORT: usize = 255;

/// What is said of one request; times are those of the scoreboard's clock.
#[derive(Debug)]
pub(crate) struct Entry<'a> {
    pub(crate) asked: Asked<'a>,
    pub(crate) info: &'a ConnectionInfo,
    /// What the peer was answered with.
    pub(crate) status: u16,
    /// Bytes of the answer's body that were sent.
    pub(crate) body_bytes: u64,
    /// Whether the peer did not get the whole answer.
    pub(crate) is_aborted: bool,
    /// When the request was complete, or, of one that never was, since when it was waited for.
    pub(crate) arrived_ns: u64,
    /// When the application was called; zero when it was not.
    pub(crate) called_ns: u64,
    pub(crate) ended_ns: u64,
    /// `None` where requests are called nothing.
    pub(crate) id: Option<RequestId<'a>>,
}

/// What is known of what a peer asked for.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Asked<'a> {
    Head(&'a RequestHead),
    /// The first bytes of what was to be a head, or nothing.
    Bytes(&'a [u8]),
}

impl<'a> Asked<'a> {
    pub(crate) fn head(self) -> Option<&'a RequestHead> {
        match self {
            Self::Head(head) => Some(head),
            Self::Bytes(_) => None,
        }
    }
}

/// An entry, read back.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Record<'a> {
    /// Empty: `target` is the first line of what was not understood.
    pub(super) method: &'a [u8],
    pub(super) target: &'a [u8],
    pub(super) version: Option<Version>,
    /// Its address, as one of IPv6.
    pub(super) peer: Option<[u8; 16]>,
    pub(super) status: u16,
    pub(super) body_bytes: u64,
    pub(super) is_aborted: bool,
    /// On the scoreboard's clock.
    pub(super) arrived: Duration,
    pub(super) queued: Duration,
    pub(super) taken: Duration,
    /// What was not sent is empty.
    pub(super) referer: &'a [u8],
    pub(super) agent: &'a [u8],
    pub(super) user: &'a [u8],
    pub(super) id: Option<RequestId<'a>>,
}

const IS_ABORTED: u8 = 1;
const HAS_PEER: u8 = 2;
const IS_HTTP_10: u8 = 4;
const IS_HTTP_11: u8 = 8;
const HAS_OWN_ID: u8 = 16;

/// Where things stand in the first bytes of a record. They are read where they were written: in
/// this machine's order.
mod at {
    pub(super) const LENGTH: usize = 0;
    pub(super) const STATUS: usize = 4;
    pub(super) const FLAGS: usize = 6;
    pub(super) const BODY_BYTES: usize = 8;
    pub(super) const ARRIVED: usize = 16;
    pub(super) const QUEUED: usize = 24;
    pub(super) const TAKEN: usize = 32;
    pub(super) const PEER: usize = 40;
    pub(super) const NUMBER: usize = 56;
    pub(super) const WORKER: usize = 64;
    pub(super) const LENGTHS: usize = 68;
    pub(super) const TEXTS: usize = 80;
}

type Fixed = [u8; at::TEXTS];

/// Appends `entry` to `out`.
pub(super) fn pack(out: &mut Vec<u8>, entry: &Entry<'_>) {
    let mut texts = Texts::default();
    match entry.asked {
        Asked::Head(head) => texts.take_head(head),
        Asked::Bytes(bytes) => texts.take_bytes(bytes),
    }
    let mut fixed: Fixed = [0; at::TEXTS];
    let mut flags = match texts.version {
        Some(Version::Http10) => IS_HTTP_10,
        Some(Version::Http11) => IS_HTTP_11,
        None => 0,
    };
    if entry.is_aborted {
        flags |= IS_ABORTED;
    }
    if let Some(peer) = entry.info.peer {
        flags |= HAS_PEER;
        let address = match peer.ip() {
            IpAddr::V4(address) => address.to_ipv6_mapped().octets(),
            IpAddr::V6(address) => address.octets(),
        };
        put(&mut fixed, at::PEER, address);
    }
    let id = match entry.id {
        Some(RequestId::Own(id)) => {
            flags |= HAS_OWN_ID;
            put(&mut fixed, at::NUMBER, id.number.to_ne_bytes());
            put(&mut fixed, at::WORKER, id.worker.to_ne_bytes());
            b""
        }
        Some(RequestId::Given(id)) => id,
        None => b"",
    };
    let parts = [
        cut(texts.method, LONGEST_SHORT),
        cut(texts.target, LONGEST),
        cut(texts.referer, LONGEST),
        cut(texts.agent, LONGEST),
        cut(&texts.user, LONGEST_SHORT),
        cut(id, LONGEST_SHORT),
    ];
    let mut length = at::TEXTS;
    for (index, part) in parts.iter().enumerate() {
        put(&mut fixed, at::LENGTHS + 2 * index, (part.len() as u16).to_ne_bytes());
        length += part.len();
    }
    let queued = entry.called_ns.saturating_sub(entry.arrived_ns);
    put(&mut fixed, at::LENGTH, (length as u32).to_ne_bytes());
    put(&mut fixed, at::STATUS, entry.status.to_ne_bytes());
    put(&mut fixed, at::FLAGS, [flags]);
    put(&mut fixed, at::BODY_BYTES, entry.body_bytes.to_ne_bytes());
    put(&mut fixed, at::ARRIVED, entry.arrived_ns.to_ne_bytes());
    put(&mut fixed, at::QUEUED, queued.to_ne_bytes());
    put(&mut fixed, at::TAKEN, entry.ended_ns.saturating_sub(entry.arrived_ns).to_ne_bytes());
    out.reserve(length);
    out.extend_from_slice(&fixed);
    for part in parts {
        if !part.is_empty() {
            out.extend_from_slice(part);
        }
    }
}

/// The record at the beginning of `bytes`, and how long it is; `None` at the end.
pub(super) fn unpack(bytes: &[u8]) -> Option<(Record<'_>, usize)> {
    let fixed: &Fixed = bytes.first_chunk()?;
    let length = u32::from_ne_bytes(take(fixed, at::LENGTH)) as usize;
    let [flags] = take(fixed, at::FLAGS);
    let mut rest = &bytes[at::TEXTS..];
    let mut text = |index: usize| {
        let length = u16::from_ne_bytes(take(fixed, at::LENGTHS + 2 * index));
        let (text, behind) = rest.split_at_checked(length.into()).unwrap_or_default();
        rest = behind;
        text
    };
    let (method, target, referer, agent, user, id) = (text(0), text(1), text(2), text(3), text(4), text(5));
    let own_id = OwnId {
        worker: u32::from_ne_bytes(take(fixed, at::WORKER)),
        number: u64::from_ne_bytes(take(fixed, at::NUMBER)),
    };
    let id = match id {
        _ if flags & HAS_OWN_ID != 0 => Some(RequestId::Own(own_id)),
        b"" => None,
        id => Some(RequestId::Given(id)),
    };
    let version = match flags & (IS_HTTP_10 | IS_HTTP_11) {
        IS_HTTP_10 => Some(Version::Http10),
        IS_HTTP_11 => Some(Version::Http11),
        _ => None,
    };
    let record = Record {
        method,
        target,
        version,
        peer: (flags & HAS_PEER != 0).then(|| take(fixed, at::PEER)),
        status: u16::from_ne_bytes(take(fixed, at::STATUS)),
        body_bytes: u64::from_ne_bytes(take(fixed, at::BODY_BYTES)),
        is_aborted: flags & IS_ABORTED != 0,
        arrived: Duration::from_nanos(u64::from_ne_bytes(take(fixed, at::ARRIVED))),
        queued: Duration::from_nanos(u64::from_ne_bytes(take(fixed, at::QUEUED))),
        taken: Duration::from_nanos(u64::from_ne_bytes(take(fixed, at::TAKEN))),
        referer,
        agent,
        user,
        id,
    };
    Some((record, length))
}

#[inline(always)]
fn put<const LENGTH: usize>(fixed: &mut Fixed, at: usize, bytes: [u8; LENGTH]) {
    fixed[at..at + LENGTH].copy_from_slice(&bytes);
}

#[inline(always)]
fn take<const LENGTH: usize>(fixed: &Fixed, at: usize) -> [u8; LENGTH] {
    let mut bytes = [0; LENGTH];
    bytes.copy_from_slice(&fixed[at..at + LENGTH]);
    bytes
}

/// The texts of a request.
#[derive(Default)]
struct Texts<'a> {
    method: &'a [u8],
    target: &'a [u8],
    version: Option<Version>,
    referer: &'a [u8],
    agent: &'a [u8],
    user: Vec<u8>,
}

impl<'a> Texts<'a> {
    fn take_head(&mut self, head: &'a RequestHead) {
        self.method = head.method();
        self.target = head.target();
        self.version = Some(head.version);
        for (name, value) in head.fields() {
            match name.len() {
                7 if name.eq_ignore_ascii_case(b"referer") => self.referer = value,
                10 if name.eq_ignore_ascii_case(b"user-agent") => self.agent = value,
                13 if name.eq_ignore_ascii_case(b"authorization") => self.user = basic_user(value),
                _ => {}
            }
        }
    }

    /// The first line, in its three parts where it has them.
    fn take_bytes(&mut self, bytes: &'a [u8]) {
        // Empty lines before it count for nothing (RFC 9112 §2.2).
        let start = bytes.iter().position(|byte| !matches!(byte, b'\r' | b'\n')).unwrap_or(bytes.len());
        let mut line = &bytes[start..];
        if let Some(end) = line.iter().position(|byte| matches!(byte, b'\r' | b'\n')) {
            line = &line[..end];
        }
        let mut parts = line.split(|&byte| byte == b' ');
        let parts = [(); 4].map(|()| parts.next());
        if let [Some(method), Some(target), Some(version @ (b"HTTP/1.0" | b"HTTP/1.1")), None] = parts {
            if uncork_protocol::headers::is_token(method) && !target.is_empty() {
                self.method = method;
                self.target = target;
                self.version = Some(if version == b"HTTP/1.0" { Version::Http10 } else { Version::Http11 });
                return;
            }
        }
        self.target = cut(line, LONGEST_LINE);
    }
}

fn cut(bytes: &[u8], limit: usize) -> &[u8] {
    &bytes[..bytes.len().min(limit)]
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use uncork_protocol::http1::{HeadLimits, parse_head};

    use super::*;
    use crate::ListenerInfo;

    fn packed(asked: Asked<'_>, id: Option<RequestId<'_>>) -> Vec<u8> {
        let listener = ListenerInfo { server_name: "h".to_owned(), server_port: "80".to_owned(), is_tls: false };
        let info = ConnectionInfo { peer: Some("192.0.2.7:80".parse().unwrap()), listener: Arc::new(listener) };
        let mut out = b"before".to_vec();
        let entry = Entry {
            asked,
            info: &info,
            status: 404,
            body_bytes: u64::MAX,
            is_aborted: true,
            arrived_ns: 1_000_000,
            called_ns: 3_000_000,
            ended_ns: 7_000_000,
            id,
        };
        pack(&mut out, &entry);
        out.split_off(6)
    }

    #[test]
    fn what_is_packed_comes_out_again() {
        let limits = HeadLimits { max_head_bytes: 1024, max_target_bytes: 256, max_fields: 8 };
        let bytes = b"GET /a?b HTTP/1.0\r\nUser-Agent: x y\r\nreferer: z\r\nAuthorization: Basic YTpi\r\n\r\n";
        let head = parse_head(bytes.to_vec(), &limits).unwrap();
        let own = RequestId::Own(OwnId { worker: 7, number: 8 });
        let bytes = packed(Asked::Head(&head), Some(own));
        let (record, length) = unpack(&bytes).unwrap();
        assert_eq!(length, bytes.len());
        assert_eq!(
            record,
            Record {
                method: b"GET",
                target: b"/a?b",
                version: Some(Version::Http10),
                peer: Some(std::net::Ipv4Addr::new(192, 0, 2, 7).to_ipv6_mapped().octets()),
                status: 404,
                body_bytes: u64::MAX,
                is_aborted: true,
                arrived: Duration::from_millis(1),
                queued: Duration::from_millis(2),
                taken: Duration::from_millis(6),
                referer: b"z",
                agent: b"x y",
                user: b"a",
                id: Some(own),
            }
        );
        assert!(unpack(&bytes[length..]).is_none());
    }

    #[test]
    fn a_line_that_is_no_request_is_taken_apart_where_it_can_be() {
        let long = [b'x'; 5000];
        for (bytes, method, target, version) in [
            (&b"\r\nGET /x HTTP/1.1\r\nBad"[..], &b"GET"[..], &b"/x"[..], Some(Version::Http11)),
            (b"GET /x HTTP/1.0", b"GET", b"/x", Some(Version::Http10)),
            (b"GET /x HTTP/9.9\r\n", b"", b"GET /x HTTP/9.9", None),
            (b"GET  HTTP/1.1\n", b"", b"GET  HTTP/1.1", None),
            (b"\x16\x03\x01", b"", b"\x16\x03\x01", None),
            (&long, b"", &long[..LONGEST_LINE], None),
            (b"", b"", b"", None),
        ] {
            let bytes = packed(Asked::Bytes(bytes), Some(RequestId::Given(b"i")));
            let (record, _) = unpack(&bytes).unwrap();
            assert_eq!((record.method, record.target, record.version), (method, target, version));
            assert_eq!(record.id, Some(RequestId::Given(b"i")));
        }
    }
}
