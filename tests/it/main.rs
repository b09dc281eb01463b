//! it

#[cfg(test)]
mod plane;
