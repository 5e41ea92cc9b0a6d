//! A request's body while it comes in, and while the application reads it.
//!
//! In memory up to a limit, then in a temporary file that has no name, so that nothing is left
//! over whatever happens.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};

/// A body that has been received, or is being received.
#[derive(Debug, Default)]
pub struct BodyBuffer {
    memory: Vec<u8>,
    /// Holds the whole body, `memory`'s part included, once there is one.
    file: Option<File>,
    length: u64,
}

impl BodyBuffer {
    /// Bytes received.
    pub fn len(&self) -> u64 {
        self.length
    }

    /// Whether nothing was received.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Makes room for a body of `length` bytes, as far as it is going to be kept in memory.
    pub(crate) fn reserve(&mut self, length: u64, memory_limit: usize) {
        if let Ok(length) = usize::try_from(length) {
            if length <= memory_limit {
                self.memory.reserve_exact(length);
            }
        }
    }

    /// Adds `data`; moves everything to a file when more than `memory_limit` bytes came.
    ///
    /// # Errors
    /// The file can't be made or written: no space, or no directory for temporary files.
    pub(crate) fn append(&mut self, data: &[u8], memory_limit: usize) -> io::Result<()> {
        self.length += data.len() as u64;
        if let Some(file) = &mut self.file {
            return file.write_all(data);
        }
        if self.memory.len() + data.len() <= memory_limit {
            self.memory.extend_from_slice(data);
            return Ok(());
        }
        let mut file = tempfile::tempfile()?;
        file.write_all(&std::mem::take(&mut self.memory))?;
        file.write_all(data)?;
        self.file = Some(file);
        Ok(())
    }

    /// A reader at the body's start.
    ///
    /// # Errors
    /// The temporary file can't be rewound.
    pub fn into_reader(self) -> io::Result<BodyReader> {
        let source = match self.file {
            Some(mut file) => {
                file.seek(SeekFrom::Start(0))?;
                Source::File(file)
            }
            None => Source::Memory(self.memory),
        };
        Ok(BodyReader { source, position: 0, length: self.length })
    }
}

/// Reads a received body, from its start. The default is that of a body without bytes.
#[derive(Debug, Default)]
pub struct BodyReader {
    source: Source,
    /// `0 <= position <= length`
    position: u64,
    length: u64,
}

#[derive(Debug)]
enum Source {
    Memory(Vec<u8>),
    File(File),
}

impl Default for Source {
    fn default() -> Self {
        Self::Memory(Vec::new())
    }
}

impl BodyReader {
    /// Bytes of the whole body.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Where the next byte is read.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// Bytes that are left to read.
    pub fn remaining(&self) -> u64 {
        self.length - self.position
    }

    /// Whether reading may wait for a disk.
    pub fn is_file(&self) -> bool {
        matches!(self.source, Source::File(_))
    }

    /// Sets where the next byte is read; behind the end means at the end.
    ///
    /// # Errors
    /// The temporary file can't be sought.
    pub fn seek(&mut self, position: u64) -> io::Result<()> {
        self.position = position.min(self.length);
        if let Source::File(file) = &mut self.source {
            file.seek(SeekFrom::Start(self.position))?;
        }
        Ok(())
    }

    /// The next `limit` bytes, fewer only at the end of the body, where they lie; `None` when the
    /// body is in a file, and `read` must be used.
    pub fn next_in_memory(&mut self, limit: u64) -> Option<&[u8]> {
        let length = limit.min(self.remaining());
        let Source::Memory(memory) = &self.source else {
            return None;
        };
        let start = self.position as usize;
        self.position += length;
        Some(&memory[start..start + length as usize])
    }

    /// Appends up to `limit` bytes to `out`, fewer only at the end of the body.
    ///
    /// # Errors
    /// The temporary file can't be read.
    pub fn read(&mut self, limit: u64, out: &mut Vec<u8>) -> io::Result<()> {
        if let Some(bytes) = self.next_in_memory(limit) {
            out.extend_from_slice(bytes);
            return Ok(());
        }
        let length = limit.min(self.remaining());
        if let Source::File(file) = &mut self.source {
            let before = out.len();
            file.take(length).read_to_end(out)?;
            if ((out.len() - before) as u64) < length {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        self.position += length;
        Ok(())
    }

    /// Appends a line, its LF included, or up to `limit` bytes of it, to `out`.
    ///
    /// # Errors
    /// The temporary file can't be read.
    pub fn read_line(&mut self, limit: u64, out: &mut Vec<u8>) -> io::Result<()> {
        const PIECE: u64 = 8 * 1024;
        let limit = limit.min(self.remaining());
        if let Source::Memory(memory) = &self.source {
            let rest = &memory[self.position as usize..][..limit as usize];
            let end = rest.iter().position(|&byte| byte == b'\n').map_or(rest.len(), |at| at + 1);
            out.extend_from_slice(&rest[..end]);
            self.position += end as u64;
            return Ok(());
        }
        let mut left = limit;
        while left > 0 {
            let before = out.len();
            self.read(left.min(PIECE), out)?;
            if let Some(at) = out[before..].iter().position(|&byte| byte == b'\n') {
                let surplus = out.len() - (before + at + 1);
                out.truncate(before + at + 1);
                return self.seek(self.position - surplus as u64);
            }
            left -= (out.len() - before) as u64;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads the same body from memory and from a file, and holds the two against each other.
    fn both_ways<T: PartialEq + std::fmt::Debug>(body: &[u8], read: impl Fn(&mut BodyReader) -> T) -> T {
        let reader = |memory_limit| {
            let mut buffer = BodyBuffer::default();
            for piece in body.chunks(5) {
                buffer.append(piece, memory_limit).unwrap();
            }
            assert_eq!(buffer.len(), body.len() as u64);
            buffer.into_reader().unwrap()
        };
        let (mut memory, mut file) = (reader(usize::MAX), reader(2));
        assert!(file.is_file() && !memory.is_file());
        let from_memory = read(&mut memory);
        assert_eq!(from_memory, read(&mut file));
        assert_eq!(memory.position(), file.position());
        from_memory
    }

    fn read(reader: &mut BodyReader, limit: u64) -> Vec<u8> {
        let mut out = Vec::new();
        reader.read(limit, &mut out).unwrap();
        out
    }

    fn lines(reader: &mut BodyReader, limit: u64) -> Vec<Vec<u8>> {
        std::iter::from_fn(|| {
            let mut line = Vec::new();
            reader.read_line(limit, &mut line).unwrap();
            (!line.is_empty()).then_some(line)
        })
        .collect()
    }

    #[test]
    fn reading_ends_at_the_body_s_end() {
        let parts = both_ways(b"hello world", |reader| [read(reader, 4), read(reader, 100), read(reader, 1)]);
        assert_eq!(parts, [&b"hell"[..], b"o world", b""]);
    }

    #[test]
    fn lines_keep_their_ends_and_limits() {
        assert_eq!(
            both_ways(b"a\n\nlonger\nb", |reader| lines(reader, u64::MAX)),
            [&b"a\n"[..], b"\n", b"longer\n", b"b"]
        );
        assert_eq!(both_ways(b"longer\nb", |reader| lines(reader, 4)), [&b"long"[..], b"er\n", b"b"]);
        let long = [&[b'x'; 20_000][..], b"\n", b"tail"].concat();
        assert_eq!(both_ways(&long, |reader| lines(reader, u64::MAX)), [&long[..20_001], b"tail"]);
    }

    #[test]
    fn seeking_starts_over() {
        let parts = both_ways(b"hello", |reader| {
            let first = read(reader, 5);
            reader.seek(1).unwrap();
            let second = read(reader, 2);
            reader.seek(99).unwrap();
            (first, second, read(reader, 1))
        });
        assert_eq!(parts, (b"hello".to_vec(), b"el".to_vec(), b"".to_vec()));
    }
}
