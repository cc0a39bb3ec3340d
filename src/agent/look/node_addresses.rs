//! The addresses that kubelet was told when its machine joined.

use std::net::IpAddr;
use std::path::Path;

use crate::fsx;

/// Where kubeadm leaves the arguments of a kubelet; nobody writes it anew.
const FLAGS: &str = "/var/lib/kubelet/kubeadm-flags.env";

/// Returns the addresses of `--node-ip`; none where the machine has not joined.
pub(super) fn of_kubelet() -> Vec<IpAddr> {
    of_flags(&fsx::read_text(Path::new(FLAGS)).unwrap_or_default())
}

fn of_flags(text: &str) -> Vec<IpAddr> {
    let words = text.split(|c: char| c.is_whitespace() || ['"', '\''].contains(&c));
    // The last of two counts.
    let said = words.filter_map(|word| word.strip_prefix("--node-ip=")).next_back().unwrap_or_default();
    said.split(',').filter_map(|address| address.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_out_of_what_kubeadm_left() {
        for (text, want) in [
            ("", ""),
            (
                "KUBELET_KUBEADM_ARGS=\"--hostname-override=a --node-ip=10.0.0.1,fd00::1\"\n",
                "10.0.0.1 fd00::1",
            ),
            ("KUBELET_KUBEADM_ARGS=\"--node-ip=fd00::1 --v=2\"\n", "fd00::1"),
            ("KUBELET_KUBEADM_ARGS=\"--node-ips=fd00::1\"\n", ""),
        ] {
            let found: Vec<String> = of_flags(text).iter().map(ToString::to_string).collect();
            assert_eq!(found.join(" "), want, "{text}");
        }
    }
}
