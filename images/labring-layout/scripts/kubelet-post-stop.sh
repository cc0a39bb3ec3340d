#!/usr/bin/env bash
# After kubelet has stopped.
exit 0
