#!/usr/bin/env bash
# Renders testdata/templates/*.tmpl with Go's own text/template and sprig into testdata/templates/golden, which the tests hold
# sealift's engine to: `dev/golden-templates.sh`; with `--check` it writes nothing and fails when the committed files differ.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
readonly root golden=testdata/templates/golden

render() {
  (cd "$root/$golden/generate" && go run .)
}

check() {
  local before
  before=$(mktemp -d)
  cp -a "$root/$golden/." "$before"
  render
  local status=0
  diff -r "$before" "$root/$golden" || status=$?
  rm -rf "${root:?}/$golden"
  mv "$before" "$root/$golden"
  chmod 755 "$root/$golden"
  return "$status"
}

case ${1-} in
  '') render ;;
  --check) check ;;
  *) echo "golden-templates: unknown argument $1" >&2; exit 2 ;;
esac
