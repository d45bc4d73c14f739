//! Connections to catalogs.

use super::work::{Handle, ask, begin};
use crate::backend::call;
use crate::state::{Action, Work};
use icebridge_model::catalog::{CatalogSpec, Role};
use icebridge_model::ops::{Named, Nothing, SampleRequest, SaveCatalog, op};
use icebridge_model::secret::Secret;
use std::collections::BTreeMap;

pub fn sample(session: &Handle) {
    begin(session, Work::Sample, |handle| async move {
        let sample = call::<op::sample_create>(SampleRequest::default()).await?;
        handle.dispatch(Action::Catalogs(call::<op::catalog_list>(Nothing {}).await?));
        check(&handle, sample.source.name.clone());
        check(&handle, sample.target.name.clone());
        handle.dispatch(Action::Sampled(sample));
        Ok(())
    });
}

pub fn save_catalog(
    session: &Handle,
    spec: CatalogSpec,
    secrets: BTreeMap<String, Secret>,
    done: impl FnOnce() + 'static,
) {
    begin(session, Work::SaveCatalog, |handle| async move {
        let saved = call::<op::catalog_save>(SaveCatalog { spec, secrets }).await?;
        done();
        handle.dispatch(Action::Catalogs(call::<op::catalog_list>(Nothing {}).await?));
        handle.dispatch(Action::Choose(saved.role, saved.name.clone()));
        check(&handle, saved.name);
        Ok(())
    });
}

pub fn remove_catalog(session: &Handle, name: String) {
    begin(session, Work::RemoveCatalog(name.clone()), |handle| async move {
        call::<op::catalog_remove>(Named { name }).await?;
        handle.dispatch(Action::Catalogs(call::<op::catalog_list>(Nothing {}).await?));
        Ok(())
    });
}

pub fn check(session: &Handle, name: String) {
    ask::<op::catalog_check>(session, Work::Check(name.clone()), Named { name }, Action::Checked);
}

pub fn choose(session: &Handle, role: Role, name: String) {
    session.dispatch(Action::Choose(role, name));
}
