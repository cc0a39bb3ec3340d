#!/usr/bin/env bash
# Everything that is found without running the program: formatting, clippy, dependencies, shell scripts.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
PATH=$PATH:$HOME/.cargo/bin

say() { printf 'lint: %s\n' "$*" >&2; }

# By their first line or their name; images' scripts run on machines and count as well.
shell_scripts() {
  git -C "$root" ls-files --cached --others --exclude-standard -z |
    while IFS= read -r -d '' file; do
      case $file in
        *.tmpl | *.rs | testdata/*) ;;
        *.sh) printf '%s\0' "$root/$file" ;;
        *) if head -c 32 "$root/$file" 2>/dev/null | head -n 1 | grep -qaE '^#!.*[/ ](ba)?sh$'; then printf '%s\0' "$root/$file"; fi ;;
      esac
    done
}

# Advisories come from a git repository; where it cannot be reached, all else is still held.
dependencies() {
  if ! command -v cargo-deny >/dev/null; then
    say "cargo-deny is missing, dependencies are not checked: cargo install --locked cargo-deny"
    return
  fi
  cargo deny --locked check --hide-inclusion-graph bans licenses sources
  cargo deny --locked --manifest-path fuzz/Cargo.toml check --config deny.toml --hide-inclusion-graph bans licenses sources
  if curl -fsIL --max-time 5 -o /dev/null https://github.com/rustsec/advisory-db; then
    cargo deny --locked check --hide-inclusion-graph advisories
  else
    say "the advisory database cannot be reached: advisories are not checked"
  fi
}

cd "$root"
say "formatting"
cargo fmt --check
cargo fmt --check --manifest-path fuzz/Cargo.toml
say "clippy"
cargo clippy --locked --all-targets -- -D warnings
say "dependencies"
dependencies
say "shell scripts"
"$root/dev/setup.sh" lint
shell_scripts | xargs -0 shellcheck --external-sources
