//! Secrets of the forge: the App's key pair, made at the first start and kept for its owner alone, and random names.

use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::KeyPair as _;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

use crate::forge::http::StartError;

/// Characters of a line of PEM text.
const PEM_LINE: usize = 64;

/// The App's key pair.
pub(crate) struct AppKey {
    /// PKCS#8 in PEM form.
    pub(crate) private_pem: SecretString,
    /// The public key as `RSAPublicKey` in DER form.
    pub(crate) public_der: Vec<u8>,
}

impl AppKey {
    /// Reads the key pair, or makes one and keeps it in a file only its owner may read.
    pub(crate) fn load_or_create(path: &Path) -> Result<Self, StartError> {
        let failed = |message: String| StartError::State { place: path.to_owned(), message };
        let pem = if path.exists() {
            std::fs::read_to_string(path).map_err(|error| failed(error.to_string()))?
        } else {
            let made = generate().map_err(|()| failed("no RSA key pair could be made".to_owned()))?;
            write_private(path, &made).map_err(|error| failed(error.to_string()))?;
            made
        };
        let body: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
        let der =
            STANDARD.decode(body).map_err(|_| failed("is no PEM file; remove it to make a new key".to_owned()))?;
        let pair = KeyPair::from_pkcs8(&der)
            .map_err(|_| failed("is no RSA key in PKCS#8; remove it to make a new key".to_owned()))?;
        Ok(Self { private_pem: SecretString::from(pem), public_der: pair.public_key().as_ref().to_vec() })
    }
}

fn generate() -> Result<String, ()> {
    let pair = KeyPair::generate(KeySize::Rsa2048).map_err(|_| ())?;
    let der = AsDer::<Pkcs8V1Der<'_>>::as_der(&pair).map_err(|_| ())?;
    let text = STANDARD.encode(der.as_ref());
    let mut pem = String::from("-----BEGIN PRIVATE KEY-----\n");
    for line in text.as_bytes().chunks(PEM_LINE) {
        pem.push_str(&String::from_utf8_lossy(line));
        pem.push('\n');
    }
    pem.push_str("-----END PRIVATE KEY-----\n");
    Ok(pem)
}

/// Writes a file that only its owner may read, whole or not at all.
fn write_private(path: &Path, text: &str) -> std::io::Result<()> {
    let unfinished = path.with_extension("unfinished");
    let mut file = std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&unfinished)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    std::fs::rename(&unfinished, path)
}

/// Random bytes as lower-case hexadecimal digits.
pub(crate) fn random_hex(bytes: usize) -> Result<String, getrandom::Error> {
    let mut buffer = vec![0_u8; bytes];
    getrandom::fill(&mut buffer)?;
    Ok(hex::encode(buffer))
}

/// A random identifier in the form of a version 4 UUID.
pub(crate) fn guid() -> Result<String, getrandom::Error> {
    let digits = random_hex(16)?;
    let part = |from: usize, to: usize| digits.get(from..to).unwrap_or_default().to_owned();
    Ok(format!("{}-{}-4{}-a{}-{}", part(0, 8), part(8, 12), part(13, 16), part(17, 20), part(20, 32)))
}

/// SHA-256 of a secret, so that the secret itself need not be kept.
pub(crate) fn digest(secret: &SecretString) -> String {
    hex::encode(Sha256::digest(secret.expose_secret().as_bytes()))
}
