//! The command line: `keyferry-scale NAME [N] [T]`.

fn main() {}
