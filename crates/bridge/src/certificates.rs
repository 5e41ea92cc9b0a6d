//! Certificates made and judged for Python, which keeps them; see `_native.pyi`.

use std::borrow::Cow;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use uncork_server::{LOCAL_DOMAINS, PemPair, TlsConfig, Validity};

/// Bytes that Python gets as `bytes`.
type PemBytes = Cow<'static, [u8]>;

/// A self-signed certificate for `host` and its key.
#[pyfunction]
pub(crate) fn self_signed_certificate(host: &str) -> PyResult<(PemBytes, PemBytes)> {
    pair(uncork_server::self_signed_certificate(host))
}

/// Whether a certificate and its key can be served with.
#[pyfunction]
pub(crate) fn check_identity(certificate: &[u8], key: &[u8]) -> PyResult<()> {
    TlsConfig::from_pem(certificate, key).map(drop).map_err(|problem| PyValueError::new_err(problem.to_string()))
}

/// A new authority: its certificate and its key.
#[pyfunction]
pub(crate) fn make_authority(since: i64, until: i64) -> PyResult<(PemBytes, PemBytes)> {
    pair(uncork_server::make_authority(Validity { from: since, until }))
}

/// A certificate for some names, signed with the key of an authority, and its own key.
#[pyfunction]
#[allow(clippy::needless_pass_by_value, reason = "made of Python's list")]
pub(crate) fn issue(authority_key: &str, names: Vec<String>, since: i64, until: i64) -> PyResult<(PemBytes, PemBytes)> {
    pair(uncork_server::issue(authority_key, &names, Validity { from: since, until }))
}

/// Whether who believes an authority takes a certificate for some names, over a time.
#[pyfunction]
#[allow(clippy::needless_pass_by_value, reason = "made of Python's list")]
pub(crate) fn check_issued(
    certificate: &[u8],
    key: &[u8],
    authority: &[u8],
    names: Vec<String>,
    since: i64,
    until: i64,
) -> PyResult<()> {
    uncork_server::check_issued((certificate, key), authority, &names, Validity { from: since, until })
        .map_err(PyValueError::new_err)
}

/// Whether an authority may sign for a name.
#[pyfunction]
pub(crate) fn may_sign_for(name: &str) -> bool {
    uncork_server::may_sign_for(name)
}

/// The domains that it may sign for.
#[pyfunction]
pub(crate) fn local_domains() -> Vec<&'static str> {
    LOCAL_DOMAINS.to_vec()
}

fn pair(made: Result<PemPair, String>) -> PyResult<(PemBytes, PemBytes)> {
    let (certificate, key) = made.map_err(PyValueError::new_err)?;
    Ok((certificate.into_bytes().into(), key.into_bytes().into()))
}
