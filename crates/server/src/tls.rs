//! TLS, with the bytes kept apart from the socket.
//!
//! rustls turns plain bytes into records and back; the transport moves the records.

use std::fmt;
use std::io::{self, Read, Write};
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{InconsistentKeys, ServerConfig, ServerConnection};

/// A certificate with its key, ready to serve with.
#[derive(Debug, Clone)]
pub struct TlsConfig(Arc<ServerConfig>);

/// Why a certificate or key can't be used.
#[derive(Debug)]
pub enum TlsProblem {
    NoCertificate,
    NoKey,
    Mismatch,
    /// They are of a kind that is not supported.
    Refused(rustls::Error),
}

impl fmt::Display for TlsProblem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoCertificate => write!(formatter, "the certificate file holds no PEM certificate"),
            Self::NoKey => write!(formatter, "the key file holds no unencrypted PEM private key"),
            Self::Mismatch => write!(formatter, "the key is not that of the certificate"),
            Self::Refused(error) => write!(formatter, "the certificate and key can't be used: {error}"),
        }
    }
}

impl std::error::Error for TlsProblem {}

impl TlsConfig {
    /// From a certificate chain, the server's own first, and its key, both PEM. TLS 1.2 and 1.3.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn from_pem(certificates: &[u8], key: &[u8]) -> Result<Self, TlsProblem> {
        let chain = CertificateDer::pem_slice_iter(certificates)
            .collect::<Result<Vec<_>, _>>()
            .map_err(|_| TlsProblem::NoCertificate)?;
        if chain.is_empty() {
            return Err(TlsProblem::NoCertificate);
        }
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| TlsProblem::NoKey)?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key))
            .map_err(|error| match error {
                rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => TlsProblem::Mismatch,
                error => TlsProblem::Refused(error),
            })?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self(Arc::new(config)))
    }

    /// The TLS side of a new connection.
    pub(crate) fn accept(&self) -> io::Result<TlsSession> {
        let mut connection = ServerConnection::new(Arc::clone(&self.0)).map_err(io::Error::other)?;
        // The transport keeps the limit of what is untaken.
        connection.set_buffer_limit(None);
        Ok(TlsSession(Box::new(connection)))
    }
}

/// A self-signed certificate for `host` and its key, both PEM: for a first try, since no
/// browser trusts it.
///
/// # Errors
/// `host` can't stand in a certificate.
pub fn self_signed_certificate(host: &str) -> Result<(String, String), String> {
    let names = vec![host.to_owned(), "localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned()];
    let made = rcgen::generate_simple_self_signed(names).map_err(|error| error.to_string())?;
    Ok((made.cert.pem(), made.signing_key.serialize_pem()))
}

/// The TLS state of one connection.
#[derive(Debug)]
pub(crate) struct TlsSession(Box<ServerConnection>);

impl TlsSession {
    /// Reads plain bytes, taking records from `source` as needed. `Ok(0)` at the peer's end,
    /// announced or not: framing tells whether something is missing.
    pub(crate) fn read(&mut self, source: &mut dyn Read, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.0.reader().read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(0),
                result => return result,
            }
            if self.0.read_tls(source)? == 0 {
                return Ok(0);
            }
            self.0.process_new_packets().map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
        }
    }

    /// Appends the records for `plain`, and those that the handshake wants sent, to `out`.
    pub(crate) fn write(&mut self, plain: &[u8], out: &mut Vec<u8>) -> io::Result<()> {
        self.0.writer().write_all(plain)?;
        self.take_records(out)
    }

    /// Appends the record that says that nothing more follows.
    pub(crate) fn end(&mut self, out: &mut Vec<u8>) -> io::Result<()> {
        self.0.send_close_notify();
        self.take_records(out)
    }

    /// Appends what the session itself has to say: handshake, alerts, new keys.
    pub(crate) fn take_records(&mut self, out: &mut Vec<u8>) -> io::Result<()> {
        while self.0.wants_write() {
            self.0.write_tls(out)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_self_signed_certificate_can_be_served_with() {
        let (certificate, key) = self_signed_certificate("example.test").unwrap();
        assert!(TlsConfig::from_pem(certificate.as_bytes(), key.as_bytes()).is_ok());
    }

    #[test]
    fn what_is_missing_or_does_not_fit_is_named() {
        let (certificate, key) = self_signed_certificate("a.test").unwrap();
        let (_, other_key) = self_signed_certificate("b.test").unwrap();
        let problem = |certificate: &str, key: &str| {
            TlsConfig::from_pem(certificate.as_bytes(), key.as_bytes()).unwrap_err().to_string()
        };
        assert!(problem("", &key).contains("no PEM certificate"));
        assert!(problem(&certificate, "nonsense").contains("private key"));
        assert!(problem(&certificate, &other_key).contains("not that of the certificate"));
    }
}
