//! What `sealift render` gives for the Clusterfiles of `testdata/kubeadm/clusterfiles` and many releases of Kubernetes: as it is committed,
//! and before the real kubeadm, kubelet and kube-proxy of each.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod cases;
mod committed;
mod home;
mod release;

use cases::Case;
use home::{File, Home};
use release::Release;

/// For each release: what is rendered for it is what is committed, and its own programs take it.
macro_rules! releases {
    ($($name:ident: $version:literal,)+) => {
        mod rendered {
            $(#[test] fn $name() { super::committed::compare($version); })+
        }

        mod part_kubeadm {
            $(#[test] #[ignore = "PART=kubeadm"] fn $name() { super::is_taken($version); })+
        }
    };
}

// Every version of kubeadm's API is read by some of them, and every way in which a kubeadm can be asked what it has to say.
releases! {
    v1_19: "v1.19.16",
    v1_20: "v1.20.15",
    v1_22: "v1.22.17",
    v1_25: "v1.25.9",
    v1_28: "v1.28.15",
    v1_34: "v1.34.12",
    v1_36: "v1.36.3",
}

/// Every Clusterfile for a release, with the files that its machines get.
fn rendered(version: &str) -> Vec<(Case, Vec<File>)> {
    let home = Home::with_images_of(version);
    let cases: Vec<Case> = cases::of(version);
    assert!(cases.len() >= 30, "{} Clusterfiles for {version}", cases.len());
    cases.into_iter().map(|case| (home.render(&case), case)).map(|(files, case)| (case, files)).collect()
}

fn is_taken(version: &str) {
    let release = Release::compiled(version);
    let rendered = rendered(version);
    let mut refused = vec![];
    let mut read = 0;
    for (case, files) in &rendered {
        for file in files {
            read += 1;
            let said = release.says_against(file);
            refused.extend(said.into_iter().map(|said| format!("{} {}: {said}", case.name, file.machine)));
        }
    }
    assert!(refused.is_empty(), "of {read} files for {version}:\n{}", refused.join("\n"));
    // That nothing was said means something only where something is said of mistakes.
    let plain = &rendered.iter().find(|(case, _)| case.name == cases::PLAIN).unwrap().1;
    let unseen = release.unseen_mistakes(plain);
    assert!(unseen.is_empty(), "{version} does not see that a field is unknown in {unseen:#?}");
}
