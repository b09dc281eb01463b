//! The pull pipeline, `fetch → shape → render → plan → apply → report`, and what feeds it.
//!
//! - [`fetch`]: which reads go out, when, and who is answered. [`gate`]: how fast. [`stores`]: the pool and the tasks around both.
//! - [`shape`], [`render`], [`plan`], [`report`]: pure functions of values, but for the clock and the chance of templates.
//! - [`templates`]: Go templates for the first two; [`shelf`]: those that lie in ConfigMaps and Secrets; [`recent`]: what of both is kept.
//! - [`apply`]: the writes that a plan asks for.
//! - [`pull`]: one object's job, from its answers to its status. [`pipeline`]: what jobs share.
//!
//! Nothing here knows kube: the API server is [`crate::cluster::Cluster`].

pub mod apply;
pub mod fetch;
pub mod gate;
pub mod pipeline;
pub mod plan;
pub mod pull;
pub mod recent;
pub mod render;
pub mod report;
pub mod shape;
pub mod shelf;
pub mod stores;
pub mod templates;
