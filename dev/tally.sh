# shellcheck shell=bash
# Sourced: runs stages of tests, says how long each took, and counts their tests.
#
#   stage "unit tests" compile_tests --lib      # $stage_status tells how it went
#   tally                                      # the last line: `N passed, N failed`; fails if anything did
#
# Call stage as a plain command: in a condition bash would ignore errors of what it runs.

passed=0 failed=0 stage_status=0

# Runs a command that may print cargo's test results. One that fails without having counted a failed test is one failed test.
stage() { # TITLE COMMAND [ARGUMENT...]
  local title=$1 began=$SECONDS log good bad
  shift
  printf '\n== %s\n' "$title"
  log=$(mktemp)
  # In a subshell of its own, so that errors end it and not the tally.
  set +e
  (set -e; "$@") 2>&1 | tee "$log"
  stage_status=${PIPESTATUS[0]}
  set -e
  good=$(sum_of passed "$log")
  bad=$(sum_of failed "$log")
  rm -f "$log"
  if [ "$stage_status" != 0 ] && [ "$bad" = 0 ]; then bad=1; fi
  passed=$((passed + good)) failed=$((failed + bad))
  printf '== %s: %d passed, %d failed, %d.%d min\n' "$title" "$good" "$bad" \
    $(((SECONDS - began) / 60)) $(((SECONDS - began) % 60 / 6))
}

# Adds up lines such as `test result: ok. 12 passed; 0 failed; 1 ignored; ...`
sum_of() { # WORD LOG
  sed -n "s/^test result: .* \([0-9]\+\) $1;.*/\1/p" "$2" | awk '{ sum += $1 } END { print sum + 0 }'
}

tally() {
  printf '\n%d passed, %d failed\n' "$passed" "$failed"
  [ "$failed" = 0 ] && [ "$passed" -gt 0 ]
}
