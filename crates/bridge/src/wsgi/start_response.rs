//! `start_response`, and the answer behind it (PEP 3333, "The start_response() Callable").

use std::os::fd::OwnedFd;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};

use pyo3::exceptions::{PyBrokenPipeError, PyRuntimeError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList, PyString, PyTuple};
use pyo3::{ffi, intern};
use uncork_protocol::http1::{AppMistake, HeadEncoder};
use uncork_server::{Responder, SendError};

use crate::gil::{latin1_bytes, without_gil};

/// The callable that an application gets, and that its answer goes through.
#[pyclass(frozen, module = "uncork._native")]
pub(crate) struct StartResponse {
    /// The responder of the call in progress; `None` when it has ended, whatever the
    /// application kept of us.
    responder: Mutex<Option<Lent>>,
    /// Threads that have the lock to read the body, or are about to have it or have just had it.
    readers: AtomicUsize,
}

/// A responder of a call in progress, without its lifetime.
struct Lent(NonNull<Responder<'static>>);

// SAFETY: the pointer is only followed under its lock, and taken back under it
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

/// A `StartResponse`, and the method of it that the application is given: a bound one, which
/// CPython calls without making a tuple of the arguments.
pub(super) struct Answer {
    this: Py<StartResponse>,
    start: Py<PyAny>,
}

impl Answer {
    fn new(py: Python<'_>) -> PyResult<Self> {
        let this = Bound::new(py, StartResponse { responder: Mutex::new(None), readers: AtomicUsize::new(0) })?;
        let start = this.getattr(intern!(py, "start"))?.unbind();
        Ok(Self { this: this.unbind(), start })
    }

    /// Whether nobody has kept anything of it, so that it can serve for another request.
    fn is_forgotten(&self) -> bool {
        // SAFETY: both are alive, and a reference count is read. No other thread can add to one
        // that is known to us alone.
        let (this, start) = unsafe { (ffi::Py_REFCNT(self.this.as_ptr()), ffi::Py_REFCNT(self.start.as_ptr())) };
        // One of the references to the object is the method's.
        (this, start) == (2, 1)
    }

    pub(super) fn this<'py>(&self, py: Python<'py>) -> &Bound<'py, StartResponse> {
        self.this.bind(py)
    }

    pub(super) fn start<'py>(&self, py: Python<'py>) -> &Bound<'py, PyAny> {
        self.start.bind(py)
    }
}

/// Answers that have served, for requests to come: as many as there are threads, at the most.
#[derive(Default)]
pub(super) struct Answers(Mutex<Vec<Answer>>);

impl Answers {
    /// One for a new request.
    pub(super) fn take(&self, py: Python<'_>) -> PyResult<Answer> {
        // Never waited for: see `gil::lock`.
        let spare = self.0.try_lock().ok().and_then(|mut spare| spare.pop());
        spare.map_or_else(|| Answer::new(py), Ok)
    }

    /// The request has ended.
    pub(super) fn put_back(&self, answer: Answer) {
        if answer.is_forgotten() {
            if let Ok(mut spare) = self.0.try_lock() {
                spare.push(answer);
            }
        }
    }
}

impl StartResponse {
    /// Answers through `responder` for as long as `body` runs.
    pub(super) fn lend<'py, T>(
        this: &Bound<'py, Self>,
        responder: &mut Responder<'_>,
        body: impl FnOnce(&Bound<'py, Self>) -> T,
    ) -> T {
        struct TakeBack<'a, 'py>(&'a Bound<'py, StartResponse>);
        impl Drop for TakeBack<'_, '_> {
            fn drop(&mut self) {
                let lent = &self.0.get().responder;
                let mut lent = match lent.try_lock() {
                    Ok(lent) => lent,
                    Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
                    // A thread of the application writes at this very moment; it has let go of
                    // the GIL, and gets on without it.
                    Err(TryLockError::WouldBlock) => {
                        without_gil(self.0.py(), || lent.lock().unwrap_or_else(PoisonError::into_inner))
                    }
                };
                *lent = None;
            }
        }
        let lent = Lent(NonNull::from(responder).cast());
        // Nobody else has it yet.
        *this.get().responder.lock().unwrap_or_else(PoisonError::into_inner) = Some(lent);
        let lent = TakeBack(this);
        body(lent.0)
    }

    /// Waits for nobody but a thread that reads the body, and needs no GIL: whoever else has the
    /// lock may be waiting for the GIL, which the caller has.
    fn lease(&self) -> PyResult<Lease<'_>> {
        let mut has_looked_twice = false;
        loop {
            match self.responder.try_lock() {
                Ok(lent) => return Ok(Lease(lent)),
                Err(TryLockError::Poisoned(poisoned)) => return Ok(Lease(poisoned.into_inner())),
                Err(TryLockError::WouldBlock) if self.readers.load(Ordering::SeqCst) > 0 => std::thread::yield_now(),
                // A reader may have let go since.
                Err(TryLockError::WouldBlock) if !has_looked_twice => has_looked_twice = true,
                Err(TryLockError::WouldBlock) => {
                    return Err(PyRuntimeError::new_err("two threads are answering the same request at once"));
                }
            }
        }
    }

    /// What `action` makes of the responder of the call in progress, `None` where another thread
    /// has it; `action` must not block, and must not need the GIL.
    ///
    /// # Errors
    /// The call has ended.
    pub(super) fn with_idle_responder<T>(&self, action: impl FnOnce(&mut Responder<'_>) -> T) -> PyResult<Option<T>> {
        self.readers.fetch_add(1, Ordering::SeqCst);
        let result = match self.responder.try_lock() {
            Ok(lent) => Lease(lent).responder().map(action).map(Some),
            Err(TryLockError::Poisoned(poisoned)) => Lease(poisoned.into_inner()).responder().map(action).map(Some),
            Err(TryLockError::WouldBlock) => Ok(None),
        };
        self.readers.fetch_sub(1, Ordering::SeqCst);
        result
    }

    /// Sends one piece of the body, the head before it if that has not gone out.
    pub(super) fn send(&self, py: Python<'_>, data: &Bound<'_, PyBytes>) -> Result<(), Stop> {
        let data = data.as_bytes();
        if data.is_empty() {
            return Ok(());
        }
        let mut lease = self.lease()?;
        let responder = lease.headed_responder()?;
        without_gil(py, || responder.send(data)).map_err(stop)
    }

    /// Takes a whole body of known pieces. What is small is left for the caller to send when it
    /// has let go of the GIL, by ending the answer.
    pub(super) fn take_whole(&self, py: Python<'_>, pieces: &[Bound<'_, PyBytes>]) -> Result<(), Stop> {
        let length = pieces.iter().map(|piece| piece.as_bytes().len() as u64).sum();
        let mut lease = self.lease()?;
        let responder = lease.headed_responder()?;
        responder.begin_body(Some(length)).map_err(stop)?;
        for piece in pieces {
            let data = piece.as_bytes();
            if !responder.gather(data) {
                without_gil(py, || responder.send(data)).map_err(stop)?;
            }
        }
        Ok(())
    }

    /// Sends a file's rest as the body without reading it; `false` where that can't be done.
    pub(super) fn send_file(&self, py: Python<'_>, file: OwnedFd, offset: u64, length: u64) -> Result<bool, Stop> {
        let mut lease = self.lease()?;
        let responder = lease.headed_responder()?;
        without_gil(py, || responder.send_file(file, offset, length)).map_err(stop)
    }

    /// Says how long the whole body is going to be, before its first piece.
    pub(super) fn begin_body(&self, length: u64) -> Result<(), Stop> {
        self.lease()?.headed_responder()?.begin_body(Some(length)).map_err(stop)
    }

    /// Ends the answer.
    pub(super) fn finish(&self, py: Python<'_>) -> Result<(), Stop> {
        let mut lease = self.lease()?;
        let responder = lease.headed_responder()?;
        if responder.has_sent_all() {
            return responder.finish().map_err(stop);
        }
        without_gil(py, || responder.finish()).map_err(stop)
    }

    /// Whether more data would be thrown away.
    pub(super) fn wants_no_more(&self) -> bool {
        self.lease().is_ok_and(|mut lease| {
            lease.responder().is_ok_and(|responder| {
                let has_surplus = responder.broken_length().is_some_and(|(length, given)| given > length);
                responder.has_no_body() || has_surplus
            })
        })
    }

    /// Hands the connection over to the application, as a blocking socket.
    ///
    /// # Errors
    /// The answer has begun, the request has ended, or there is no room for a descriptor.
    pub(super) fn hand_over(&self) -> PyResult<OwnedFd> {
        Ok(self.lease()?.responder()?.hand_over()?)
    }

    /// Whether the connection was handed over.
    pub(super) fn is_handed_over(&self) -> bool {
        self.lease().is_ok_and(|mut lease| lease.responder().is_ok_and(|responder| responder.is_handed_over()))
    }
}

/// The responder of the call in progress, while it is used.
struct Lease<'a>(MutexGuard<'a, Option<Lent>>);

impl Lease<'_> {
    fn responder(&mut self) -> PyResult<&mut Responder<'static>> {
        match &mut *self.0 {
            // SAFETY: `lend` has the responder borrowed for as long as it is here, and this
            // borrow of it lasts no longer than the lock.
            Some(Lent(responder)) => Ok(unsafe { responder.as_mut() }),
            None => Err(PyRuntimeError::new_err("the request that this belongs to has ended")),
        }
    }

    fn headed_responder(&mut self) -> PyResult<&mut Responder<'static>> {
        let responder = self.responder()?;
        if !responder.has_head() {
            return Err(PyRuntimeError::new_err("the application did not call start_response (PEP 3333)"));
        }
        Ok(responder)
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
    if let Ok(headers) = headers.cast_exact::<PyList>() {
        for header in headers.iter() {
            if let Err(mistake) = write_field(&header, head)? {
                return Ok(Err(mistake));
            }
        }
        return Ok(Ok(()));
    }
    for header in headers.try_iter()? {
        if let Err(mistake) = write_field(&header?, head)? {
            return Ok(Err(mistake));
        }
    }
    Ok(Ok(()))
}

fn write_field(header: &Bound<'_, PyAny>, head: &mut HeadEncoder<'_>) -> PyResult<Result<(), AppMistake>> {
    let pair = header.cast::<PyTuple>().map_err(|_| wrong_header(header))?;
    if pair.len() != 2 {
        return Err(wrong_header(header));
    }
    let (name, value) = (pair.get_borrowed_item(0)?, pair.get_borrowed_item(1)?);
    let (Ok(name), Ok(value)) = (name.cast::<PyString>(), value.cast::<PyString>()) else {
        return Err(wrong_header(header));
    };
    let Some(name_bytes) = latin1_bytes(&name) else {
        return Ok(Err(AppMistake::FieldName(name.to_string())));
    };
    let Some(value_bytes) = latin1_bytes(&value) else {
        return Ok(Err(AppMistake::FieldValue(name.to_string())));
    };
    Ok(head.field(name_bytes, value_bytes))
}

fn wrong_header(header: &Bound<'_, PyAny>) -> PyErr {
    let shown = header.repr().map_or_else(|_| "?".to_owned(), |text| text.to_string());
    PyTypeError::new_err(format!("a header is not a tuple of two str, but {shown} (PEP 3333)"))
}

#[pymethods]
impl StartResponse {
    /// `start_response(status, headers, exc_info=None)`, which returns `write(data)`.
    #[pyo3(signature = (status, headers, exc_info = None, /))]
    fn start<'py>(
        this: &Bound<'py, Self>,
        status: &Bound<'py, PyAny>,
        headers: &Bound<'py, PyAny>,
        exc_info: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, Self>> {
        let Ok(status) = status.cast::<PyString>() else {
            return Err(PyTypeError::new_err("the status given to start_response is not a str (PEP 3333)"));
        };
        let mut lease = this.get().lease()?;
        let responder = lease.responder()?;
        if responder.is_refused() {
            return Ok(this.clone());
        }
        match exc_info {
            Some(exc_info) if responder.is_sent() => return Err(reraise(exc_info)?),
            None if responder.has_head() => {
                return Err(PyRuntimeError::new_err("start_response was called twice without exc_info (PEP 3333)"));
            }
            Some(_) | None => {}
        }
        let status_bytes = latin1_bytes(status).unwrap_or(b"?");
        let mut problem = None;
        let result = responder.head(status_bytes, |head| {
            write_fields(headers, head).unwrap_or_else(|error| {
                problem = Some(error);
                // Which one does not matter: `problem` is what is raised.
                Err(AppMistake::Length)
            })
        });
        match (problem, result) {
            (Some(error), _) => Err(error),
            (None, Err(mistake)) => Err(PyValueError::new_err(mistake.to_string())),
            (None, Ok(())) => Ok(this.clone()),
        }
    }

    /// `write(data)`, which sends a piece of the body at once.
    #[pyo3(signature = (data, /))]
    fn __call__(&self, py: Python<'_>, data: &Bound<'_, PyAny>) -> PyResult<()> {
        self.write(py, data)
    }
}

impl StartResponse {
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
