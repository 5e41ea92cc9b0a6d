//! Ends a call of the application that is over its time: an exception is raised in its thread.
//!
//! The exception must never come up in another call of the same thread. It is asked for only while
//! the thread is in the application's own code of that very call, and taken back when the thread
//! leaves that; both happen with the GIL, and under the lock behind `LateCall::mark`.

use pyo3::exceptions::PyOSError;
use pyo3::intern;
use pyo3::prelude::*;
use uncork_server::{LateCall, RequestId, Responder, given_id};

use crate::gil;

/// Tells of the call and of where its thread is, and has raised there what `report_late` gives.
/// `id_header` is where a client may say what its request is called.
///
/// # Errors
/// `report_late` raised.
pub(super) fn end(report_late: &Bound<'_, PyAny>, call: &LateCall, id_header: &str) -> PyResult<()> {
    let py = report_late.py();
    let frames = py.import(intern!(py, "sys"))?.call_method0(intern!(py, "_current_frames"))?;
    let frame = frames.get_item(call.thread_ident()).ok();
    // Behind the frames: so they are of that call.
    let frame = frame.filter(|_| call.is_in_app());
    let id = call.id.or_else(|| given_id(&call.head, id_header.as_bytes()).map(RequestId::Given)).map(RequestId::text);
    let exception = report_late.call1((
        String::from_utf8_lossy(call.head.method()),
        String::from_utf8_lossy(call.head.target()),
        call.peer.map(|peer| peer.to_string()),
        id.as_ref().map(|id| String::from_utf8_lossy(id.as_bytes())),
        call.age.as_secs_f64(),
        call.is_sent,
        frame,
    ))?;
    if !exception.is_none() {
        call.mark(|| gil::raise_in_thread(&exception, call.thread_ident()));
    }
    Ok(())
}

/// The thread leaves the application's code; whether the call was late.
pub(super) fn leave_app(py: Python<'_>, responder: &mut Responder<'_>) -> bool {
    match responder.leave_app() {
        None => false,
        Some(is_marked) => {
            if is_marked {
                gil::take_back_raised(py);
            }
            true
        }
    }
}

/// Whether an application leaves like this that was told to end, or that could not go on: nothing
/// more is to be said of it.
pub(super) fn is_its_end(py: Python<'_>, error: &PyErr) -> bool {
    let its_own = py.import(intern!(py, "uncork.request_timeout")).and_then(|module| module.getattr("RequestTimeout"));
    error.is_instance_of::<PyOSError>(py) || its_own.is_ok_and(|class| error.is_instance(py, &class))
}
