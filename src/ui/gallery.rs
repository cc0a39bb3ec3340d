//! What all of it looks like: whole runs, told to terminals of several kinds.
