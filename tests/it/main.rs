//! Tests against the local control plane and real stores.

#[cfg(test)]
mod chart;
#[cfg(test)]
mod cluster_contract;
#[cfg(test)]
mod conformance;
#[cfg(test)]
mod credentials;
#[cfg(test)]
mod layers;
#[cfg(test)]
mod operator;
#[cfg(test)]
mod plane;
#[cfg(test)]
mod real_aws;
