//! The list of all providers: one row each. A folder that is missing here is reached by nobody; a row without a folder does not compile.

use std::{collections::BTreeMap, sync::Arc};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    Absence, Access, Budget, Consumer, Digest, Env, Problem, Provider, Store, aws::Aws, fake::Fake,
    kubernetes::Kubernetes, openbao::OpenBao, vault::Vault,
};
use crate::base::{
    Error, Kind, Result,
    refs::{Ref, Scope},
};

macro_rules! providers {
    ($($variant:ident $field:ident $key:literal,)*) => {
        /// `spec.provider` of a store: exactly one member. What keyferry does not know is kept as it is.
        #[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
        #[schemars(extend("minProperties" = 1, "maxProperties" = 1, "x-kubernetes-preserve-unknown-fields" = true))]
        pub struct ProviderConfig {
            $(
                #[doc = concat!("The provider `", $key, "`.")]
                #[serde(rename = $key, default, skip_serializing_if = "Option::is_none")]
                pub $field: Option<<$variant as Provider>::Config>,
            )*
            /// Providers that are not built yet.
            #[serde(flatten)]
            #[schemars(skip)]
            pub rest: BTreeMap<String, Value>,
        }

        /// The one provider that a store names.
        #[derive(Debug, Clone)]
        pub enum Configured {
            $(
                #[doc = concat!("The provider `", $key, "`.")]
                $variant(Box<<$variant as Provider>::Config>),
            )*
        }

        impl ProviderConfig {
            fn named(&self) -> Vec<&str> {
                let known = [$(self.$field.as_ref().map(|_| $key)),*];
                known.into_iter().flatten().chain(self.rest.keys().map(String::as_str)).collect()
            }

            fn first(&self) -> Option<Configured> {
                $(
                    if let Some(config) = &self.$field {
                        return Some(Configured::$variant(Box::new(config.clone())));
                    }
                )*
                None
            }
        }

        impl Configured {
            /// The member's name, as in the manifest.
            #[must_use]
            pub fn key(&self) -> &'static str {
                match self {
                    $(Self::$variant(_) => $key,)*
                }
            }

            /// See [`Provider::ABSENCE`].
            #[must_use]
            pub fn absence(&self) -> Absence {
                match self {
                    $(Self::$variant(_) => $variant::ABSENCE,)*
                }
            }

            /// See [`Provider::ACCESS`].
            #[must_use]
            pub fn access(&self) -> Access {
                match self {
                    $(Self::$variant(_) => $variant::ACCESS,)*
                }
            }

            /// See [`Provider::UNMAINTAINED`].
            #[must_use]
            pub fn is_unmaintained(&self) -> bool {
                match self {
                    $(Self::$variant(_) => $variant::UNMAINTAINED,)*
                }
            }

            /// See [`Provider::validate`].
            #[must_use]
            pub fn validate(&self, scope: &Scope) -> Vec<Problem> {
                match self {
                    $(Self::$variant(config) => $variant::validate(config, scope),)*
                }
            }

            /// See [`Provider::refs`].
            #[must_use]
            pub fn refs(&self) -> Vec<Ref> {
                match self {
                    $(Self::$variant(config) => $variant::refs(config),)*
                }
            }

            /// See [`Provider::identity`]; two providers never share one.
            #[must_use]
            pub fn identity(&self, consumer: &Consumer<'_>) -> Digest {
                let inner = match self {
                    $(Self::$variant(config) => $variant::identity(config, consumer),)*
                };
                Digest::of([self.key().as_bytes(), inner.as_bytes()])
            }

            /// See [`Provider::quota`].
            #[must_use]
            pub fn quota(&self) -> Digest {
                match self {
                    $(Self::$variant(config) => $variant::quota(config),)*
                }
            }

            /// See [`Provider::budget`].
            #[must_use]
            pub fn budget(&self) -> Budget {
                match self {
                    $(Self::$variant(config) => $variant::budget(config),)*
                }
            }

            /// See [`Provider::open`].
            ///
            /// # Errors
            /// Those of the provider.
            pub async fn open(self, env: Env) -> Result<Arc<dyn Store>> {
                match self {
                    $(Self::$variant(config) => $variant::open(*config, env).await,)*
                }
            }
        }
    };
}

providers! {
    Aws aws "aws",
    Fake fake "fake",
    Kubernetes kubernetes "kubernetes",
    OpenBao openbao "openBao",
    Vault vault "vault",
}

impl ProviderConfig {
    /// The provider that is named.
    ///
    /// # Errors
    /// `Invalid` unless exactly one is named; `Unsupported` for one that is not built yet.
    pub fn chosen(&self) -> Result<Configured> {
        let named = self.named();
        match (named.as_slice(), self.first()) {
            ([_], Some(configured)) => Ok(configured),
            ([unknown], None) => Err(Error::new(
                Kind::Unsupported,
                format!("the provider {unknown:?} is not supported by this version of keyferry"),
            )),
            (several, _) => Err(Error::new(
                Kind::Invalid,
                format!("spec.provider must name exactly one provider, and names {}", several.len()),
            )),
        }
    }
}
