//! A native file to begin with: what is declared so far, with comments that say what else there is.

use super::convert;
use crate::error::Result;
use crate::model::Declared;

/// Comments that stand before the first line of a field.
const COMMENTS: [(&str, &str); 8] = [
    ("metadata:", "# The name that the cluster has in everything sealift says.\n"),
    (
        "  images:",
        "  # Launched in this order. The first brings Kubernetes; the others are patches and applications.\n",
    ),
    (
        "  hosts:",
        "  # Machines of yours, in groups that have something in common. `addresses` takes addresses, names, ranges such as\n  \
         # 10.0.0.1-10.0.0.9, and ports: 10.0.0.1:2222, [fd00::1]:2222.\n",
    ),
    (
        "  provider:",
        "  # Who makes the machines. Machines of your own are listed in `hosts` in place of this.\n",
    ),
    (
        "  ssh:",
        "  # How machines are logged in to; a group in `hosts` may say otherwise. Secrets are `env:NAME`, `file:PATH` or `prompt`.\n",
    ),
    ("  env:", "  # Variables for the images' scripts, templates and commands.\n"),
    ("  network:", "  # None of these may have an address in common with another one or with a machine.\n"),
    ("  command:", "  # Lines of shell in place of the commands of the first application.\n"),
];

/// Fields that may be added, each as it would be written.
const SAMPLES: [(&str, &str, &str); 5] = [
    (
        "ssh",
        "How machines are logged in to; a group in `hosts` may say otherwise. Secrets are `env:NAME`, `file:PATH` or `prompt`.",
        "ssh:\n  user: admin\n  identities: [~/.ssh/id_ed25519]\n  password: prompt\n",
    ),
    ("env", "Variables for the images' scripts, templates and commands.", "env:\n  REGION: east\n"),
    (
        "network",
        "The defaults. None of these may have an address in common with another one or with a machine.",
        "network:\n  podCIDR: 100.64.0.0/10\n  serviceCIDR: 10.96.0.0/22\n  vip: 10.103.97.2\n  dnsDomain: cluster.local\n",
    ),
    (
        "certSANs",
        "More names and addresses at which clients reach the API servers.",
        "certSANs: [api.example]\n",
    ),
    (
        "hostAliases",
        "Names that every machine knows, in its /etc/hosts.",
        "hostAliases:\n  - ip: 10.9.0.1\n    hostnames: [git.example]\n",
    ),
];

/// What a group of machines may have beside its role and addresses.
const GROUP: &str = "\
  # A group of `hosts` may also have:
  #   labels: {disk: ssd}
  #   taints: [dedicated=gpu:NoSchedule]
  #   kubeletArguments: {max-pods: 200}
  #   env: {REGION: west}
  #   ssh: {user: deploy}
";

/// Writes a declaration in the native form, with comments.
pub fn begin(declared: &Declared) -> Result<String> {
    let mut text = String::from(
        "# What this cluster is to be. `sealift plan` shows what is still missing, `sealift apply` makes it so.\n",
    );
    let written = convert(declared)?;
    for line in written.lines() {
        if let Some((_, comment)) = COMMENTS.iter().find(|(field, _)| *field == line) {
            text.push_str(comment);
        }
        text.push_str(line);
        text.push('\n');
    }
    for (field, what, sample) in SAMPLES {
        if !written.lines().any(|line| line.starts_with(&format!("  {field}:"))) {
            text.push_str("\n  # ");
            text.push_str(what);
            text.push_str("\n  #\n");
            text.push_str(&indented("  # ", sample));
        }
    }
    if written.contains("\n  hosts:") {
        text.push('\n');
        text.push_str(GROUP);
    }
    Ok(text)
}

/// Puts `before` before every line.
fn indented(before: &str, lines: &str) -> String {
    let lines: Vec<String> = lines.lines().map(|line| format!("{before}{line}\n")).collect();
    lines.concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clusterfile::{Overrides, Source, load};

    fn loaded(text: &str) -> Declared {
        let source = Source { name: "x".to_owned(), text: text.as_bytes().to_vec() };
        let declared =
            load(&[source], &Overrides::default()).unwrap_or_else(|problems| panic!("{problems}\n{text}"));
        let applications = declared
            .applications
            .map(|names| names.into_iter().map(|(name, _)| (name, String::new())).collect());
        Declared { image_places: [].into(), applications, ..declared }
    }

    #[test]
    fn the_comments_change_nothing_and_every_sample_can_be_used() {
        let small = "apiVersion: sealift.io/v1\nkind: Cluster\nmetadata: {name: a}\nspec:\n  images: [k]\n  \
                     hosts: [{role: control-plane, addresses: [10.0.0.1]}]\n";
        let declared = loaded(small);
        let text = begin(&declared).unwrap();
        assert_eq!(loaded(&text), declared);
        for (field, _, sample) in SAMPLES {
            let (lines, used) = (indented("  # ", sample), indented("  ", sample));
            assert!(text.contains(&lines), "{field}\n{text}");
            loaded(&text.replace(&lines, &used));
        }
        let (_, group) = GROUP.split_once('\n').unwrap();
        let group = group.replace("  #", " ");
        loaded(&text.replace("    addresses:\n", &format!("{group}    addresses:\n")));
    }
}
