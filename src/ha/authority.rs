//! The registries' certificates: an authority of the cluster's own and what it issues to control planes.

use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, SanType,
};
use secrecy::{ExposeSecret, SecretString};

use crate::error::{Class, Context, Result};

/// The name that every registry of a cluster proves.
pub const REGISTRY_NAME: &str = "registry.sealift";

/// How long certificates are valid. They are reached through our own tunnel only, which pins their
/// authority, so nothing is gained by a date at which pulls stop.
const VALIDITY: Duration = Duration::from_hours(3650 * 24);

/// How far the beginning lies back: clocks of new machines are often wrong by less than this.
const BACKDATED: Duration = Duration::from_hours(1);

/// A certificate and its private key, both as PEM.
#[derive(Debug, Clone)]
pub struct Identity {
    /// The certificate.
    pub certificate_pem: String,
    /// The private key (PKCS#8).
    pub key_pem: SecretString,
}

/// Makes an authority for the registries of `cluster`, with a new ECDSA P-256 key.
pub fn registry_authority(cluster: &str, now: SystemTime) -> Result<Identity> {
    let failed = "cannot make the registries' authority";
    let mut params = parameters(&format!("sealift registries of {cluster}"), now);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let key = new_key().problem(Class::Internal, failed)?;
    let certificate = params.self_signed(&key).problem(Class::Internal, failed)?;
    Ok(identity(&certificate, &key))
}

/// Makes a certificate for the registry on the machine at `address`, issued by `authority`, with a new key.
///
/// It proves [`REGISTRY_NAME`], and `address` and the `others`, names and addresses, to those who look without the tunnel.
/// Errors have class `Config` where `authority` cannot be read.
pub fn registry_server(
    authority: &Identity,
    address: IpAddr,
    others: &[String],
    now: SystemTime,
) -> Result<Identity> {
    let failed = "cannot make a registry's certificate";
    let unreadable = "the registries' authority cannot be read";
    let authority_key =
        KeyPair::from_pem(authority.key_pem.expose_secret()).problem(Class::Config, unreadable)?;
    let issuer = Issuer::from_ca_cert_pem(&authority.certificate_pem, authority_key)
        .problem(Class::Config, unreadable)?;
    let mut params = parameters(&format!("registry at {address}"), now);
    let name = |name: &str| Ok(SanType::DnsName(name.try_into().problem(Class::Config, failed)?));
    params.subject_alt_names = vec![name(REGISTRY_NAME)?, SanType::IpAddress(address)];
    for other in others {
        let other = other.parse().map_or_else(|_| name(other), |address| Ok(SanType::IpAddress(address)))?;
        if !params.subject_alt_names.contains(&other) {
            params.subject_alt_names.push(other);
        }
    }
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    let key = new_key().problem(Class::Internal, failed)?;
    let certificate = params.signed_by(&key, &issuer).problem(Class::Internal, failed)?;
    Ok(identity(&certificate, &key))
}

fn parameters(common_name: &str, now: SystemTime) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, common_name);
    params.not_before = (now - BACKDATED).into();
    params.not_after = (now + VALIDITY).into();
    params
}

fn new_key() -> Result<KeyPair, rcgen::Error> {
    KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)
}

fn identity(certificate: &rcgen::Certificate, key: &KeyPair) -> Identity {
    Identity { certificate_pem: certificate.pem(), key_pem: key.serialize_pem().into() }
}

#[cfg(test)]
mod tests {
    use x509_parser::prelude::*;

    use super::*;

    fn now() -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_hours(500_000)
    }

    fn der(pem: &str) -> Vec<u8> {
        parse_x509_pem(pem.as_bytes()).unwrap().1.contents
    }

    #[test]
    fn certificates_say_what_they_should() {
        let authority = registry_authority("prod", now()).unwrap();
        let others = ["fd00::1", "192.0.2.7", "*.registry.example"].map(str::to_owned);
        let server = registry_server(&authority, "fd00::1".parse().unwrap(), &others, now()).unwrap();
        let (authority, server) = (der(&authority.certificate_pem), der(&server.certificate_pem));
        let authority = X509Certificate::from_der(&authority).unwrap().1;
        let server = X509Certificate::from_der(&server).unwrap().1;

        assert!(authority.is_ca() && !server.is_ca());
        server.verify_signature(Some(authority.public_key())).unwrap();
        assert_eq!(authority.subject().to_string(), "CN=sealift registries of prod");
        for certificate in [&authority, &server] {
            assert_eq!(certificate.validity().not_before.timestamp(), 1_800_000_000 - 3600);
            assert_eq!(certificate.validity().not_after.timestamp(), 1_800_000_000 + 315_360_000);
        }
        let names = &server.subject_alternative_name().unwrap().unwrap().value.general_names;
        let address: std::net::Ipv6Addr = "fd00::1".parse().unwrap();
        assert_eq!(
            names,
            &[
                GeneralName::DNSName("registry.sealift"),
                GeneralName::IPAddress(&address.octets()),
                GeneralName::IPAddress(&[192, 0, 2, 7]),
                GeneralName::DNSName("*.registry.example"),
            ]
        );
    }

    #[test]
    fn keys_do_not_show() {
        let authority = registry_authority("prod", now()).unwrap();
        assert!(!format!("{authority:?}").contains("PRIVATE KEY"));
        assert!(authority.key_pem.expose_secret().starts_with("-----BEGIN PRIVATE KEY-----"));
        let other = registry_authority("prod", now()).unwrap();
        assert_ne!(authority.key_pem.expose_secret(), other.key_pem.expose_secret());
    }
}
