//! The three forms of a line: `combined`, `json`, and one for a person at a terminal.

use std::io::Write;
use std::net::Ipv6Addr;
use std::time::Duration;

use uncork_protocol::Version;

use super::escape::{push_json, push_visible};
use super::record::Record;
use crate::request_id::{IdText, RequestId};
use crate::sys;

/// How a line is written; see `docs/reference/log-format.md`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// As Apache and nginx have it under that name.
    Combined,
    /// One JSON object.
    Json,
    Terminal {
        has_colour: bool,
    },
}

/// Bytes that the texts of a peer may take in a line.
#[derive(Debug, Clone, Copy)]
pub(super) struct Widths {
    pub(super) target: usize,
    pub(super) field: usize,
}

impl Widths {
    pub(super) const FULL: Self = Self { target: usize::MAX, field: usize::MAX };
    /// So that a line has less than 4,096 bytes, whatever the peer sent.
    pub(super) const NARROW: Self = Self { target: 1400, field: 400 };
}

/// Most lines are no longer.
const USUAL_BYTES: usize = 512;

/// Makes lines; keeps what neighbouring ones share.
#[derive(Debug)]
pub(super) struct LineMaker {
    format: LogFormat,
    second: u64,
    /// The line's beginning, or, in `combined`, what stands between the brackets.
    second_text: Vec<u8>,
    peer: Option<[u8; 16]>,
    peer_text: Vec<u8>,
    /// What ends an object, with the worker in it.
    json_end: Vec<u8>,
}

impl LineMaker {
    /// For lines of the worker with this process id.
    pub(super) fn new(format: LogFormat, process: u32) -> Self {
        let json_end = format!(",\"worker\":{process},\"aborted\":").into_bytes();
        Self { format, second: u64::MAX, second_text: Vec::new(), peer: None, peer_text: Vec::new(), json_end }
    }

    /// Appends the line of `record`, whose request came `wall` after the epoch.
    pub(super) fn push(&mut self, out: &mut Vec<u8>, record: &Record<'_>, wall: Duration, widths: Widths) {
        // What a terminal shows is when it was over.
        let wall = if matches!(self.format, LogFormat::Terminal { .. }) { wall + record.taken } else { wall };
        if wall.as_secs() != self.second {
            self.second = wall.as_secs();
            self.second_text.clear();
            push_second(&mut self.second_text, self.format, self.second);
        }
        if record.peer != self.peer || self.peer_text.is_empty() {
            self.peer = record.peer;
            self.peer_text.clear();
            self.push_peer();
        }
        match self.format {
            LogFormat::Combined => self.push_combined(out, record, widths),
            LogFormat::Json => self.push_json(out, record, wall.subsec_millis(), widths),
            LogFormat::Terminal { has_colour } => self.push_terminal(out, record, has_colour, widths),
        }
        out.push(b'\n');
    }

    fn push_peer(&mut self) {
        let peer = self.peer.map(|octets| Ipv6Addr::from(octets).to_canonical());
        // Writing to memory does not fail.
        let _ = match (self.format, peer) {
            (LogFormat::Json, Some(peer)) => write!(self.peer_text, "Z\",\"client\":\"{peer}\""),
            (LogFormat::Json, None) => write!(self.peer_text, "Z\",\"client\":null"),
            (_, Some(peer)) => write!(self.peer_text, "{peer}"),
            (_, None) => write!(self.peer_text, "-"),
        };
    }

    fn push_combined(&self, out: &mut Vec<u8>, record: &Record<'_>, widths: Widths) {
        out.extend_from_slice(&self.peer_text);
        out.extend_from_slice(b" - ");
        if record.user.is_empty() {
            out.push(b'-');
        } else {
            let start = out.len();
            push_visible(out, record.user, widths.field);
            // A blank would end the field.
            out[start..].iter_mut().filter(|byte| **byte == b' ').for_each(|byte| *byte = b'_');
        }
        out.extend_from_slice(b" [");
        out.extend_from_slice(&self.second_text);
        out.extend_from_slice(b"] \"");
        push_request_line(out, record, widths);
        out.extend_from_slice(b"\" ");
        push_digits::<3>(out, record.status.into());
        out.push(b' ');
        push_decimal(out, record.body_bytes);
        for text in [record.referer, record.agent] {
            out.extend_from_slice(b" \"");
            if text.is_empty() {
                out.push(b'-');
            }
            push_visible(out, text, widths.field);
            out.push(b'"');
        }
    }

    fn push_json(&self, out: &mut Vec<u8>, record: &Record<'_>, milliseconds: u32, widths: Widths) {
        out.reserve(USUAL_BYTES);
        out.extend_from_slice(&self.second_text);
        push_digits::<3>(out, milliseconds);
        out.extend_from_slice(&self.peer_text);
        push_text(out, (b",\"user\":\"", b",\"user\":null"), record.user, widths.field);
        push_text(out, (b",\"method\":\"", b",\"method\":null"), record.method, widths.field);
        push_text(out, (b",\"target\":\"", b",\"target\":null"), record.target, widths.target);
        out.extend_from_slice(match record.version {
            Some(Version::Http11) => b",\"protocol\":\"HTTP/1.1\",\"status\":",
            Some(Version::Http10) => b",\"protocol\":\"HTTP/1.0\",\"status\":",
            None => b",\"protocol\":null,\"status\":",
        });
        push_digits::<3>(out, record.status.into());
        out.extend_from_slice(b",\"bytes\":");
        push_decimal(out, record.body_bytes);
        out.extend_from_slice(b",\"seconds\":");
        push_seconds(out, record.taken);
        out.extend_from_slice(b",\"queue_seconds\":");
        push_seconds(out, record.queued);
        let id = record.id.map(RequestId::text);
        let id = id.as_ref().map_or(&b""[..], IdText::as_bytes);
        push_text(out, (b",\"request_id\":\"", b",\"request_id\":null"), id, widths.field);
        push_text(out, (b",\"referer\":\"", b",\"referer\":null"), record.referer, widths.field);
        push_text(out, (b",\"user_agent\":\"", b",\"user_agent\":null"), record.agent, widths.field);
        out.extend_from_slice(&self.json_end);
        out.extend_from_slice(if record.is_aborted { b"true}" } else { b"false}" });
    }

    fn push_terminal(&self, out: &mut Vec<u8>, record: &Record<'_>, has_colour: bool, widths: Widths) {
        out.extend_from_slice(&self.second_text);
        out.push(b' ');
        if has_colour {
            let colour = match record.status {
                500.. => b'1',
                400.. => b'3',
                300.. => b'6',
                _ => b'2',
            };
            out.extend_from_slice(&[0x1b, b'[', b'3', colour, b'm']);
        }
        push_digits::<3>(out, record.status.into());
        if has_colour {
            out.extend_from_slice(b"\x1b[0m");
        }
        out.push(b' ');
        push_visible(out, if record.method.is_empty() { b"-" } else { record.method }, widths.field);
        out.push(b' ');
        push_visible(out, record.target, widths.target);
        out.push(b' ');
        push_size(out, record.body_bytes);
        out.extend_from_slice(b" in ");
        push_span(out, record.taken);
        if record.queued >= Duration::from_millis(1) {
            out.extend_from_slice(b", after ");
            push_span(out, record.queued);
            out.extend_from_slice(b" in the queue");
        }
        out.extend_from_slice(b", for ");
        out.extend_from_slice(&self.peer_text);
        if record.is_aborted {
            out.extend_from_slice(b", broken off");
        }
        if let (500.., Some(id)) = (record.status, record.id) {
            out.extend_from_slice(b" [");
            push_visible(out, id.text().as_bytes(), widths.field);
            out.push(b']');
        }
    }
}

fn push_request_line(out: &mut Vec<u8>, record: &Record<'_>, widths: Widths) {
    if record.method.is_empty() {
        if record.target.is_empty() {
            out.push(b'-');
        }
        return push_visible(out, record.target, widths.target);
    }
    push_visible(out, record.method, widths.field);
    out.push(b' ');
    push_visible(out, record.target, widths.target);
    out.push(b' ');
    out.extend_from_slice(record.version.unwrap_or(Version::Http11).as_str().as_bytes());
}

fn push_second(out: &mut Vec<u8>, format: LogFormat, second: u64) {
    let is_local = format != LogFormat::Json;
    let date = sys::calendar(second, is_local);
    let (hour, minute, second) = (date.hour, date.minute, date.second);
    // Writing to memory does not fail.
    let _ = match format {
        LogFormat::Combined => {
            let month = MONTHS[date.month.clamp(1, 12) as usize - 1];
            let zone = date.offset_seconds.abs() / 60;
            let sign = if date.offset_seconds < 0 { '-' } else { '+' };
            write!(
                out,
                "{:02}/{month}/{:04}:{hour:02}:{minute:02}:{second:02} {sign}{:02}{:02}",
                date.day,
                date.year,
                zone / 60,
                zone % 60
            )
        }
        LogFormat::Json => {
            write!(
                out,
                "{{\"time\":\"{:04}-{:02}-{:02}T{hour:02}:{minute:02}:{second:02}.",
                date.year, date.month, date.day
            )
        }
        LogFormat::Terminal { .. } => write!(out, "{hour:02}:{minute:02}:{second:02}"),
    };
}

const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// `names` are what stands before a text, and instead of one that is empty.
#[inline]
fn push_text<const NAME: usize, const NULL: usize>(
    out: &mut Vec<u8>,
    names: (&[u8; NAME], &[u8; NULL]),
    text: &[u8],
    limit: usize,
) {
    if text.is_empty() {
        return out.extend_from_slice(names.1);
    }
    out.extend_from_slice(names.0);
    push_json(out, text, limit);
    out.push(b'"');
}

fn push_seconds(out: &mut Vec<u8>, time: Duration) {
    match time.as_secs() {
        0 => out.extend_from_slice(b"0."),
        seconds => {
            push_decimal(out, seconds);
            out.push(b'.');
        }
    }
    push_digits::<6>(out, time.subsec_micros());
}

fn push_span(out: &mut Vec<u8>, time: Duration) {
    let (number, unit) = match time {
        _ if time >= Duration::from_secs(1) => (time.as_secs_f64(), "s"),
        _ => (time.as_secs_f64() * 1000.0, "ms"),
    };
    let _ = write!(out, "{number:.1} {unit}");
}

fn push_size(out: &mut Vec<u8>, bytes: u64) {
    let _ = match bytes {
        0..1000 => write!(out, "{bytes} B"),
        1000..1_000_000 => write!(out, "{:.1} kB", bytes as f64 / 1e3),
        _ => write!(out, "{:.1} MB", bytes as f64 / 1e6),
    };
}

fn push_decimal(out: &mut Vec<u8>, mut number: u64) {
    let mut digits = [b'0'; 20];
    let mut start = digits.len() - 1;
    while number > 9 {
        digits[start] = b'0' + (number % 10) as u8;
        number /= 10;
        start -= 1;
    }
    digits[start] = b'0' + number as u8;
    out.extend_from_slice(&digits[start..]);
}

/// Writes the last digits of `number`.
#[inline]
fn push_digits<const COUNT: usize>(out: &mut Vec<u8>, mut number: u32) {
    let mut digits = [b'0'; COUNT];
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
    }
    out.extend_from_slice(&digits);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::request_id::OwnId;

    const WALL: Duration = Duration::from_millis(1_792_756_800_123);

    fn record() -> Record<'static> {
        Record {
            method: b"GET",
            target: b"/a?b=c",
            version: Some(Version::Http11),
            peer: Some(std::net::Ipv4Addr::new(192, 0, 2, 7).to_ipv6_mapped().octets()),
            status: 200,
            body_bytes: 1234,
            is_aborted: false,
            arrived: Duration::ZERO,
            queued: Duration::from_micros(20),
            taken: Duration::from_micros(1_003_400),
            referer: b"",
            agent: b"curl/8",
            user: b"",
            id: Some(RequestId::Own(OwnId { worker: 1, number: 0xabc })),
        }
    }

    fn line(format: LogFormat, record: &Record<'_>, widths: Widths) -> String {
        let mut out = Vec::new();
        LineMaker::new(format, 42).push(&mut out, record, WALL, widths);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_json_line_has_all_fields_in_their_order() {
        assert_eq!(
            line(LogFormat::Json, &record(), Widths::FULL),
            "{\"time\":\"2026-10-23T12:00:00.123Z\",\"client\":\"192.0.2.7\",\"user\":null,\"method\":\"GET\",\
             \"target\":\"/a?b=c\",\"protocol\":\"HTTP/1.1\",\"status\":200,\"bytes\":1234,\"seconds\":1.003400,\
             \"queue_seconds\":0.000020,\"request_id\":\"000000010000000000000abc\",\"referer\":null,\
             \"user_agent\":\"curl/8\",\"worker\":42,\"aborted\":false}\n"
        );
    }

    #[test]
    fn a_combined_line_is_that_of_apache_and_nginx() {
        let known = Record { user: b"bob b", referer: b"http://r/\"", is_aborted: true, ..record() };
        let text = line(LogFormat::Combined, &known, Widths::FULL);
        let (before, rest) = text.split_once('[').unwrap();
        let (time, behind) = rest.split_once(']').unwrap();
        assert_eq!(before, "192.0.2.7 - bob_b ");
        assert_eq!(behind, " \"GET /a?b=c HTTP/1.1\" 200 1234 \"http://r/\\x22\" \"curl/8\"\n");
        assert_eq!(time.len(), "23/Oct/2026:08:00:00 +0000".len(), "{time}");
    }

    #[test]
    fn a_terminal_line_says_what_is_out_of_the_ordinary() {
        let plain = line(LogFormat::Terminal { has_colour: false }, &record(), Widths::FULL);
        assert!(plain.ends_with(" 200 GET /a?b=c 1.2 kB in 1.0 s, for 192.0.2.7\n"), "{plain}");
        let odd = Record { status: 500, is_aborted: true, queued: Duration::from_millis(5), peer: None, ..record() };
        let odd = line(LogFormat::Terminal { has_colour: true }, &odd, Widths::FULL);
        let end = " \x1b[31m500\x1b[0m GET /a?b=c 1.2 kB in 1.0 s, after 5.0 ms in the queue, for -, broken off \
                   [000000010000000000000abc]\n";
        assert!(odd.ends_with(end), "{odd}");
    }

    #[test]
    fn what_was_not_understood_stands_in_the_place_of_the_request_line() {
        let odd = Record { method: b"", version: None, target: b"\x16\x03\x01", id: None, peer: None, ..record() };
        assert!(line(LogFormat::Combined, &odd, Widths::FULL).contains("] \"\\x16\\x03\\x01\" 200"));
        let json: serde_json::Value = serde_json::from_str(&line(LogFormat::Json, &odd, Widths::FULL)).unwrap();
        assert_eq!(json["target"], "\u{16}\u{3}\u{1}");
        for field in ["method", "protocol", "client", "request_id"] {
            assert!(json[field].is_null(), "{field}");
        }
    }

    fn hostile() -> impl Strategy<Value = Vec<u8>> {
        let piece = prop_oneof![
            any::<u8>().prop_map(|byte| vec![byte]),
            any::<char>().prop_map(|character| character.to_string().into_bytes()),
            Just(b"\r\n127.0.0.1 - - [".to_vec()),
            Just(b"\",\"status\":200,\"".to_vec()),
            Just("\u{2028}\u{85}\u{1b}[31m\u{202e}\\".as_bytes().to_vec()),
        ];
        proptest::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn whatever_a_peer_sends_each_line_is_one_line(
            texts in proptest::array::uniform6(hostile()),
            repeat in 1..60usize,
        ) {
            let [method, target, referer, agent, user, id] = texts;
            let target = target.repeat(repeat);
            let agent = agent.repeat(repeat);
            let sent = Record {
                method: &method,
                target: &target,
                referer: &referer,
                agent: &agent,
                user: &user,
                id: Some(RequestId::Given(&id[..id.len().min(128)])),
                ..record()
            };
            for widths in [Widths::FULL, Widths::NARROW] {
                let combined = line(LogFormat::Combined, &sent, widths);
                prop_assert!(combined.trim_end_matches('\n').bytes().all(|byte| (b' '..=b'~').contains(&byte)));
                prop_assert_eq!(combined.bytes().filter(|&byte| byte == b'"').count(), 6);
                let terminal = line(LogFormat::Terminal { has_colour: false }, &sent, widths);
                prop_assert!(terminal.trim_end_matches('\n').bytes().all(|byte| (b' '..=b'~').contains(&byte)));
                let json = line(LogFormat::Json, &sent, widths);
                prop_assert_eq!(json.chars().filter(|character| character.is_control()).count(), 1);
                let value: serde_json::Value = serde_json::from_str(&json).unwrap();
                prop_assert_eq!(value.as_object().unwrap().len(), 15);
                prop_assert_eq!(&value["status"], 200);
                if widths.target == Widths::NARROW.target {
                    prop_assert!([&combined, &terminal, &json].iter().all(|line| line.len() <= 4096));
                }
            }
        }
    }
}
