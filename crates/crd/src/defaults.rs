//! Default values as functions, the form in which serde and the schema want them.

use serde::de::DeserializeOwned;
use serde::de::value::{Error, MapDeserializer};

pub(crate) fn number<const N: i32>() -> i32 {
    N
}

/// A block with nothing set: each field's default is written once, at the field.
pub(crate) fn of_nothing<T: DeserializeOwned>() -> T {
    let nothing = MapDeserializer::<_, Error>::new(std::iter::empty::<(&str, &str)>());
    T::deserialize(nothing).expect("every field of a block has a default")
}

/// `Default` of a block is the block with nothing set.
macro_rules! block_defaults {
    ($($block:ty),+ $(,)?) => {
        $(impl Default for $block {
            fn default() -> Self {
                $crate::defaults::of_nothing()
            }
        })+
    };
}
pub(crate) use block_defaults;

macro_rules! texts {
    ($($name:ident = $text:literal),+ $(,)?) => {
        $(pub(crate) fn $name() -> String {
            $text.to_owned()
        })+
    };
}

texts! {
    redis_memory = "512Mi",
    redis_storage = "2Gi",
    postgres_storage = "1Gi",
    mongodb_storage = "5Gi",
    mongodb_config_storage = "1Gi",
}
