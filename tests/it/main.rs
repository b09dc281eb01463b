//! it

#[cfg(test)]
mod cluster_contract;
#[cfg(test)]
mod plane;
