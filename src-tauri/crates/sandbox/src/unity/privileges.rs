//! Which privilege goes on what.

use super::securable::Kind;
use crate::base::Refusal;

const KNOWN: &str = "SELECT MODIFY USE_CATALOG USE_SCHEMA CREATE_TABLE CREATE_SCHEMA CREATE_CATALOG CREATE_FOREIGN_CATALOG \
    CREATE_CONNECTION USE_CONNECTION CREATE_EXTERNAL_LOCATION CREATE_MANAGED_STORAGE CREATE_EXTERNAL_TABLE \
    CREATE_EXTERNAL_VOLUME CREATE_FUNCTION CREATE_MATERIALIZED_VIEW CREATE_MODEL CREATE_VOLUME READ_FILES \
    WRITE_FILES READ_VOLUME WRITE_VOLUME BROWSE MANAGE APPLY_TAG EXECUTE REFRESH EXTERNAL_USE_SCHEMA \
    EXTERNAL_USE_LOCATION ALL_PRIVILEGES";

/// The API's spelling of a privilege that fits the kind; SQL has spaces where it has underscores.
pub fn check(privilege: &str, kind: Kind) -> Result<&'static str, Refusal> {
    let spelled = privilege.trim().to_ascii_uppercase().replace(' ', "_");
    let Some(known) = KNOWN.split(' ').find(|known| *known == spelled) else {
        return Err(Refusal::unity(400, "INVALID_PARAMETER_VALUE", format!("Privilege {privilege} is not known.")));
    };
    let fits = match known {
        "EXTERNAL_USE_SCHEMA"
        | "USE_SCHEMA"
        | "CREATE_TABLE"
        | "CREATE_VOLUME"
        | "CREATE_FUNCTION"
        | "CREATE_MATERIALIZED_VIEW"
        | "CREATE_MODEL" => matches!(kind, Kind::Catalog | Kind::Schema),
        "USE_CATALOG" | "CREATE_SCHEMA" => kind == Kind::Catalog,
        "SELECT" | "MODIFY" | "REFRESH" => matches!(kind, Kind::Catalog | Kind::Schema | Kind::Table),
        "READ_VOLUME" | "WRITE_VOLUME" => matches!(kind, Kind::Catalog | Kind::Schema | Kind::Volume),
        "EXTERNAL_USE_LOCATION" | "READ_FILES" | "WRITE_FILES" | "CREATE_EXTERNAL_TABLE" | "CREATE_EXTERNAL_VOLUME" => {
            kind == Kind::ExternalLocation
        }
        "CREATE_CATALOG" | "CREATE_CONNECTION" | "CREATE_EXTERNAL_LOCATION" => kind == Kind::Metastore,
        "USE_CONNECTION" | "CREATE_FOREIGN_CATALOG" => matches!(kind, Kind::Metastore | Kind::Connection),
        _ => true,
    };
    if fits {
        return Ok(known);
    }
    let message = format!("Privilege {} is not applicable to this entity [{}].", known.replace('_', " "), kind.upper());
    Err(Refusal::unity(400, "PRIVILEGE_NOT_APPLICABLE_TO_ENTITY", message))
}
