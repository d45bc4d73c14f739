//! Who may do what: ownership, privileges and what they reach, and the change of grants.

use super::deleted;
use super::metastore::Metastore;
use super::privileges;
use super::securable::{Kind, Securable};
use crate::base::Refusal;
use crate::state::{Principal, Principals};

pub struct GrantChange {
    pub principal: String,
    pub add: Vec<String>,
    pub remove: Vec<String>,
}

impl Metastore {
    pub fn owner(&self, securable: &Securable) -> String {
        let name = securable.name.as_str();
        let owner = match securable.kind {
            Kind::Catalog => self.catalogs.get(name).map(|one| one.owner.clone()),
            Kind::Schema => self.schemas.get(name).map(|one| one.owner.clone()),
            Kind::Table => self.table(name).ok().map(|one| one.owner),
            Kind::Volume => self.volumes.get(name).map(|one| one.owner.clone()),
            _ => None,
        };
        owner.unwrap_or_else(|| self.owner.clone())
    }

    /// The owners of the object and of what it lies in, and holders of MANAGE.
    pub fn manages(&self, principal: &Principal, securable: &Securable) -> bool {
        principal.is(&self.owner)
            || securable
                .lineage()
                .iter()
                .any(|one| principal.is(&self.owner(one)) || self.grants.holds(principal, one, "MANAGE"))
    }

    pub fn must_manage(&self, principal: &Principal, securable: &Securable) -> Result<(), Refusal> {
        if self.manages(principal, securable) { Ok(()) } else { Err(Refusal::lacks("MANAGE", securable)) }
    }

    /// Whether a privilege reaches an object: granted on it or above it, directly or as one of ALL PRIVILEGES, or by
    /// ownership.
    pub fn allows(&self, principal: &Principal, securable: &Securable, privilege: &str) -> bool {
        let lineage = securable.lineage();
        // EXTERNAL USE SCHEMA is in nothing else, ownership of the catalog apart.
        if privilege == "EXTERNAL_USE_SCHEMA" {
            return lineage.iter().any(|one| {
                self.grants.holds(principal, one, privilege)
                    || (one.kind == Kind::Catalog && principal.is(&self.owner(one)))
            });
        }
        lineage.iter().any(|one| {
            principal.is(&self.owner(one))
                || self.grants.holds(principal, one, privilege)
                || self.grants.holds(principal, one, "ALL_PRIVILEGES")
        })
    }

    pub fn must_allow(&self, principal: &Principal, securable: &Securable, privilege: &str) -> Result<(), Refusal> {
        if self.allows(principal, securable, privilege) { Ok(()) } else { Err(Refusal::lacks(privilege, securable)) }
    }

    /// Both halves of the governance gate, and the privileges besides.
    pub fn must_allow_external(
        &self,
        principal: &Principal,
        securable: &Securable,
        privileges: &[&str],
    ) -> Result<(), Refusal> {
        self.must_be_open()?;
        let all = ["EXTERNAL_USE_SCHEMA"].iter().chain(privileges);
        all.into_iter().try_for_each(|privilege| self.must_allow(principal, securable, privilege))
    }

    /// The gate's first half.
    pub fn must_be_open(&self) -> Result<(), Refusal> {
        match self.external_access {
            true => Ok(()),
            false => {
                let message = "External data access is not enabled on this metastore.";
                Err(Refusal::unity(403, "PERMISSION_DENIED", message))
            }
        }
    }

    /// Opens or closes both halves of the gate, as an admin would.
    pub fn set_gate(&mut self, open: bool, on: &[String], principal: &str) {
        self.external_access = open;
        for name in on {
            let kind = if name.contains('.') { Kind::Schema } else { Kind::Catalog };
            let securable = Securable::new(kind, name);
            if open {
                self.grants.add(&securable, principal, "EXTERNAL_USE_SCHEMA");
            } else {
                self.grants.remove(&securable, principal, "EXTERNAL_USE_SCHEMA");
            }
        }
    }

    /// All changes or none.
    pub fn change_grants(
        &mut self,
        caller: &Principal,
        principals: &Principals,
        securable: &Securable,
        changes: &[GrantChange],
    ) -> Result<(), Refusal> {
        self.exists(securable)?;
        let (mut add, mut remove) = (Vec::new(), Vec::new());
        for change in changes {
            // What is revoked from somebody unknown is not there.
            let principal = match principals.spelled(&change.principal) {
                Some(name) => name.to_owned(),
                None if change.add.is_empty() => change.principal.clone(),
                None => return Err(unknown(&change.principal)),
            };
            for (privileges, into) in [(&change.add, &mut add), (&change.remove, &mut remove)] {
                for privilege in privileges {
                    let privilege = privileges::check(privilege, securable.kind)?;
                    self.check_default_storage(securable, privilege)?;
                    self.may_grant(caller, securable, privilege)?;
                    into.push((principal.clone(), privilege));
                }
            }
        }
        for (principal, privilege) in remove {
            self.grants.remove(securable, &principal, privilege);
        }
        for (principal, privilege) in add {
            self.grants.add(securable, &principal, privilege);
        }
        Ok(())
    }

    /// On schemas of default storage it does not go; on the catalog it does.
    fn check_default_storage(&self, securable: &Securable, privilege: &str) -> Result<(), Refusal> {
        if privilege != "EXTERNAL_USE_SCHEMA"
            || securable.kind != Kind::Schema
            || !self.needs_serverless(&securable.name)
        {
            return Ok(());
        }
        let message = "Privilege EXTERNAL USE SCHEMA is not applicable to this entity [SCHEMA_DB_STORAGE].";
        Err(Refusal::unity(400, "PRIVILEGE_NOT_APPLICABLE_TO_ENTITY", message))
    }

    /// EXTERNAL USE SCHEMA is granted by the owner of the catalog alone; owners of schemas and of the metastore cannot.
    fn may_grant(&self, caller: &Principal, securable: &Securable, privilege: &str) -> Result<(), Refusal> {
        if privilege != "EXTERNAL_USE_SCHEMA" {
            return self.must_manage(caller, securable);
        }
        let catalog = securable.lineage().pop().unwrap_or_else(|| securable.clone());
        if caller.is(&self.owner(&catalog)) {
            return Ok(());
        }
        let message = format!("Only the owner of {catalog} can grant or revoke EXTERNAL USE SCHEMA.");
        Err(Refusal::unity(403, "PERMISSION_DENIED", message))
    }

    /// A principal is gone.
    pub fn forget_principal(&mut self, name: &str, id: u64) {
        let mark = deleted::mark(id);
        self.grants.rename(name, &mark);
        let owners = (self.catalogs.values_mut().map(|one| &mut one.owner))
            .chain(self.schemas.values_mut().map(|one| &mut one.owner))
            .chain(self.tables.values_mut().map(|one| &mut one.owner))
            .chain(self.volumes.values_mut().map(|one| &mut one.owner));
        for owner in owners.filter(|owner| *owner == name) {
            owner.clone_from(&mark);
        }
    }

    pub fn may_tag(&self, caller: &Principal, securable: &Securable) -> Result<(), Refusal> {
        if self.manages(caller, securable) { Ok(()) } else { self.must_allow(caller, securable, "APPLY_TAG") }
    }
}

/// The principal's name as it is kept.
pub fn must_know<'a>(principals: &'a Principals, name: &str) -> Result<&'a str, Refusal> {
    principals.spelled(name).ok_or_else(|| unknown(name))
}

fn unknown(name: &str) -> Refusal {
    Refusal::unity(404, "PRINCIPAL_DOES_NOT_EXIST", format!("Could not find principal with name {name}"))
}
