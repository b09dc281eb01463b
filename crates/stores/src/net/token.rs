//! Tokens: fetched once for many, renewed before they end.
