//! What only a target in Unity Catalog has: clusters, and what follows a copy. Kept as it was typed, whatever engine or
//! target is chosen meanwhile; what of it counts joins the other settings when something is asked.

use super::lines;
use icebridge_model::governance::GovernanceSettings;
use icebridge_model::photon::{ComputeWay, PhotonSettings};
use icebridge_model::plan::{EngineKind, Settings};
use icebridge_model::{Error, Result};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EngineChoice {
    #[default]
    Here,
    Automatic,
    Photon,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct UnityDraft {
    #[serde(deserialize_with = "or_default")]
    pub engine: EngineChoice,
    #[serde(deserialize_with = "or_default")]
    pub photon: PhotonSettings,
    /// `key = value` a line.
    pub spark_conf: String,
    /// `key = name of one of the source's secrets` a line.
    pub secret_conf: String,
    /// `key = value` a line.
    pub tags: String,
    #[serde(deserialize_with = "or_default")]
    pub after: GovernanceSettings,
    /// `old = new` a line.
    pub principals: String,
}

/// The model refuses settings that it does not know. In preferences those of another version are as good as none.
fn or_default<'de, D: Deserializer<'de>, T: Default + DeserializeOwned>(from: D) -> Result<T, D::Error> {
    let value = serde_json::Value::deserialize(from)?;
    Ok(serde_json::from_value(value).unwrap_or_default())
}

/// The field at which a problem is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    Volume,
    Workers,
    SparkConf,
    SecretConf,
    Tags,
    Machines,
    InstanceProfile,
    SingleUser,
    RunAs,
    ScriptsFolder,
    Clusters,
    Principals,
}

impl Place {
    pub fn is_of_clusters(self) -> bool {
        self != Place::Principals
    }
}

impl UnityDraft {
    pub fn uses_clusters(&self) -> bool {
        self.engine != EngineChoice::Here
    }

    /// What stands in the way of asking anything with these settings.
    pub fn problem(&self) -> Option<(Place, Error)> {
        self.problem_of_clusters().or_else(|| {
            let read = lines::principals(&self.principals).map_err(Error::invalid);
            let checked = read.and_then(|principals| GovernanceSettings { principals, ..self.after.clone() }.checked());
            checked.err().map(|error| (Place::Principals, error))
        })
    }

    fn problem_of_clusters(&self) -> Option<(Place, Error)> {
        if !self.uses_clusters() {
            return None;
        }
        let photon = self.photon();
        // Which of them is wrong is not in the error: each is tried among settings that are right.
        let volume = PhotonSettings { volume: photon.volume.clone(), ..PhotonSettings::default() };
        if let Err(error) = volume.checked() {
            return Some((Place::Volume, error));
        }
        let (min_workers, max_workers) = (photon.min_workers, photon.max_workers);
        if let Err(error) = (PhotonSettings { min_workers, max_workers, ..volume.clone() }).checked() {
            return Some((Place::Workers, error));
        }
        if let Some(problem) = problem_of_access(&photon, &volume) {
            return Some(problem);
        }
        if let Err(words) = lines::spark_conf(&self.spark_conf) {
            return Some((Place::SparkConf, Error::invalid(words)));
        }
        for (place, typed) in [(Place::SecretConf, &self.secret_conf), (Place::Tags, &self.tags)] {
            if let Err(words) = lines::filled_pairs(typed) {
                return Some((place, Error::invalid(words)));
            }
        }
        photon.checked().err().map(|error| (Place::Clusters, error))
    }

    /// On what compute the copies run, as far as the settings say.
    pub fn way(&self) -> ComputeWay {
        self.photon().way()
    }

    fn photon(&self) -> PhotonSettings {
        let mut photon = self.photon.clone();
        photon.volume = photon.volume.trim().trim_end_matches('/').to_string();
        for text in [
            &mut photon.source_catalog,
            &mut photon.runtime,
            &mut photon.node_type,
            &mut photon.policy,
            &mut photon.pool,
            &mut photon.driver_pool,
            &mut photon.instance_profile,
            &mut photon.run_as,
            &mut photon.single_user,
            &mut photon.budget_policy,
            &mut photon.scripts_folder,
            &mut photon.logs,
        ] {
            tidy(text);
        }
        // Serverless compute takes none, and what is not in sight counts for nothing.
        if photon.is_serverless() {
            let standard = PhotonSettings::default();
            photon.access_mode = standard.access_mode;
            for text in [
                &mut photon.runtime,
                &mut photon.node_type,
                &mut photon.policy,
                &mut photon.pool,
                &mut photon.driver_pool,
                &mut photon.instance_profile,
                &mut photon.single_user,
                &mut photon.logs,
            ] {
                *text = None;
            }
        } else {
            photon.spark_conf = lines::spark_conf(&self.spark_conf).unwrap_or_default();
            photon.secret_conf = lines::filled_pairs(&self.secret_conf).unwrap_or_default();
        }
        photon.tags = lines::filled_pairs(&self.tags).unwrap_or_default();
        photon
    }

    fn after(&self) -> GovernanceSettings {
        let mut after = self.after.clone();
        tidy(&mut after.metrics_table);
        tidy(&mut after.warehouse);
        after.principals = lines::principals(&self.principals).unwrap_or_default();
        after
    }

    /// Adds to settings what counts.
    pub fn join(&self, settings: &mut Settings) {
        settings.engine = (self.engine == EngineChoice::Photon).then_some(EngineKind::Photon);
        settings.photon = self.uses_clusters().then(|| self.photon());
        settings.governance = Some(self.after()).filter(|after| *after != GovernanceSettings::default());
    }
}

/// What the machines are, who the clusters belong to, and who the runs run as: each tried among settings that are right.
fn problem_of_access(photon: &PhotonSettings, right: &PhotonSettings) -> Option<(Place, Error)> {
    let right = || right.clone();
    let of = |scripts_folder: &Option<String>, run_as: &Option<String>| PhotonSettings {
        scripts_folder: scripts_folder.clone(),
        run_as: run_as.clone(),
        ..right()
    };
    let (node_type, pool, driver_pool) = (photon.node_type.clone(), photon.pool.clone(), photon.driver_pool.clone());
    let tried = [
        (Place::Machines, PhotonSettings { node_type, pool, driver_pool, ..right() }),
        (Place::InstanceProfile, PhotonSettings { instance_profile: photon.instance_profile.clone(), ..right() }),
        (
            Place::SingleUser,
            PhotonSettings { access_mode: photon.access_mode, single_user: photon.single_user.clone(), ..right() },
        ),
        (Place::ScriptsFolder, of(&photon.scripts_folder, &None)),
        (Place::RunAs, of(&photon.scripts_folder, &photon.run_as)),
    ];
    tried.into_iter().find_map(|(place, settings)| Some((place, settings.checked().err()?)))
}

/// Nothing but blanks is nothing.
fn tidy(text: &mut Option<String>) {
    *text = text.take().map(|text| text.trim().to_string()).filter(|text| !text.is_empty());
}

#[cfg(test)]
mod tests {
    use super::*;
    use icebridge_model::photon::{AccessMode, ComputeChoice};

    fn draft() -> UnityDraft {
        let photon =
            PhotonSettings { volume: " /Volumes/main/default/icebridge/ ".into(), ..PhotonSettings::default() };
        UnityDraft { engine: EngineChoice::Automatic, photon, ..UnityDraft::default() }
    }

    fn joined(draft: &UnityDraft) -> Settings {
        let mut settings = Settings::default();
        draft.join(&mut settings);
        settings
    }

    #[test]
    fn what_nobody_touched_changes_no_setting() {
        assert_eq!(joined(&UnityDraft::default()), Settings::default());
        assert_eq!(UnityDraft::default().problem(), None);
    }

    #[test]
    fn a_choice_says_who_may_copy() {
        let automatic = joined(&draft());
        assert_eq!(automatic.engine, None);
        assert_eq!(automatic.photon.as_ref().unwrap().volume, "/Volumes/main/default/icebridge");
        let photon = joined(&UnityDraft { engine: EngineChoice::Photon, ..draft() });
        assert_eq!(photon.engine, Some(EngineKind::Photon));
        assert!(photon.photon.is_some());
        let here = joined(&UnityDraft { engine: EngineChoice::Here, ..draft() });
        assert_eq!((here.engine, here.photon), (None, None), "what was typed waits, and is not sent");
    }

    #[test]
    fn typed_lines_and_blanks_become_settings() {
        let mut draft = draft();
        draft.photon.source_catalog = Some("  ".into());
        draft.photon.policy = Some(" 0A1B ".into());
        draft.spark_conf = "spark.sql.catalog.src = org.apache.iceberg.spark.SparkCatalog".into();
        draft.secret_conf = "spark.sql.catalog.src.token = token".into();
        draft.tags = "team = lake\ncost-centre = 4711".into();
        draft.photon.scripts_folder = Some(" /Shared/icebridge ".into());
        draft.principals = "a@old.org = a@new.org\ninterns =".into();
        draft.after.warehouse = Some(String::new());
        assert_eq!(draft.problem(), None);
        let settings = joined(&draft);
        let (photon, after) = (settings.photon.unwrap(), settings.governance.unwrap());
        assert_eq!((photon.source_catalog, photon.policy.as_deref()), (None, Some("0A1B")));
        assert_eq!(photon.spark_conf.len(), 1);
        assert_eq!(photon.secret_conf["spark.sql.catalog.src.token"], "token");
        assert_eq!((photon.tags.len(), photon.scripts_folder.as_deref()), (2, Some("/Shared/icebridge")));
        draft.photon.compute = ComputeChoice::Serverless;
        let serverless = joined(&draft).photon.unwrap();
        assert!(serverless.secret_conf.is_empty() && serverless.policy.is_none(), "serverless compute takes none");
        assert_eq!(after.principals["a@old.org"].as_deref(), Some("a@new.org"));
        assert_eq!(after.principals["interns"], None);
        assert_eq!(after.warehouse, None);
    }

    #[test]
    fn a_problem_is_shown_at_its_field() {
        let place = |change: fn(&mut UnityDraft)| {
            let mut draft = draft();
            change(&mut draft);
            draft.problem().map(|(place, _)| place)
        };
        assert_eq!(place(|_| ()), None);
        assert_eq!(place(|draft| draft.photon.volume = "/tmp".into()), Some(Place::Volume));
        assert_eq!(place(|draft| draft.photon.min_workers = 9), Some(Place::Workers));
        assert_eq!(place(|draft| draft.spark_conf = "spark.x".into()), Some(Place::SparkConf));
        assert_eq!(place(|draft| draft.secret_conf = "spark.x =".into()), Some(Place::SecretConf));
        assert_eq!(place(|draft| draft.tags = "team".into()), Some(Place::Tags));
        assert_eq!(place(|draft| draft.photon.driver_pool = Some("d".into())), Some(Place::Machines));
        assert_eq!(place(|draft| draft.photon.instance_profile = Some("copier".into())), Some(Place::InstanceProfile));
        let shared = |draft: &mut UnityDraft| {
            (draft.photon.access_mode, draft.photon.single_user) = (AccessMode::Standard, Some("ada".into()));
        };
        assert_eq!(place(shared), Some(Place::SingleUser));
        assert_eq!(place(|draft| draft.photon.run_as = Some("5e0b-12".into())), Some(Place::RunAs));
        assert_eq!(place(|draft| draft.photon.scripts_folder = Some("Shared".into())), Some(Place::ScriptsFolder));
        assert_eq!(place(|draft| draft.photon.pool = Some(" ".into())), None);
        assert_eq!(place(|draft| draft.photon.side_by_side = 0), Some(Place::Clusters));
        assert_eq!(place(|draft| draft.principals = "nobody".into()), Some(Place::Principals));
        let unused = UnityDraft { engine: EngineChoice::Here, ..UnityDraft::default() };
        assert_eq!(unused.problem(), None, "no volume is needed where no cluster is used");
    }

    #[test]
    fn a_draft_survives_the_preferences_and_those_of_another_version_do_no_harm() {
        let mut whole = draft();
        whole.spark_conf = "half a li".into();
        let text = serde_json::to_string(&whole).unwrap();
        assert_eq!(serde_json::from_str::<UnityDraft>(&text).unwrap(), whole);
        let newer = r#"{"engine":"abacus","photon":{"volume":"/Volumes/a/b/c","beads":7},"principals":"a = b"}"#;
        let read: UnityDraft = serde_json::from_str(newer).unwrap();
        assert_eq!(read, UnityDraft { principals: "a = b".into(), ..UnityDraft::default() });
    }
}
