//! Reads values out of JSON by path, in the syntax of Go's gjson.
