//! The only crate that knows Python; built as `uncork._native`.
//!
//! `worker` is the one class that Python makes; `wsgi` is PEP 3333 for one request.

mod certificates;
mod gil;
mod scoreboard;
mod settings;
mod worker;
mod wsgi;

use pyo3::prelude::*;

/// The native core; see `_native.pyi`.
///
/// It needs no GIL: what threads share is immutable or under a lock, a request belongs to one
/// thread, and who waits for a lock lets a collection go on (`gil::lock`).
#[pymodule(gil_used = false)]
mod _native {
    #[pymodule_export]
    use super::certificates::check_identity;
    #[pymodule_export]
    use super::certificates::check_issued;
    #[pymodule_export]
    use super::certificates::issue;
    #[pymodule_export]
    use super::certificates::local_domains;
    #[pymodule_export]
    use super::certificates::make_authority;
    #[pymodule_export]
    use super::certificates::may_sign_for;
    #[pymodule_export]
    use super::certificates::self_signed_certificate;
    #[pymodule_export]
    use super::scoreboard::scoreboard_layout;
    #[pymodule_export]
    use super::scoreboard::scoreboard_running;
    #[pymodule_export]
    use super::worker::Worker;
    #[pymodule_export]
    use super::wsgi::FileWrapper;
    #[pymodule_export]
    use super::wsgi::Input;

    #[pymodule_export]
    #[allow(non_upper_case_globals, reason = "the name is Python's")]
    const __version__: &str = env!("CARGO_PKG_VERSION");
}
