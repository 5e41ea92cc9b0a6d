//! Takes the chunks off a body (RFC 9112 §7.1).
//!
//! Chunk extensions are checked and dropped; trailers are checked and dropped, since PEP 3333
//! has no place for them. A trailer that names framing is refused (RFC 9110 §6.5.1).

use super::body::BodyStep;
use crate::PeerError;
use crate::headers::{is_field_value_byte, is_token_byte};

/// Bytes of extensions in one body. node and Go refuse more than 16 KiB since attackers hid
/// gigabytes there (CVE-2024-22019).
const MAX_EXTENSION_BYTES: usize = 16 * 1024;

/// Reads one chunked body.
#[derive(Debug)]
pub(super) struct ChunkedDecoder {
    state: State,
    /// Of the chunk being read: `size` while its digits come, what is left while its data come.
    remaining: u64,
    size_digits: u8,
    extension_bytes: usize,
    trailer_bytes: usize,
    max_trailer_bytes: usize,
    /// The name of the trailer field being read, as far as it matters: 24 bytes.
    name: [u8; 24],
    name_length: usize,
}

/// What the next byte must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Size,
    /// White space that only a `;` may follow.
    BeforeSemicolon,
    ExtensionStart,
    ExtensionName,
    BeforeEquals,
    ExtensionValueStart,
    ExtensionValue,
    Quoted,
    QuotedPair,
    BehindQuoted,
    SizeLf,
    Data,
    DataCr,
    DataLf,
    TrailerStart,
    TrailerName,
    TrailerValue,
    TrailerLf,
    EndLf,
    End,
}

impl ChunkedDecoder {
    pub(super) fn new(max_trailer_bytes: usize) -> Self {
        Self {
            state: State::Size,
            remaining: 0,
            size_digits: 0,
            extension_bytes: 0,
            trailer_bytes: 0,
            max_trailer_bytes,
            name: [0; 24],
            name_length: 0,
        }
    }

    /// As `BodyDecoder::step`.
    pub(super) fn step<'input>(&mut self, input: &'input [u8]) -> Result<(usize, BodyStep<'input>), PeerError> {
        let mut position = 0;
        while position < input.len() && self.state != State::End {
            if self.state == State::Data {
                let length = usize::try_from(self.remaining).unwrap_or(usize::MAX).min(input.len() - position);
                let data = &input[position..position + length];
                self.remaining -= length as u64;
                if self.remaining == 0 {
                    self.state = State::DataCr;
                }
                return Ok((position + length, BodyStep::Data(data)));
            }
            self.state = self.next(input[position])?;
            position += 1;
        }
        if self.state == State::End {
            return Ok((position, BodyStep::End));
        }
        Ok((position, BodyStep::NeedMore))
    }

    fn next(&mut self, byte: u8) -> Result<State, PeerError> {
        match (self.state, byte) {
            (State::Size, _) if byte.is_ascii_hexdigit() => self.digit(byte),
            (State::Size, b'\r') if self.size_digits > 0 => Ok(State::SizeLf),
            (State::Size, b' ' | b'\t') if self.size_digits > 0 => self.extension(State::BeforeSemicolon),
            (State::Size, b';') if self.size_digits > 0 => self.extension(State::ExtensionStart),
            (State::Size, _) => {
                Err(PeerError::bad_request("a chunk's size is not a hexadecimal number (RFC 9112 §7.1)"))
            }
            (State::SizeLf, b'\n') => {
                self.size_digits = 0;
                Ok(if self.remaining == 0 { State::TrailerStart } else { State::Data })
            }
            (State::DataCr, b'\r') => Ok(State::DataLf),
            (State::DataLf, b'\n') => Ok(State::Size),
            (State::DataCr | State::DataLf, _) => {
                Err(PeerError::bad_request("a chunk is longer than its size (RFC 9112 §7.1)"))
            }
            (State::TrailerStart, b'\r') => Ok(State::EndLf),
            (State::TrailerStart, _) => {
                self.name_length = 0;
                self.name_byte(byte)
            }
            (State::TrailerName, b':') => self.end_of_name(),
            (State::TrailerName, _) => self.name_byte(byte),
            (State::TrailerValue, b'\r') => Ok(State::TrailerLf),
            (State::TrailerValue, _) if is_field_value_byte(byte) => self.trailer(State::TrailerValue),
            (State::TrailerValue, _) => Err(PeerError::bad_request("a control character in a trailer (RFC 9110 §5.5)")),
            (State::TrailerLf, b'\n') => Ok(State::TrailerStart),
            (State::EndLf, b'\n') => Ok(State::End),
            (State::SizeLf | State::TrailerLf | State::EndLf, _) => {
                Err(PeerError::bad_request("a CR without an LF (RFC 9112 §2.2)"))
            }
            (State::Data | State::End, _) => Ok(self.state),
            (State::ExtensionName | State::ExtensionValue | State::BehindQuoted, b'\r') => Ok(State::SizeLf),
            _ => {
                let next = extension_after(self.state, byte).ok_or(PeerError::bad_request(
                    "a chunk extension is not `;name` or `;name=value` (RFC 9112 §7.1.1)",
                ))?;
                self.extension(next)
            }
        }
    }

    fn digit(&mut self, byte: u8) -> Result<State, PeerError> {
        let digit = match byte {
            b'0'..=b'9' => byte - b'0',
            _ => (byte | 0x20) - b'a' + 10,
        };
        // Leading zeros count too: a size that is not short is not honest.
        if self.size_digits == 15 {
            return Err(PeerError::bad_request("a chunk's size is too large (RFC 9112 §7.1)"));
        }
        if self.size_digits == 0 {
            self.remaining = 0;
        }
        self.size_digits += 1;
        self.remaining = (self.remaining << 4) | u64::from(digit);
        Ok(State::Size)
    }

    fn extension(&mut self, next: State) -> Result<State, PeerError> {
        self.extension_bytes += 1;
        if self.extension_bytes > MAX_EXTENSION_BYTES {
            return Err(PeerError::bad_request("too many chunk extensions (RFC 9112 §7.1.1)"));
        }
        Ok(next)
    }

    fn trailer(&mut self, next: State) -> Result<State, PeerError> {
        self.trailer_bytes += 1;
        if self.trailer_bytes > self.max_trailer_bytes {
            return Err(PeerError::new(431, "the trailer fields are too large (RFC 6585 §5)"));
        }
        Ok(next)
    }

    fn name_byte(&mut self, byte: u8) -> Result<State, PeerError> {
        if !is_token_byte(byte) {
            return Err(PeerError::bad_request("a trailer's name is not a token (RFC 9112 §5.1)"));
        }
        if let Some(room) = self.name.get_mut(self.name_length) {
            *room = byte.to_ascii_lowercase();
        }
        self.name_length += 1;
        self.trailer(State::TrailerName)
    }

    fn end_of_name(&mut self) -> Result<State, PeerError> {
        let name = self.name.get(..self.name_length).unwrap_or(b"");
        if matches!(
            name,
            b"content-length" | b"transfer-encoding" | b"host" | b"trailer" | b"connection" | b"te" | b"upgrade"
        ) {
            return Err(PeerError::bad_request("a trailer names framing or routing (RFC 9110 §6.5.1)"));
        }
        self.trailer(State::TrailerValue)
    }
}

/// Where `byte` leads within the extensions, `None` where it must not stand. What they say is
/// of no matter; where they end is, and a quote that is never closed leaves that open.
fn extension_after(state: State, byte: u8) -> Option<State> {
    let is_space = matches!(byte, b' ' | b'\t');
    let is_token = is_token_byte(byte);
    match state {
        State::BeforeSemicolon | State::ExtensionValue | State::BehindQuoted if is_space => {
            Some(State::BeforeSemicolon)
        }
        State::ExtensionName | State::BeforeEquals if is_space => Some(State::BeforeEquals),
        State::ExtensionStart | State::ExtensionValueStart if is_space => Some(state),
        State::BeforeSemicolon
        | State::ExtensionName
        | State::BeforeEquals
        | State::ExtensionValue
        | State::BehindQuoted
            if byte == b';' =>
        {
            Some(State::ExtensionStart)
        }
        State::ExtensionStart | State::ExtensionName if is_token => Some(State::ExtensionName),
        State::ExtensionName | State::BeforeEquals if byte == b'=' => Some(State::ExtensionValueStart),
        State::ExtensionValueStart | State::ExtensionValue if is_token => Some(State::ExtensionValue),
        State::ExtensionValueStart | State::Quoted if byte == b'"' => {
            Some(if state == State::Quoted { State::BehindQuoted } else { State::Quoted })
        }
        State::Quoted if byte == b'\\' => Some(State::QuotedPair),
        State::Quoted | State::QuotedPair if is_field_value_byte(byte) => Some(State::Quoted),
        _ => None,
    }
}
