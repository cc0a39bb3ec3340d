//! sealift: a whole Kubernetes cluster in one OCI image.
