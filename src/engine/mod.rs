//! Executes a graph of steps: parallel, limited, cancelled, recorded; knows no Kubernetes.
