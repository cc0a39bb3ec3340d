//! Go templates with sprig's functions, as the family's images use them.
