//! A cluster's identity: the SHA-256 of its CA's public key.

use std::path::Path;

use x509_parser::pem::parse_x509_pem;

use super::paths;
use crate::error::{Class, Context, Problem, Result};
use crate::fsx;
use crate::model::Digest;

/// Returns the identity of the cluster that this machine is a member of, if it is of one.
pub(super) fn of_this_machine() -> Result<Option<Digest>> {
    match fsx::read_if_exists(Path::new(paths::AUTHORITY))? {
        Some(pem) => of_certificate(&pem).map(Some),
        None => Ok(None),
    }
}

/// Returns the digest of the public key in a PEM certificate, as kubeadm's `--discovery-token-ca-cert-hash` has it.
pub(super) fn of_certificate(pem: &[u8]) -> Result<Digest> {
    let (_, pem) =
        parse_x509_pem(pem).problem(Class::Machine, "the cluster's CA certificate cannot be read")?;
    let certificate = pem.parse_x509().map_err(|error| {
        Problem::new(Class::Machine, "the cluster's CA certificate cannot be read").saw(error)
    })?;
    Ok(Digest::of(certificate.tbs_certificate.subject_pki.raw))
}
