//! A request's head, whichever protocol it came by.

use crate::PeerError;

/// Where a piece of a head lies in the bytes of that head.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Span {
    start: u32,
    end: u32,
}

impl Span {
    /// The span of `part`, which must be a slice of `whole`; `None` when it is not.
    pub(crate) fn of(part: &[u8], whole: &[u8]) -> Option<Self> {
        let start = (part.as_ptr() as usize).checked_sub(whole.as_ptr() as usize)?;
        let end = start.checked_add(part.len())?;
        if end > whole.len() {
            return None;
        }
        Some(Self { start: u32::try_from(start).ok()?, end: u32::try_from(end).ok()? })
    }

    /// The bytes that this span stands for.
    #[inline]
    pub fn of_bytes(self, bytes: &[u8]) -> &[u8] {
        &bytes[self.start as usize..self.end as usize]
    }
}

/// One field line: a name and a value without the white space around it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field {
    pub name: Span,
    pub value: Span,
}

/// The versions of HTTP whose heads are read (RFC 9112 §2.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Version {
    Http10,
    Http11,
}

impl Version {
    /// As CGI's `SERVER_PROTOCOL` spells it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Http10 => "HTTP/1.0",
            Self::Http11 => "HTTP/1.1",
        }
    }
}

/// How the end of a request's body is known (RFC 9112 §6.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestFraming {
    /// There is no body.
    None,
    /// The body has this many bytes.
    Length(u64),
    /// The body comes in chunks and ends with an empty one.
    Chunked,
}

/// A request's head, parsed and found valid. It owns its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestHead {
    pub(crate) bytes: Vec<u8>,
    pub(crate) method: Span,
    pub(crate) target: Span,
    pub(crate) path: Span,
    pub(crate) query: Span,
    pub(crate) authority: Option<Span>,
    pub(crate) fields: Vec<Field>,
    /// The version that the peer speaks.
    pub version: Version,
    /// How the end of the body is known.
    pub framing: RequestFraming,
    /// Whether the peer wants the connection kept after the answer (RFC 9112 §9.3).
    pub wants_keep_alive: bool,
    /// Whether the peer offers to speak another protocol on this connection (RFC 9110 §7.8).
    pub wants_upgrade: bool,
    /// Whether the peer waits for `100 Continue` before it sends the body (RFC 9110 §10.1.1).
    pub expects_continue: bool,
}

/// What a head was kept in, to be used for another one, which then needs no new memory.
#[derive(Debug, Default)]
pub struct HeadBuffers {
    pub(crate) bytes: Vec<u8>,
    pub(crate) fields: Vec<Field>,
}

impl HeadBuffers {
    /// Buffers that hold `bytes`, to be parsed.
    pub fn filled_with(mut self, bytes: &[u8]) -> Self {
        self.bytes.clear();
        self.bytes.extend_from_slice(bytes);
        self
    }
}

impl RequestHead {
    /// Gives back what it is kept in.
    pub fn into_buffers(self) -> HeadBuffers {
        HeadBuffers { bytes: self.bytes, fields: self.fields }
    }

    /// The method, a token; its case counts.
    #[inline]
    pub fn method(&self) -> &[u8] {
        self.method.of_bytes(&self.bytes)
    }

    /// The request target exactly as it was sent.
    #[inline]
    pub fn target(&self) -> &[u8] {
        self.target.of_bytes(&self.bytes)
    }

    /// The path of the target, still percent-encoded; `*` for the asterisk form.
    #[inline]
    pub fn path(&self) -> &[u8] {
        self.path.of_bytes(&self.bytes)
    }

    /// What stands after the first `?` of the target; empty when there is none.
    #[inline]
    pub fn query(&self) -> &[u8] {
        self.query.of_bytes(&self.bytes)
    }

    /// The host and port that the target names, in its absolute form only. It takes the
    /// place of `Host` (RFC 9112 §3.2.2).
    pub fn authority(&self) -> Option<&[u8]> {
        self.authority.map(|span| span.of_bytes(&self.bytes))
    }

    /// Holds what the target says of the connection against what it is: `https`, in the absolute
    /// form, is asked for on a secured connection, or through a gateway (RFC 9110 §7.4).
    ///
    /// # Errors
    /// `421` when it is not.
    pub fn check_scheme(&self, is_secured: bool) -> Result<(), PeerError> {
        let wants_secured = self.authority.is_some() && self.target()[..5].eq_ignore_ascii_case(b"https");
        if wants_secured && !is_secured {
            return Err(PeerError::new(421, "`https` is asked for on a connection without TLS (RFC 9110 §7.4)"));
        }
        Ok(())
    }

    /// The fields in the order in which they came.
    pub fn fields(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.fields.iter().map(|field| (field.name.of_bytes(&self.bytes), field.value.of_bytes(&self.bytes)))
    }

    /// Whether the method is `HEAD`, whose answer has no body.
    #[inline]
    pub fn is_head(&self) -> bool {
        self.method() == b"HEAD"
    }
}
