//! it

#[cfg(test)]
mod credentials;
#[cfg(test)]
mod plane;
#[cfg(test)]
mod real_aws;
