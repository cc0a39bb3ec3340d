//! Functions of sprig that do not belong in a rendering: each rendering of an image gives the same files everywhere.

const CLOCK: &str = "it depends on the clock, and rendering the same image twice gives the same files";
const CHANCE: &str = "it depends on chance, and rendering the same image twice gives the same files";
const NETWORK: &str = "it would ask the network while files are rendered";
const KEYS: &str = "keys and passwords are not made while files are rendered";
const ENGINE: &str = "it is helm's, and charts are rendered by helm";

/// Says why a function that authors may know is not available; `None` is a function that nobody knows.
pub(super) fn why(name: &str) -> Option<&'static str> {
    Some(match name {
        "now" | "ago" | "date" | "date_in_zone" | "date_modify" | "dateInZone" | "dateModify"
        | "duration" | "durationRound" | "htmlDate" | "htmlDateInZone" | "must_date_modify"
        | "mustDateModify" | "mustToDate" | "toDate" | "unixEpoch" => CLOCK,
        "randAlphaNum" | "randAlpha" | "randAscii" | "randNumeric" | "randInt" | "randBytes" | "shuffle"
        | "uuidv4" => CHANCE,
        "getHostByName" => NETWORK,
        "bcrypt"
        | "htpasswd"
        | "genPrivateKey"
        | "derivePassword"
        | "buildCustomCert"
        | "genCA"
        | "genCAWithKey"
        | "genSelfSignedCert"
        | "genSelfSignedCertWithKey"
        | "genSignedCert"
        | "genSignedCertWithKey"
        | "encryptAES"
        | "decryptAES" => KEYS,
        "include" | "tpl" | "lookup" => ENGINE,
        "call" => "there are no function values here",
        _ => return None,
    })
}
