//! Tells a release the commit it was built from, and makes it smaller where its C library knows how.

use std::env;
use std::process::Command;

/// What tells the linker to leave out how stacks are unwound.
const WITHOUT_UNWINDING: &str = "dev/without-unwinding.ld";

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    // Every commit would compile all tests anew, which do not ask for it.
    let released = env::var("PROFILE").is_ok_and(|profile| profile == "release");
    let commit = if released { commit() } else { None };
    println!("cargo::rustc-env=SEALIFT_COMMIT={}", commit.as_deref().unwrap_or("unknown"));

    // Relocations of a static program are its own business: glibc applies packed ones since 2.36, which is checked when
    // a release is made. A dynamic one may meet an older library.
    let features = env::var("CARGO_CFG_TARGET_FEATURE").unwrap_or_default();
    if released && features.split(',').any(|feature| feature == "crt-static") {
        println!("cargo::rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
        // A panic aborts, so nothing ever looks up how a stack is unwound: neither the index nor what it is of.
        println!("cargo::rerun-if-changed={WITHOUT_UNWINDING}");
        println!("cargo::rustc-link-arg-bins=-Wl,--no-eh-frame-hdr");
        let root = env::var("CARGO_MANIFEST_DIR").unwrap_or_default();
        println!("cargo::rustc-link-arg-bins=-Wl,-T,{root}/{WITHOUT_UNWINDING}");
    }
}

/// Asks git for the commit, now and whenever it is another one.
fn commit() -> Option<String> {
    for file in ["HEAD", "logs/HEAD"] {
        if let Some(path) = git(&["rev-parse", "--git-path", file]) {
            println!("cargo::rerun-if-changed={path}");
        }
    }
    git(&["rev-parse", "--short=12", "HEAD"])
}

fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok()?;
    let text = output.status.success().then(|| String::from_utf8(output.stdout))?.ok()?;
    Some(text.trim().to_owned())
}
