# shellcheck shell=bash
# A hook: makes a runc for machines that are containers.
cat >/usr/local/bin/runc-unprotected <<'END'
#!/bin/sh
# runc, but nobody is protected from the kernel's want of memory or has capabilities that a container which is a machine has not,
# and huge pages are not limited, as its host need not have what does that.
before=
for word in "$@"; do
  if [ "$before" = --bundle ]; then
    sed -z -i -E 's/("oomScoreAdj": ?)-[0-9]+/\10/; s/("hugepageLimits": ?)\[[^]]*\]/\1[]/
      s/"CAP_(SYS_RESOURCE|PERFMON|BPF|CHECKPOINT_RESTORE)"/"CAP_CHOWN"/g' "$word/config.json"
  fi
  before=$word
done
for runc in /usr/bin/runc /usr/local/bin/crio-runc; do
  if [ -x $runc ]; then exec $runc "$@"; fi
done
END
chmod 755 /usr/local/bin/runc-unprotected
