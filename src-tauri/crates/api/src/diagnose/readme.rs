//! What the archive says about itself.

use icebridge_model::logs::{DiagnoseRequest, DiagnosisFile};

pub fn left_out(request: &DiagnoseRequest) -> Vec<String> {
    let mut left_out = vec![
        "Secrets: passwords, tokens and keys stand as ***. The keychain was not copied.".to_string(),
        "Rows, data files and metadata files of tables.".to_string(),
        "Plans, mappings, inventories and the journal; `icebridge audit export` is for those.".to_string(),
        "Values of environment variables.".to_string(),
    ];
    if request.offline {
        left_out.push("What the catalogs can do: they were not asked (--offline).".to_string());
    }
    if request.without_names {
        left_out.push(
            "Names of tables, catalogs, hosts, paths and principals: pseudonyms stand in their place. Which is which is written \
             down nowhere. A name that is an ordinary word in a message, and in no list of IceBridge's, may be left: look \
             through the files before you send them."
                .to_string(),
        );
    }
    left_out
}

pub fn text(files: &[DiagnosisFile], left_out: &[String]) -> String {
    let mut text = String::from("A diagnosis by IceBridge, for a bug report.\n\nIn this archive:\n");
    for file in files {
        text.push_str(&format!("  {}: {} ({} bytes)\n", file.path, file.about, file.bytes));
    }
    text.push_str("\nNot in this archive:\n");
    for sentence in left_out {
        text.push_str(&format!("  - {sentence}\n"));
    }
    if !left_out.iter().any(|sentence| sentence.starts_with("Names")) {
        text.push_str(
            "\nNames of tables, catalogs, hosts, paths and principals are in it. `icebridge diagnose --without-names` writes \
             pseudonyms in their place.\n",
        );
    }
    text
}
