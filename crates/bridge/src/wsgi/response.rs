//! Sends what an application returned (PEP 3333, "Buffering and Streaming").

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList, PyTuple};

use super::start_response::{StartResponse, Stop};

/// Sends the body that `iterable` yields, and the head before it. Does not close it.
///
/// # Errors
/// What the application raised, or did wrong. That the client has gone is no error: the rest
/// is not asked for then.
pub(super) fn send(iterable: &Bound<'_, PyAny>, answer: &Bound<'_, StartResponse>) -> PyResult<()> {
    let answer = answer.get();
    let result = match known_pieces(iterable)? {
        Some(pieces) => answer.send_whole(iterable.py(), &pieces),
        None => send_one_by_one(iterable, answer),
    };
    match result {
        Ok(()) | Err(Stop::ClientGone) => Ok(()),
        Err(Stop::Error(error)) => Err(error),
    }
}

/// The pieces of a body that exists already: a list or a tuple, and nothing that only acts as one.
fn known_pieces<'py>(iterable: &Bound<'py, PyAny>) -> PyResult<Option<Vec<Bound<'py, PyBytes>>>> {
    if let Ok(list) = iterable.cast_exact::<PyList>() {
        return list.iter().map(piece).collect::<PyResult<_>>().map(Some);
    }
    if let Ok(tuple) = iterable.cast_exact::<PyTuple>() {
        return tuple.iter().map(piece).collect::<PyResult<_>>().map(Some);
    }
    Ok(None)
}

fn send_one_by_one(iterable: &Bound<'_, PyAny>, answer: &StartResponse) -> Result<(), Stop> {
    let py = iterable.py();
    let is_single = iterable.hasattr(pyo3::intern!(py, "__len__"))? && iterable.len()? == 1;
    for item in iterable.try_iter()? {
        let data = piece(item?)?;
        if is_single {
            // PEP 3333, "Handling the Content-Length Header".
            answer.give_head(py, Some(data.as_bytes().len() as u64))?;
        }
        answer.send(py, &data)?;
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
