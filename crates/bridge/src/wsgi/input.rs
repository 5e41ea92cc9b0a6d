//! `wsgi.input`: a request's body, as a binary file (PEP 3333, "Input and Error Streams").
//!
//! Either it has been received, and can be sought, or it is coming, and can be read once.

use std::io;
use std::sync::Mutex;

use pyo3::exceptions::{PyMemoryError, PyValueError};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList};
use uncork_server::BodyReader;

use super::coming_body::{self, Wanted};
use super::start_response::StartResponse;
use crate::gil;

/// The body of one request.
#[pyclass(frozen, freelist = 64, module = "uncork._native")]
pub(crate) struct Input {
    source: Source,
}

enum Source {
    Whole(Mutex<BodyReader>),
    /// The connection is with the answer to the same request.
    Coming(Py<StartResponse>),
}

impl Input {
    /// The body of every request that has none: nothing that is done with it leaves a trace.
    pub(super) fn empty() -> Self {
        Self::whole(BodyReader::default())
    }

    /// A body that has been received.
    pub(super) fn whole(reader: BodyReader) -> Self {
        Self { source: Source::Whole(Mutex::new(reader)) }
    }

    /// A body that is coming.
    pub(super) fn coming(answer: &Bound<'_, StartResponse>) -> Self {
        Self { source: Source::Coming(answer.clone().unbind()) }
    }

    fn bytes<'py>(&self, py: Python<'py>, wanted: Wanted) -> PyResult<Bound<'py, PyBytes>> {
        let reader = match &self.source {
            Source::Coming(answer) => return new_bytes(py, &coming_body::read(py, answer.get(), wanted)?),
            Source::Whole(reader) => reader,
        };
        if let Wanted::All(limit) | Wanted::Some(limit) = wanted {
            if let Some(bytes) = gil::lock(py, reader).next_in_memory(limit) {
                return new_bytes(py, bytes);
            }
        }
        let mut out = Vec::new();
        let mut reader = gil::lock(py, reader);
        if reader.is_file() {
            gil::without_gil(py, || read_whole(&mut reader, wanted, &mut out)).map_err(reading_failed)?;
        } else {
            read_whole(&mut reader, wanted, &mut out).map_err(reading_failed)?;
        }
        new_bytes(py, &out)
    }
}

/// A `bytes` object; `MemoryError` where there is no room for it, at which `PyBytes::new` panics.
fn new_bytes<'py>(py: Python<'py>, bytes: &[u8]) -> PyResult<Bound<'py, PyBytes>> {
    // A slice is never longer than `isize::MAX` bytes.
    let length = bytes.len() as ffi::Py_ssize_t;
    // SAFETY: pointer and length are those of a slice, which is copied; the result is owned, or null
    // with an exception set.
    let made =
        unsafe { Bound::from_owned_ptr_or_err(py, ffi::PyBytes_FromStringAndSize(bytes.as_ptr().cast(), length))? };
    // SAFETY: that function makes nothing else.
    Ok(unsafe { made.cast_into_unchecked() })
}

fn reading_failed(error: io::Error) -> PyErr {
    if error.kind() == io::ErrorKind::OutOfMemory { PyMemoryError::new_err(()) } else { error.into() }
}

fn read_whole(reader: &mut BodyReader, wanted: Wanted, out: &mut Vec<u8>) -> io::Result<()> {
    match wanted {
        Wanted::All(limit) | Wanted::Some(limit) => reader.read(limit, out),
        Wanted::Line(limit) => reader.read_line(limit, out),
    }
}

/// How Python says "no limit": a negative number or `None`.
fn limit(size: Option<i64>) -> u64 {
    size.and_then(|size| u64::try_from(size).ok()).unwrap_or(u64::MAX)
}

#[pymethods]
impl Input {
    #[pyo3(signature = (size = None, /))]
    fn read<'py>(&self, py: Python<'py>, size: Option<i64>) -> PyResult<Bound<'py, PyBytes>> {
        self.bytes(py, Wanted::All(limit(size)))
    }

    #[pyo3(signature = (size = None, /))]
    fn read1<'py>(&self, py: Python<'py>, size: Option<i64>) -> PyResult<Bound<'py, PyBytes>> {
        self.bytes(py, Wanted::Some(limit(size)))
    }

    #[pyo3(signature = (size = None, /))]
    fn readline<'py>(&self, py: Python<'py>, size: Option<i64>) -> PyResult<Bound<'py, PyBytes>> {
        self.bytes(py, Wanted::Line(limit(size)))
    }

    /// All lines that are left, or so many that `hint` bytes are reached.
    #[pyo3(signature = (hint = None, /))]
    fn readlines<'py>(&self, py: Python<'py>, hint: Option<i64>) -> PyResult<Bound<'py, PyList>> {
        let lines = PyList::empty(py);
        let wanted = hint.filter(|&hint| hint > 0).map_or(u64::MAX, |hint| limit(Some(hint)));
        let mut total = 0;
        while total < wanted {
            let line = self.readline(py, None)?;
            let length = line.as_bytes().len() as u64;
            if length == 0 {
                break;
            }
            total += length;
            lines.append(line)?;
        }
        Ok(lines)
    }

    /// Fills a writable buffer; returns the number of bytes.
    fn readinto(&self, py: Python<'_>, buffer: &Bound<'_, PyAny>) -> PyResult<usize> {
        let view = py.import("builtins")?.getattr("memoryview")?.call1((buffer,))?.call_method1("cast", ("B",))?;
        let data = self.read(py, Some(view.len()? as i64))?;
        let length = data.as_bytes().len();
        view.set_item(pyo3::types::PySlice::new(py, 0, length as isize, 1), data)?;
        Ok(length)
    }

    fn __iter__(this: PyRef<'_, Self>) -> PyRef<'_, Self> {
        this
    }

    fn __next__<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyBytes>>> {
        let line = self.readline(py, None)?;
        Ok((!line.as_bytes().is_empty()).then_some(line))
    }

    fn tell(&self, py: Python<'_>) -> PyResult<u64> {
        match &self.source {
            Source::Whole(reader) => Ok(gil::lock(py, reader).position()),
            Source::Coming(answer) => coming_body::position(py, answer.get()),
        }
    }

    /// As `io.IOBase.seek`; behind the end means at the end.
    #[pyo3(signature = (offset, whence = 0, /))]
    fn seek(&self, py: Python<'_>, offset: i64, whence: i32) -> PyResult<u64> {
        let Source::Whole(reader) = &self.source else {
            let text = "an upload that is read while it comes can't be sought";
            return Err(PyErr::from_value(py.import("io")?.getattr("UnsupportedOperation")?.call1((text,))?));
        };
        let mut reader = gil::lock(py, reader);
        let base = match whence {
            0 => 0,
            1 => reader.position(),
            2 => reader.length(),
            _ => return Err(PyValueError::new_err("`whence` must be 0, 1 or 2")),
        };
        let position =
            base.checked_add_signed(offset).ok_or_else(|| PyValueError::new_err("seeking to before the body"))?;
        reader.seek(position)?;
        Ok(reader.position())
    }

    fn readable(&self) -> bool {
        true
    }

    fn writable(&self) -> bool {
        false
    }

    fn seekable(&self) -> bool {
        matches!(self.source, Source::Whole(_))
    }

    /// Does nothing: the body goes with the request.
    fn close(&self) {}

    #[getter]
    fn closed(&self) -> bool {
        false
    }
}
