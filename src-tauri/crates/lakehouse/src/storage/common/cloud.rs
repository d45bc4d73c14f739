//! The three kinds of object storage.

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cloud {
    S3,
    Azure,
    Google,
}

impl Cloud {
    pub fn name(self) -> &'static str {
        match self {
            Self::S3 => "S3",
            Self::Azure => "Azure storage",
            Self::Google => "Google Cloud Storage",
        }
    }

    /// What its own words call a bucket.
    pub(in crate::storage) fn bucket(self) -> &'static str {
        match self {
            Self::Azure => "container",
            Self::S3 | Self::Google => "bucket",
        }
    }

    pub(in crate::storage) fn how_to_sign_in(self) -> &'static str {
        match self {
            Self::S3 => {
                "Give s3.access-key-id and s3.secret-access-key, set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or run on an \
                 instance with a role."
            }
            Self::Azure => {
                "Give adls.sas-token, adls.account-key, adls.client-secret or another of the adls settings, set \
                 AZURE_STORAGE_ACCOUNT_KEY or AZURE_CLIENT_SECRET, or run on a machine with a managed identity."
            }
            Self::Google => {
                "Give gcs.service-account-key or gcs.oauth2.token, set GOOGLE_APPLICATION_CREDENTIALS, or run on a machine \
                 with a service account."
            }
        }
    }

    pub(in crate::storage) fn what_to_check(self) -> &'static str {
        match self {
            Self::S3 => "Check the access key, its policy for this bucket and prefix, and the computer's clock.",
            Self::Azure => {
                "Check the credentials, their role for this container (Storage Blob Data Contributor to write), the account's \
                 network rules, and the computer's clock."
            }
            Self::Google => "Check the credentials, their role for this bucket, and the computer's clock.",
        }
    }

    /// The setting that says where its servers are.
    pub(in crate::storage) fn address(self) -> &'static str {
        match self {
            Self::S3 => "s3.endpoint",
            Self::Azure => "adls.endpoint",
            Self::Google => "gcs.service.host",
        }
    }
}
