//! Takes the framing off a request's body, whichever it is.

use super::chunked::ChunkedDecoder;
use crate::{PeerError, RequestFraming};

/// Reads one request's body, over as many calls as it needs.
#[derive(Debug)]
pub struct BodyDecoder(Framing);

#[derive(Debug)]
enum Framing {
    Length { remaining: u64 },
    Chunked(Box<ChunkedDecoder>),
}

/// What a piece of input held.
#[derive(Debug, PartialEq, Eq)]
pub enum BodyStep<'input> {
    /// Data of the body; call again with what follows.
    Data(&'input [u8]),
    /// The input is used up and the body goes on.
    NeedMore,
    /// The body is over; what follows belongs to the next request.
    End,
}

impl BodyDecoder {
    /// A decoder for the body that follows a head with this `framing`, and for up to
    /// `max_trailer_bytes` of trailer fields behind it.
    pub fn new(framing: RequestFraming, max_trailer_bytes: usize) -> Self {
        Self(match framing {
            RequestFraming::None => Framing::Length { remaining: 0 },
            RequestFraming::Length(remaining) => Framing::Length { remaining },
            RequestFraming::Chunked => Framing::Chunked(Box::new(ChunkedDecoder::new(max_trailer_bytes))),
        })
    }

    /// Reads from `input`. Returns how many bytes of it are used, and what they were.
    ///
    /// # Errors
    /// `400` for chunks that break RFC 9112 §7.1, `431` for trailers over the limit.
    pub fn step<'input>(&mut self, input: &'input [u8]) -> Result<(usize, BodyStep<'input>), PeerError> {
        match &mut self.0 {
            Framing::Length { remaining: 0 } => Ok((0, BodyStep::End)),
            Framing::Length { .. } if input.is_empty() => Ok((0, BodyStep::NeedMore)),
            Framing::Length { remaining } => {
                let length = usize::try_from(*remaining).unwrap_or(usize::MAX).min(input.len());
                *remaining -= length as u64;
                Ok((length, BodyStep::Data(&input[..length])))
            }
            Framing::Chunked(decoder) => decoder.step(input),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A body and what is left behind it, or `None` when the body is not complete.
    type Decoded = Result<Option<(Vec<u8>, Vec<u8>)>, PeerError>;

    /// Decodes in pieces of `piece` bytes.
    fn decode(framing: RequestFraming, input: &[u8], piece: usize) -> Decoded {
        let mut decoder = BodyDecoder::new(framing, 16 * 1024);
        let mut body = Vec::new();
        let mut position = 0;
        let mut end = 0;
        loop {
            let (used, step) = decoder.step(&input[position..end])?;
            position += used;
            match step {
                BodyStep::Data(data) => body.extend_from_slice(data),
                BodyStep::End => return Ok(Some((body, input[position..].to_vec()))),
                BodyStep::NeedMore if end == input.len() => return Ok(None),
                BodyStep::NeedMore => end = (end + piece).min(input.len()),
            }
        }
    }

    /// Decodes whole and byte by byte, and holds the two against each other.
    fn both_ways(framing: RequestFraming, input: &[u8]) -> Decoded {
        let whole = decode(framing, input, input.len().max(1));
        assert_eq!(whole, decode(framing, input, 1), "{input:?}");
        whole
    }

    fn body_and_rest(body: &[u8], rest: &[u8]) -> Decoded {
        Ok(Some((body.to_vec(), rest.to_vec())))
    }

    #[test]
    fn a_length_is_counted() {
        assert_eq!(both_ways(RequestFraming::Length(3), b"abcGET"), body_and_rest(b"abc", b"GET"));
        assert_eq!(both_ways(RequestFraming::Length(4), b"abc"), Ok(None));
        assert_eq!(both_ways(RequestFraming::None, b"GET"), body_and_rest(b"", b"GET"));
    }

    #[test]
    fn chunks_are_joined_and_their_trimmings_dropped() {
        for (input, body, rest) in [
            (&b"3\r\nabc\r\n0\r\n\r\nGET"[..], &b"abc"[..], &b"GET"[..]),
            (b"1\r\na\r\nA\r\n0123456789\r\n0\r\n\r\n", b"a0123456789", b""),
            (b"1;a=b;c=\"d\"\r\nx\r\n0;z\r\n\r\n", b"x", b""),
            (b"1 ; a\r\nx\r\n000\r\n\r\n", b"x", b""),
            (b"1;a;b \t;\tc = d ;e=\"\\\";\xff\" ;f\r\nx\r\n0\r\n\r\n", b"x", b""),
            (b"0\r\nX-Checksum: 1\r\nB:\r\n\r\n", b"", b""),
        ] {
            assert_eq!(both_ways(RequestFraming::Chunked, input), body_and_rest(body, rest), "{input:?}");
        }
    }

    #[test]
    fn a_cut_off_body_is_never_complete() {
        let whole = b"3;x=y\r\nabc\r\n0\r\nA: b\r\n\r\n";
        for end in 0..whole.len() {
            assert_eq!(both_ways(RequestFraming::Chunked, &whole[..end]), Ok(None), "cut at {end}");
        }
    }

    #[test]
    fn chunks_that_two_parsers_could_read_differently_are_refused() {
        for bad in [
            &b"0x1\r\na\r\n"[..],
            b"\r\n",
            b" 1\r\na\r\n",
            b"+1\r\na\r\n",
            b"1_0\r\n",
            b"-1\r\n",
            b"g\r\n",
            b";a\r\n",
            b"1\na\r\n",
            b"1\r\nab\r\n",
            b"1\r\na\n",
            b"1\r\na\r\r",
            b"1\ra",
            b"1;\x0b\r\n",
            b"1 \r\n",
            b"1;\r\n",
            b"1;a;\r\n",
            b"1;a=\r\n",
            b"1;a \r\n",
            b"1;=b\r\n",
            b"1;a b\r\n",
            b"1;a=b=c\r\n",
            b"1;a=\"b\r\n",
            b"1;a=\"b\\\r\n",
            b"1;a=\"b\"c\r\n",
            b"1;a=\"b\x7f\"\r\n",
            b"1;a\nb\r\n",
            b"1;a\rb",
            b"1 1\r\n",
            b"0000000000000001\r\na",
            b"ffffffffffffffff\r\n",
            b"0\r\n: b\r\n\r\n",
            b"0\r\nA b: c\r\n\r\n",
            b"0\r\n A: c\r\n\r\n",
            b"0\r\nA : c\r\n\r\n",
            b"0\r\nA: \0\r\n\r\n",
            b"0\r\nContent-Length: 1\r\n\r\n",
            b"0\r\ntransfer-encoding: chunked\r\n\r\n",
            b"0\r\nA: b\nC: d\r\n\r\n",
            b"0\r\n\n",
            b"0\r\nA: b\r\r\n",
        ] {
            assert_eq!(both_ways(RequestFraming::Chunked, bad).unwrap_err().status, 400, "{bad:?}");
        }
    }

    #[test]
    fn extensions_and_trailers_have_limits() {
        let extensions = [b"1;".as_slice(), &[b'a'; 17 * 1024]].concat();
        assert_eq!(decode(RequestFraming::Chunked, &extensions, 4096).unwrap_err().status, 400);
        let trailers = [b"0\r\nA: ".as_slice(), &[b'a'; 17 * 1024]].concat();
        assert_eq!(decode(RequestFraming::Chunked, &trailers, 4096).unwrap_err().status, 431);
    }
}
