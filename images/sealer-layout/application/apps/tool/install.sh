#!/usr/bin/env bash
# Writes down that it ran, once more each time.
set -euo pipefail

kubectl get configmap tool --namespace kube-system --ignore-not-found --output jsonpath='{.data.ran}' >/run/tool
kubectl create configmap tool --namespace kube-system --from-literal "ran=$(</run/tool)x" --dry-run=client --output yaml | kubectl apply --filename -
rm /run/tool
