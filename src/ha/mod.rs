//! What `care` is made of: the virtual address, the forwarder, health checking and the registry tunnel.
