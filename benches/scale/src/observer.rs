//! Who is Ready since when, as a watch tells it.
