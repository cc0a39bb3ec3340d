//! When the certificates of Kubernetes on a machine end to be valid.

use std::fs;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use x509_parser::pem::parse_x509_pem;

use crate::model::CertificateFacts;
use crate::yaml;

/// Certificates by kubeadm's names (`kubeadm certs check-expiration`); kubelet's own is renewed by itself.
const FILES: [(&str, &str); 12] = [
    ("apiserver", "/etc/kubernetes/pki/apiserver.crt"),
    ("apiserver-etcd-client", "/etc/kubernetes/pki/apiserver-etcd-client.crt"),
    ("apiserver-kubelet-client", "/etc/kubernetes/pki/apiserver-kubelet-client.crt"),
    ("ca", "/etc/kubernetes/pki/ca.crt"),
    ("etcd-ca", "/etc/kubernetes/pki/etcd/ca.crt"),
    ("etcd-healthcheck-client", "/etc/kubernetes/pki/etcd/healthcheck-client.crt"),
    ("etcd-peer", "/etc/kubernetes/pki/etcd/peer.crt"),
    ("etcd-server", "/etc/kubernetes/pki/etcd/server.crt"),
    ("front-proxy-ca", "/etc/kubernetes/pki/front-proxy-ca.crt"),
    ("front-proxy-client", "/etc/kubernetes/pki/front-proxy-client.crt"),
    ("kubelet", "/var/lib/kubelet/pki/kubelet-client-current.pem"),
    ("kubelet-server", "/var/lib/kubelet/pki/kubelet.crt"),
];

/// Kubeconfigs that hold a certificate.
const KUBECONFIGS: [&str; 4] =
    ["admin.conf", "controller-manager.conf", "scheduler.conf", "super-admin.conf"];

/// Returns those that are there. What cannot be read is left out: it is somebody else's job to find that broken.
pub(super) fn all() -> Vec<CertificateFacts> {
    let files = FILES.iter().filter_map(|(name, path)| {
        let expires = expiry(&fs::read(path).ok()?)?;
        Some(CertificateFacts { name: (*name).to_owned(), expires })
    });
    let kubeconfigs = KUBECONFIGS.iter().filter_map(|name| {
        let text = fs::read_to_string(Path::new("/etc/kubernetes").join(name)).ok()?;
        Some(CertificateFacts { name: (*name).to_owned(), expires: expiry(&in_kubeconfig(&text)?)? })
    });
    files.chain(kubeconfigs).collect()
}

/// Returns the end of the first certificate in a PEM text, seconds since 1970.
fn expiry(pem: &[u8]) -> Option<i64> {
    let mut rest = pem;
    loop {
        let (after, block) = parse_x509_pem(rest).ok()?;
        if block.label == "CERTIFICATE" {
            return Some(block.parse_x509().ok()?.validity().not_after.timestamp());
        }
        rest = after;
    }
}

fn in_kubeconfig(text: &str) -> Option<Vec<u8>> {
    let document = yaml::documents("a kubeconfig", text).ok()?.into_iter().next()?;
    let data = document["users"].get(0)?["user"]["client-certificate-data"].as_str()?.to_owned();
    STANDARD.decode(data).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn certificate() -> (String, String) {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut parameters = rcgen::CertificateParams::new(vec![]).unwrap();
        parameters.not_after = rcgen::date_time_ymd(2031, 2, 3);
        (parameters.self_signed(&key).unwrap().pem(), key.serialize_pem())
    }

    /// 2031-02-03, midnight UTC.
    const END: i64 = 1_927_843_200;

    #[test]
    fn the_end_is_found_wherever_the_certificate_stands() {
        let (certificate, key) = certificate();
        assert_eq!(expiry(certificate.as_bytes()), Some(END));
        assert_eq!(expiry(format!("{key}{certificate}").as_bytes()), Some(END));
        for nothing in ["", "rubbish", &key] {
            assert_eq!(expiry(nothing.as_bytes()), None, "{nothing}");
        }
    }

    #[test]
    fn a_kubeconfig_holds_one() {
        let data = STANDARD.encode(certificate().0);
        let text = format!("users:\n- name: admin\n  user:\n    client-certificate-data: {data}\n");
        assert_eq!(expiry(&in_kubeconfig(&text).unwrap()), Some(END));
        for without in ["users: []\n", "users:\n- user:\n    client-certificate: /a/file\n", "a: [", ""] {
            assert_eq!(in_kubeconfig(without), None, "{without}");
        }
    }
}
