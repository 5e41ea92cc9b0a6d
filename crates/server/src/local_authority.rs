//! Certificates for development, signed by an authority of the user's own.
//!
//! Keeps nothing: moments are arguments, in seconds since 1970, and what is made is text. The
//! authority's name follows from its key, so that its key alone is enough to sign with.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use rcgen::{
    BasicConstraints, CertificateParams, CidrSubnet, DistinguishedName, DnType, ExtendedKeyUsagePurpose,
    GeneralSubtree, IsCa, Issuer, KeyPair, KeyUsagePurpose, NameConstraints,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use time::OffsetDateTime;
use webpki::{ALL_VERIFICATION_ALGS, EndEntityCert, KeyUsage, anchor_from_trusted_cert};

use crate::tls::TlsConfig;

/// A certificate and its key, both PEM.
pub type PemPair = (String, String);

/// From when until when something holds, in seconds since 1970.
#[derive(Debug, Clone, Copy)]
pub struct Validity {
    pub from: i64,
    pub until: i64,
}

/// The names that an authority may sign for: those that never leave the machine or its network
/// (RFC 6761, RFC 6762, RFC 8375, and ICANN's `internal`). Whoever steals its key can be nobody else.
pub const LOCAL_DOMAINS: [&str; 5] = ["localhost", "test", "local", "internal", "home.arpa"];

/// Addresses that it may sign for: loopback, private, link-local and shared ones, by their prefix.
const LOCAL_NETWORKS_V4: [(Ipv4Addr, u8); 6] = [
    (Ipv4Addr::new(127, 0, 0, 0), 8),
    (Ipv4Addr::new(10, 0, 0, 0), 8),
    (Ipv4Addr::new(172, 16, 0, 0), 12),
    (Ipv4Addr::new(192, 168, 0, 0), 16),
    (Ipv4Addr::new(169, 254, 0, 0), 16),
    (Ipv4Addr::new(100, 64, 0, 0), 10),
];
const LOCAL_NETWORKS_V6: [(Ipv6Addr, u8); 3] = [
    (Ipv6Addr::LOCALHOST, 128),
    (Ipv6Addr::new(0xfc00, 0, 0, 0, 0, 0, 0, 0), 7),
    (Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0), 10),
];

/// A new authority: its certificate, and the key that it signs with.
///
/// # Errors
/// The moments are out of range, or the system has no random numbers.
pub fn make_authority(validity: Validity) -> Result<PemPair, String> {
    let key = KeyPair::generate().map_err(|error| error.to_string())?;
    let mut params = authority_params(&key);
    set_validity(&mut params, validity)?;
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.name_constraints = Some(constraints());
    let certificate = params.self_signed(&key).map_err(|error| error.to_string())?;
    Ok((certificate.pem(), key.serialize_pem()))
}

/// A certificate for `names`, host names or addresses, and its key, signed with that of an authority.
///
/// # Errors
/// The key is none, or a name can't stand in a certificate.
pub fn issue(authority_key: &str, names: &[String], validity: Validity) -> Result<PemPair, String> {
    let authority_key = KeyPair::from_pem(authority_key).map_err(|error| error.to_string())?;
    let key = KeyPair::generate().map_err(|error| error.to_string())?;
    let mut params = CertificateParams::new(names.to_vec()).map_err(|error| error.to_string())?;
    set_validity(&mut params, validity)?;
    params.distinguished_name = named("uncork development certificate");
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    let authority = Issuer::new(authority_params(&authority_key), authority_key);
    let certificate = params.signed_by(&key, &authority).map_err(|error| error.to_string())?;
    Ok((certificate.pem(), key.serialize_pem()))
}

/// Whether a client that believes `authority` takes the certificate for each of the names, over the
/// whole time.
///
/// # Errors
/// Why it does not.
pub fn check_issued(
    (certificate, key): (&[u8], &[u8]),
    authority: &[u8],
    names: &[String],
    validity: Validity,
) -> Result<(), String> {
    TlsConfig::from_pem(certificate, key).map_err(|problem| problem.to_string())?;
    let parsed = |pem| CertificateDer::from_pem_slice(pem).map_err(|error| error.to_string());
    let (certificate, authority) = (parsed(certificate)?, parsed(authority)?);
    let anchor = [anchor_from_trusted_cert(&authority).map_err(|error| error.to_string())?];
    let leaf = EndEntityCert::try_from(&certificate).map_err(|error| error.to_string())?;
    for moment in [validity.from, validity.until] {
        let moment = std::time::Duration::from_secs(u64::try_from(moment).map_err(|error| error.to_string())?);
        leaf.verify_for_usage(
            ALL_VERIFICATION_ALGS,
            &anchor,
            &[],
            UnixTime::since_unix_epoch(moment),
            KeyUsage::server_auth(),
            None,
            None,
        )
        .map_err(|error| error.to_string())?;
    }
    // A name with a star stands for others, and is no name that a client asks for.
    for name in names.iter().filter(|name| !name.contains('*')) {
        let asked = ServerName::try_from(name.as_str()).map_err(|error| error.to_string())?;
        leaf.verify_is_valid_for_subject_name(&asked).map_err(|error| error.to_string())?;
    }
    Ok(())
}

/// Whether an authority may sign for a host name or an address.
#[must_use]
pub fn may_sign_for(name: &str) -> bool {
    match name.parse() {
        Ok(IpAddr::V4(address)) => LOCAL_NETWORKS_V4.iter().any(|&(network, bits)| {
            let mask = u32::MAX << (32 - u32::from(bits));
            address.to_bits() & mask == network.to_bits() & mask
        }),
        Ok(IpAddr::V6(address)) => LOCAL_NETWORKS_V6.iter().any(|&(network, bits)| {
            let mask = u128::MAX << (128 - u32::from(bits));
            address.to_bits() & mask == network.to_bits() & mask
        }),
        Err(_) => {
            let name = name.to_ascii_lowercase();
            LOCAL_DOMAINS
                .iter()
                .any(|domain| name.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.')))
        }
    }
}

/// What the authority of a key is called, and how its key is.
fn authority_params(key: &KeyPair) -> CertificateParams {
    let mut params = CertificateParams::default();
    let [a, b, c, d] = params.key_identifier(key).first_chunk().copied().unwrap_or_default();
    params.distinguished_name = named(&format!("uncork local authority {a:02x}{b:02x}{c:02x}{d:02x}"));
    params
}

fn named(name: &str) -> DistinguishedName {
    let mut found = DistinguishedName::new();
    found.push(DnType::OrganizationName, "uncork");
    found.push(DnType::CommonName, name);
    found
}

fn set_validity(params: &mut CertificateParams, validity: Validity) -> Result<(), String> {
    let moment = |seconds| OffsetDateTime::from_unix_timestamp(seconds).map_err(|error| error.to_string());
    (params.not_before, params.not_after) = (moment(validity.from)?, moment(validity.until)?);
    Ok(())
}

fn constraints() -> NameConstraints {
    let names = LOCAL_DOMAINS.iter().map(|&domain| GeneralSubtree::DnsName(domain.to_owned()));
    let v4 = LOCAL_NETWORKS_V4.iter().map(|&(network, bits)| CidrSubnet::from_v4_prefix(network.octets(), bits));
    let v6 = LOCAL_NETWORKS_V6.iter().map(|&(network, bits)| CidrSubnet::from_v6_prefix(network.octets(), bits));
    NameConstraints {
        permitted_subtrees: names.chain(v4.chain(v6).map(GeneralSubtree::IpAddress)).collect(),
        excluded_subtrees: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_790_000_000;
    const DAY: i64 = 86_400;
    const DECADE: Validity = Validity { from: NOW - DAY, until: NOW + 3650 * DAY };
    const YEAR: Validity = Validity { from: NOW - DAY, until: NOW + 365 * DAY };

    fn names(of: &[&str]) -> Vec<String> {
        of.iter().map(|&name| name.to_owned()).collect()
    }

    fn problem(of: &[&str], asked: &[&str], over: Validity) -> Result<(), String> {
        let (authority, authority_key) = make_authority(DECADE).unwrap();
        let (certificate, key) = issue(&authority_key, &names(of), YEAR).unwrap();
        check_issued((certificate.as_bytes(), key.as_bytes()), authority.as_bytes(), &names(asked), over)
    }

    #[test]
    fn what_the_authority_signs_is_believed_for_its_names_and_its_time() {
        let all = ["shop.localhost", "*.shop.localhost", "localhost", "127.0.0.1", "::1", "10.1.2.3", "box.local"];
        assert_eq!(problem(&all, &all, YEAR), Ok(()));
        assert_eq!(problem(&all, &["a.shop.localhost"], YEAR), Ok(()));
        assert!(problem(&all, &["other.localhost"], YEAR).is_err());
        assert!(problem(&all, &["localhost"], Validity { until: YEAR.until + 1, ..YEAR }).is_err());
        assert!(problem(&all, &["localhost"], Validity { from: YEAR.from - 1, ..YEAR }).is_err());
    }

    #[test]
    fn what_another_authority_signed_is_not_believed() {
        let (authority, _) = make_authority(DECADE).unwrap();
        let (_, other_key) = make_authority(DECADE).unwrap();
        let (certificate, key) = issue(&other_key, &names(&["localhost"]), YEAR).unwrap();
        let pair = (certificate.as_bytes(), key.as_bytes());
        assert!(check_issued(pair, authority.as_bytes(), &names(&["localhost"]), YEAR).is_err());
    }

    #[test]
    fn the_authority_is_believed_for_local_names_only() {
        for name in ["localhost", "a.b.localhost", "Shop.TEST", "127.3.2.1", "::1", "192.168.7.7", "fe80::1", "fd00::2"]
        {
            assert!(may_sign_for(name), "{name}");
            assert_eq!(problem(&[name], &[name], YEAR), Ok(()), "{name}");
        }
        for name in ["example.com", "notlocalhost", "localhost.com", "8.8.8.8", "172.32.0.1", "2001:db8::1", "box"] {
            assert!(!may_sign_for(name), "{name}");
            assert!(problem(&[name], &[name], YEAR).is_err(), "{name}");
        }
    }
}
