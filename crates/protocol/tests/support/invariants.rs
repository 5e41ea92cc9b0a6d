//! What must be true of any bytes whatsoever: the entry points of the property tests and of the
//! fuzz targets. Each panics where it is not.

use uncork_protocol::http1::{BodyDecoder, BodyEncoder, BodyStep, HeadScanner, ResponseFraming, parse_head};
use uncork_protocol::{PeerError, RequestFraming, RequestHead, Version};

use super::exchange::{LIMITS, MAX_TRAILER_BYTES, exchange};

/// However `data` is cut, a connection makes the same requests of it, and none is ambiguous.
pub fn requests(data: &[u8]) {
    let whole = exchange([data]);
    assert_eq!(whole, exchange(data.chunks(1)), "whole and byte by byte differ");
    assert_eq!(whole, exchange(pieces(data)), "whole and in pieces differ");
    for seen in &whole.requests {
        assert_is_unambiguous(&seen.head, &seen.body);
    }
}

/// A head that was read, and is written again, is read as the same head; and another parser
/// finds the same in it.
pub fn head(data: &[u8]) {
    let Ok(Some(range)) = HeadScanner::default().scan(data, &LIMITS) else {
        return;
    };
    let Ok(first) = parse_head(data[range.start..range.end].to_vec(), &LIMITS) else {
        return;
    };
    assert_is_read_alike(&data[range.start..range.end], &first);
    let mut bytes = [first.method(), b" ", first.target(), b" ", first.version.as_str().as_bytes()].concat();
    for (name, value) in first.fields() {
        bytes.extend([b"\r\n", name, b": ", value].concat());
    }
    bytes.extend_from_slice(b"\r\n\r\n");
    let second = parse_head(bytes, &LIMITS).expect("what was read once can be read again");
    assert_eq!((first.method(), first.target()), (second.method(), second.target()));
    assert_eq!((first.path(), first.query(), first.authority()), (second.path(), second.query(), second.authority()));
    assert_eq!((first.version, first.framing), (second.version, second.framing));
    assert_eq!((first.wants_keep_alive, first.wants_upgrade), (second.wants_keep_alive, second.wants_upgrade));
    assert_eq!(first.expects_continue, second.expects_continue);
    assert!(first.fields().eq(second.fields()), "the fields differ");
}

fn assert_is_read_alike(data: &[u8], head: &RequestHead) {
    let mut fields = [httparse::EMPTY_HEADER; 256];
    let mut other = httparse::Request::new(&mut fields);
    assert_eq!(other.parse(data), Ok(httparse::Status::Complete(data.len())), "another parser sees another end");
    assert_eq!(other.method.map(str::as_bytes), Some(head.method()));
    assert_eq!(other.path.map(str::as_bytes), Some(head.target()));
    assert_eq!(other.version, Some(if head.version == Version::Http10 { 0 } else { 1 }));
    let others = other.headers.iter().map(|field| (field.name.as_bytes(), field.value));
    assert!(others.eq(head.fields()), "another parser sees other fields");
}

/// Chunks are decoded alike however they are cut, and encoding what came out is no change.
/// Where there is an empty line, they begin behind it, so that whole requests serve as seeds.
pub fn chunked(data: &[u8]) {
    let start = data.windows(4).position(|bytes| bytes == b"\r\n\r\n").map_or(0, |end_of_head| end_of_head + 4);
    let input = &data[start..];
    let whole = decode([input]);
    assert_eq!(whole, decode(input.chunks(1)), "whole and byte by byte differ");
    assert_eq!(whole, decode(pieces(input)), "whole and in pieces differ");
    let Ok(Some((body, rest))) = whole else {
        return;
    };
    let mut encoder = BodyEncoder::new(ResponseFraming::Chunked);
    let mut encoded = Vec::new();
    for piece in pieces(&body) {
        let mut before = Vec::new();
        let (data, behind) = encoder.encode(piece, &mut before);
        encoded.extend([&before, data, behind].concat());
    }
    encoded.extend_from_slice(encoder.end());
    encoded.extend_from_slice(&rest);
    assert_eq!(decode([&encoded[..]]), Ok(Some((body, rest))), "encoding it again changes it");
}

/// A body and what stands behind it; `None` when it is not complete.
type Decoded = Result<Option<(Vec<u8>, Vec<u8>)>, PeerError>;

fn decode<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Decoded {
    let mut decoder = BodyDecoder::new(RequestFraming::Chunked, MAX_TRAILER_BYTES);
    let (mut body, mut rest) = (Vec::new(), Vec::new());
    let mut is_over = false;
    for mut piece in pieces {
        while !is_over {
            let (used, step) = decoder.step(piece)?;
            piece = &piece[used..];
            match step {
                BodyStep::Data(data) => body.extend_from_slice(data),
                BodyStep::NeedMore => break,
                BodyStep::End => is_over = true,
            }
        }
        rest.extend_from_slice(piece);
    }
    Ok(is_over.then_some((body, rest)))
}

/// Holds a request that was let through to what attackers play with, read off its fields anew.
fn assert_is_unambiguous(head: &RequestHead, body: &[u8]) {
    let values = |wanted: &str| -> Vec<&[u8]> {
        let is_wanted = |name: &[u8]| name.eq_ignore_ascii_case(wanted.as_bytes());
        head.fields().filter(|(name, _)| is_wanted(name)).map(|(_, value)| value).collect()
    };
    let (lengths, codings, hosts) = (values("content-length"), values("transfer-encoding"), values("host"));
    match (&lengths[..], &codings[..]) {
        ([], []) => assert!(body.is_empty(), "a body without framing"),
        ([length], []) => {
            assert!(length.iter().all(u8::is_ascii_digit), "a length that is no number");
            let length: usize = String::from_utf8_lossy(length).parse().expect("a length that fits");
            assert_eq!(length, body.len(), "a body that is not as long as it says");
        }
        ([], [coding]) => {
            assert!(coding.eq_ignore_ascii_case(b"chunked"), "a coding that is not `chunked`");
            assert_eq!(head.version, Version::Http11, "a coding in HTTP/1.0");
        }
        _ => panic!("more than one framing: {lengths:?} {codings:?}"),
    }
    assert!(hosts.len() == 1 || hosts.is_empty() && head.version == Version::Http10, "{} hosts", hosts.len());
    let is_visible = |bytes: &[u8]| bytes.iter().all(|&byte| byte > b' ' && byte != 0x7f);
    assert!(is_visible(head.method()) && is_visible(head.target()), "a request line that can be split otherwise");
    for (name, value) in head.fields() {
        assert!(is_visible(name) && name.is_ascii(), "a name that can be read otherwise");
        assert!(value.iter().all(|byte| !matches!(byte, b'\r' | b'\n' | 0)), "a value that can be split");
        assert!(value.trim_ascii() == value, "white space around a value");
    }
}

/// Cuts `data` at places that depend on the data alone, so that a failure can be repeated.
fn pieces(data: &[u8]) -> Vec<&[u8]> {
    let mut state =
        data.iter().fold(data.len() as u32 | 1, |state, &byte| state.wrapping_mul(16_777_619) ^ u32::from(byte));
    let mut pieces = Vec::new();
    let mut rest = data;
    while !rest.is_empty() {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let (piece, behind) = rest.split_at((1 + (state >> 24) as usize % 23).min(rest.len()));
        pieces.push(piece);
        rest = behind;
    }
    pieces
}
