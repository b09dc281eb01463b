//! Tests against the local control plane and real stores, and of what is committed beside the code.

#[cfg(test)]
mod chart;
#[cfg(test)]
mod cluster_contract;
#[cfg(test)]
mod conformance;
#[cfg(test)]
mod counts;
#[cfg(test)]
mod crash;
#[cfg(test)]
mod examples;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod generic;
#[cfg(test)]
mod keyferry;
#[cfg(test)]
mod kinds;
#[cfg(test)]
mod layers;
#[cfg(test)]
mod leak;
#[cfg(test)]
mod plane;
#[cfg(test)]
mod proxy;
#[cfg(test)]
mod real_aws;
#[cfg(test)]
mod real_kubernetes;
#[cfg(test)]
mod real_vault;
#[cfg(test)]
mod scale;
#[cfg(test)]
mod schema;
#[cfg(test)]
mod scope;
#[cfg(test)]
mod templates;
