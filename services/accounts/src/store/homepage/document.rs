use base64::{Engine, engine::general_purpose::STANDARD};
use prost::Message;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use siyu_db::DbError;
use siyu_proto::accounts::v1::Homepage;

/// What a homepage shows, as `siyu.accounts.v1.Homepage`, encoded. As JSON it is base64.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::Type)]
#[sqlx(transparent)]
pub(crate) struct Document(Vec<u8>);

impl Document {
    /// What it shows.
    pub(crate) fn homepage(&self) -> Result<Homepage, DbError> {
        Homepage::decode(self.0.as_slice()).map_err(|error| DbError::broken(error.to_string()))
    }
}

impl From<&Homepage> for Document {
    fn from(homepage: &Homepage) -> Self {
        Self(homepage.encode_to_vec())
    }
}

impl Serialize for Document {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Document {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        STANDARD.decode(text).map(Self).map_err(D::Error::custom)
    }
}
