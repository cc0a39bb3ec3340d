// The demo's server: the standard library and nothing else.
module sealift.io/images/hello

go 1.26.0
