//! Sends what an application returned (PEP 3333, "Buffering and Streaming").

use pyo3::exceptions::PyTypeError;
use pyo3::ffi;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList, PyTuple};

use super::file_wrapper::FileWrapper;
use super::start_response::{StartResponse, Stop};

/// Sends the body that `iterable` yields, and the head before it, and closes the iterable.
///
/// Of a list or a tuple, what is small is left to be sent when the caller ends the answer,
/// which it can do without the GIL.
///
/// # Errors
/// What the application raised, or did wrong. That the client has gone is no error: the rest
/// is not asked for then.
pub(super) fn send(iterable: &Bound<'_, PyAny>, answer: &Bound<'_, StartResponse>) -> PyResult<()> {
    let py = iterable.py();
    if let Ok(list) = iterable.cast_exact::<PyList>() {
        return passing_over_gone_clients(send_whole(list.iter(), answer.get(), py));
    }
    if let Ok(tuple) = iterable.cast_exact::<PyTuple>() {
        return passing_over_gone_clients(send_whole(tuple.iter(), answer.get(), py));
    }
    let sent = match iterable.cast_exact::<FileWrapper>() {
        Ok(wrapper) => send_wrapped_file(wrapper, answer.get()),
        Err(_) => send_one_by_one(iterable, answer.get()),
    };
    let sent = passing_over_gone_clients(sent);
    // PEP 3333: also when the answer failed, and also when the client has gone.
    match (sent, close(iterable)) {
        (Ok(()), closed) => closed,
        (Err(error), Ok(())) => Err(error),
        (Err(error), Err(second)) => {
            second.write_unraisable(py, Some(iterable));
            Err(error)
        }
    }
}

/// Calls `close()` where there is one.
pub(super) fn close(iterable: &Bound<'_, PyAny>) -> PyResult<()> {
    match iterable.getattr_opt(intern!(iterable.py(), "close"))? {
        Some(close) => close.call0().map(drop),
        None => Ok(()),
    }
}

fn passing_over_gone_clients(result: Result<(), Stop>) -> PyResult<()> {
    match result {
        Ok(()) | Err(Stop::ClientGone) => Ok(()),
        Err(Stop::Error(error)) => Err(error),
    }
}

/// Sends a body that exists already: that of a list or a tuple, and of nothing that only acts
/// as one.
fn send_whole<'py>(
    mut items: impl ExactSizeIterator<Item = Bound<'py, PyAny>>,
    answer: &StartResponse,
    py: Python<'py>,
) -> Result<(), Stop> {
    if items.len() == 1 {
        let only = items.next().map(piece).transpose()?;
        return answer.take_whole(py, only.as_slice());
    }
    let pieces = items.map(piece).collect::<PyResult<Vec<_>>>()?;
    answer.take_whole(py, &pieces)
}

fn send_one_by_one(iterable: &Bound<'_, PyAny>, answer: &StartResponse) -> Result<(), Stop> {
    let py = iterable.py();
    let is_single = has_length(iterable) && iterable.len()? == 1;
    for item in iterable.try_iter()? {
        let data = piece(item?)?;
        if is_single {
            // PEP 3333, "Handling the Content-Length Header".
            answer.begin_body(data.as_bytes().len() as u64)?;
        }
        answer.send(py, &data)?;
        if answer.wants_no_more() {
            break;
        }
    }
    answer.finish(py)
}

/// Whether `len` can be asked of it. To look for the attribute would raise an exception in most
/// cases, which costs more than all else that is done here.
fn has_length(iterable: &Bound<'_, PyAny>) -> bool {
    // SAFETY: the object is alive, and so is its type, whose tables stay where they are.
    unsafe {
        let class = ffi::Py_TYPE(iterable.as_ptr());
        let (sequence, mapping) = ((*class).tp_as_sequence, (*class).tp_as_mapping);
        !sequence.is_null() && (*sequence).sq_length.is_some() || !mapping.is_null() && (*mapping).mp_length.is_some()
    }
}

fn send_wrapped_file(wrapper: &Bound<'_, FileWrapper>, answer: &StartResponse) -> Result<(), Stop> {
    let py = wrapper.py();
    if let Some((file, offset, length)) = wrapper.get().rest(py) {
        if answer.send_file(py, file, offset, length)? {
            return answer.finish(py);
        }
    }
    loop {
        let block = piece(wrapper.get().next_block(py)?)?;
        if block.as_bytes().is_empty() {
            break;
        }
        answer.send(py, &block)?;
        if answer.wants_no_more() {
            break;
        }
    }
    answer.finish(py)
}

fn piece(item: Bound<'_, PyAny>) -> PyResult<Bound<'_, PyBytes>> {
    item.cast_into::<PyBytes>().map_err(|error| {
        let name = error.into_inner().get_type().name().map_or_else(|_| "?".to_owned(), |name| name.to_string());
        PyTypeError::new_err(format!("the application's iterable yielded {name}, not bytes (PEP 3333)"))
    })
}
