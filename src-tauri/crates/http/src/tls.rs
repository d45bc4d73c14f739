//! The one provider of cryptography for TLS.

use std::sync::Once;

/// Makes ring the provider of this process. Whoever opens connections calls it before; the first call counts, and a
/// provider that the process has installed before is kept.
pub fn install_provider() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        // An error says that there is one already, which serves as well.
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
}
