//! `start_response`, and the answer behind it (PEP 3333, "The start_response() Callable").

use std::ptr::NonNull;
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};

use pyo3::exceptions::{PyBrokenPipeError, PyRuntimeError, PyTypeError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList, PyString, PyTuple};
use uncork_protocol::http1::{AppMistake, HeadEncoder};
use uncork_server::{Responder, SendError};

use crate::gil::{push_latin1, without_gil};

/// The callable that an application gets, and that its answer goes through.
#[pyclass(frozen, module = "uncork._native")]
pub(crate) struct StartResponse {
    exchange: Mutex<Exchange>,
}

struct Exchange {
    /// The responder of the call in progress; `None` when it has ended, whatever the
    /// application kept of us.
    responder: Option<Lent>,
    status: Option<Py<PyString>>,
    headers: Option<Py<PyAny>>,
    /// Whether status and headers were handed to the responder.
    has_head: bool,
    complaint: Option<String>,
}

/// A responder of a call in progress, without its lifetime.
struct Lent(NonNull<Responder<'static>>);

// SAFETY: the pointer is only followed under the exchange's lock, and taken back under it
// before the call ends.
unsafe impl Send for Lent {}

/// Why sending stopped.
pub(super) enum Stop {
    /// The client has gone: nothing to report.
    ClientGone,
    /// The application's doing.
    Error(PyErr),
}

impl From<PyErr> for Stop {
    fn from(error: PyErr) -> Self {
        Self::Error(error)
    }
}

impl StartResponse {
    /// Makes a callable that answers through `responder` for as long as `body` runs.
    pub(super) fn lend<'py, T>(
        py: Python<'py>,
        responder: &mut Responder<'_>,
        body: impl FnOnce(&Bound<'py, Self>) -> T,
    ) -> PyResult<T> {
        struct TakeBack<'a, 'py>(&'a Bound<'py, StartResponse>);
        impl Drop for TakeBack<'_, '_> {
            fn drop(&mut self) {
                let exchange = &self.0.get().exchange;
                // Waits for a thread of the application that writes at this very moment; it has
                // let go of the GIL, and gets on without it.
                let mut exchange = without_gil(self.0.py(), || exchange.lock().unwrap_or_else(PoisonError::into_inner));
                exchange.responder = None;
                exchange.status = None;
                exchange.headers = None;
            }
        }
        let exchange = Exchange {
            responder: Some(Lent(NonNull::from(responder).cast())),
            status: None,
            headers: None,
            has_head: false,
            complaint: None,
        };
        let this = Bound::new(py, Self { exchange: Mutex::new(exchange) })?;
        let lent = TakeBack(&this);
        Ok(body(lent.0))
    }

    /// Never waits: whoever has the lock may be waiting for the GIL, which the caller has.
    fn exchange(&self) -> PyResult<MutexGuard<'_, Exchange>> {
        match self.exchange.try_lock() {
            Ok(exchange) => Ok(exchange),
            Err(TryLockError::Poisoned(poisoned)) => Ok(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => {
                Err(PyRuntimeError::new_err("two threads are answering the same request at once"))
            }
        }
    }

    /// Sends one piece of the body, the head before it if that has not gone out.
    pub(super) fn send(&self, py: Python<'_>, data: &Bound<'_, PyBytes>) -> Result<(), Stop> {
        let data = data.as_bytes();
        if data.is_empty() {
            return Ok(());
        }
        let mut exchange = self.exchange()?;
        exchange.give_head(py, None)?;
        let responder = exchange.responder()?;
        without_gil(py, || responder.send(data)).map_err(stop)
    }

    /// Sends a whole body of known pieces, in one call where that fits, and ends the answer.
    pub(super) fn send_whole(&self, py: Python<'_>, pieces: &[Bound<'_, PyBytes>]) -> Result<(), Stop> {
        let length = pieces.iter().map(|piece| piece.as_bytes().len() as u64).sum();
        let mut exchange = self.exchange()?;
        exchange.give_head(py, Some(length))?;
        let responder = exchange.responder()?;
        for piece in pieces {
            let data = piece.as_bytes();
            if !responder.gather(data) {
                without_gil(py, || responder.send(data)).map_err(stop)?;
            }
        }
        exchange.finish(py)
    }

    /// Gives the head for a body of this length, if it was not given yet.
    pub(super) fn give_head(&self, py: Python<'_>, body_length: Option<u64>) -> Result<(), Stop> {
        Ok(self.exchange()?.give_head(py, body_length)?)
    }

    /// Ends the answer.
    pub(super) fn finish(&self, py: Python<'_>) -> Result<(), Stop> {
        let mut exchange = self.exchange()?;
        exchange.give_head(py, Some(0))?;
        exchange.finish(py)
    }

    /// Whether the head is given and more data would be thrown away, and why.
    pub(super) fn wants_no_more(&self) -> bool {
        self.exchange().is_ok_and(|mut exchange| {
            let has_head = exchange.has_head;
            exchange.responder().is_ok_and(|responder| {
                let has_surplus = responder.broken_length().is_some_and(|(length, given)| given > length);
                has_head && (responder.has_no_body() || has_surplus)
            })
        })
    }

    /// The application failed: answers `500`, or breaks off what has begun.
    pub(super) fn fail(&self) {
        if let Ok(mut exchange) = self.exchange() {
            if let Ok(responder) = exchange.responder() {
                responder.fail();
            }
        }
    }

    /// What the application did wrong that did not stop its answer.
    pub(super) fn take_complaint(&self) -> Option<String> {
        self.exchange().ok()?.complaint.take()
    }
}

impl Exchange {
    fn responder(&mut self) -> PyResult<&mut Responder<'static>> {
        match &mut self.responder {
            // SAFETY: `lend` has the responder borrowed for as long as it is here, and this
            // borrow of it lasts no longer than the lock.
            Some(Lent(responder)) => Ok(unsafe { responder.as_mut() }),
            None => Err(PyRuntimeError::new_err("the request that this belongs to has ended")),
        }
    }

    fn give_head(&mut self, py: Python<'_>, body_length: Option<u64>) -> PyResult<()> {
        if self.has_head {
            return Ok(());
        }
        let (Some(status), Some(headers)) = (&self.status, &self.headers) else {
            return Err(PyRuntimeError::new_err("the application did not call start_response (PEP 3333)"));
        };
        let (status, headers) = (status.clone_ref(py), headers.clone_ref(py));
        let mut text = Vec::new();
        if !push_latin1(status.bind(py), &mut text)? {
            text = b"?".to_vec();
        }
        let mut problem = None;
        let result = self.responder()?.head(&text, body_length, |head| {
            write_fields(headers.bind(py), head).unwrap_or_else(|error| {
                problem = Some(error);
                Ok(())
            })
        });
        match (problem, result) {
            (Some(error), _) => {
                self.responder()?.forget_head();
                Err(error)
            }
            (None, Err(mistake)) => Err(PyRuntimeError::new_err(mistake.to_string())),
            (None, Ok(())) => {
                self.has_head = true;
                Ok(())
            }
        }
    }

    fn finish(&mut self, py: Python<'_>) -> Result<(), Stop> {
        let responder = self.responder()?;
        let broken = responder.broken_length();
        let result = without_gil(py, || responder.finish());
        if let (Some((announced, given)), Ok(())) = (broken, &result) {
            self.complaint =
                Some(format!("the application announced {announced} bytes with Content-Length and gave {given}"));
        }
        result.map_err(stop)
    }
}

fn stop(error: SendError) -> Stop {
    match error {
        SendError::PeerGone(_) => Stop::ClientGone,
        SendError::OutOfOrder => Stop::Error(PyRuntimeError::new_err(error.to_string())),
    }
}

/// Writes the application's headers. The outer error is Python's, the inner one of the values.
fn write_fields(headers: &Bound<'_, PyAny>, head: &mut HeadEncoder<'_>) -> PyResult<Result<(), AppMistake>> {
    let mut name = Vec::new();
    let mut value = Vec::new();
    for pair in headers.try_iter()? {
        let pair = pair?;
        let pair = pair.cast::<PyTuple>().map_err(|_| wrong_header(&pair))?;
        let (Ok(first), Ok(second), 2) = (pair.get_item(0), pair.get_item(1), pair.len()) else {
            return Err(wrong_header(pair));
        };
        let (Ok(first), Ok(second)) = (first.cast::<PyString>(), second.cast::<PyString>()) else {
            return Err(wrong_header(pair));
        };
        name.clear();
        value.clear();
        if !push_latin1(first, &mut name)? {
            return Ok(Err(AppMistake::FieldName(first.to_string())));
        }
        if !push_latin1(second, &mut value)? {
            return Ok(Err(AppMistake::FieldValue(first.to_string())));
        }
        if let Err(mistake) = head.field(&name, &value) {
            return Ok(Err(mistake));
        }
    }
    Ok(Ok(()))
}

fn wrong_header(header: &Bound<'_, PyAny>) -> PyErr {
    let shown = header.repr().map_or_else(|_| "?".to_owned(), |text| text.to_string());
    PyTypeError::new_err(format!("a header is not a tuple of two str, but {shown} (PEP 3333)"))
}

#[pymethods]
impl StartResponse {
    #[pyo3(signature = (status, headers, exc_info = None, /))]
    fn __call__<'py>(
        this: &Bound<'py, Self>,
        status: Bound<'py, PyAny>,
        headers: Bound<'py, PyAny>,
        exc_info: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = this.py();
        let Ok(status) = status.cast_into::<PyString>() else {
            return Err(PyTypeError::new_err("the status given to start_response is not a str (PEP 3333)"));
        };
        let mut exchange = this.get().exchange()?;
        let is_sent = exchange.responder()?.is_sent();
        match &exc_info {
            Some(exc_info) if is_sent => return Err(reraise(exc_info)?),
            Some(_) => {
                exchange.responder()?.forget_head();
                exchange.has_head = false;
            }
            None if exchange.status.is_some() => {
                return Err(PyRuntimeError::new_err("start_response was called twice without exc_info (PEP 3333)"));
            }
            None => {}
        }
        // A copy: what the application does to its list later is too late.
        let headers = match headers.cast::<PyList>() {
            Ok(list) => list.get_slice(0, list.len()).into_any(),
            Err(_) => headers.try_iter()?.collect::<PyResult<Vec<_>>>()?.into_pyobject(py)?.into_any(),
        };
        exchange.status = Some(status.unbind());
        exchange.headers = Some(headers.unbind());
        drop(exchange);
        this.getattr("write")
    }

    /// The callable that `start_response` returns: sends a piece of the body at once.
    fn write(&self, py: Python<'_>, data: &Bound<'_, PyAny>) -> PyResult<()> {
        let Ok(data) = data.cast::<PyBytes>() else {
            return Err(PyTypeError::new_err("write() takes bytes (PEP 3333)"));
        };
        self.send(py, data).map_err(|stop| match stop {
            Stop::ClientGone => PyBrokenPipeError::new_err("the client has gone"),
            Stop::Error(error) => error,
        })
    }
}

/// The exception of an `exc_info` tuple, to be raised again.
fn reraise(exc_info: &Bound<'_, PyAny>) -> PyResult<PyErr> {
    let value = exc_info.get_item(1)?;
    let traceback = exc_info.get_item(2)?;
    if !traceback.is_none() {
        value.call_method1("with_traceback", (traceback,))?;
    }
    Ok(PyErr::from_value(value))
}
